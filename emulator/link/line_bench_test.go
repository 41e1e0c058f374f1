package link_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// cpuOf is the CPU time of all threads of a process.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	total := time.Duration(0)
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, thread.Name()))
		if err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(ns)
	}
	return total
}

// BenchmarkDelayLine runs a bulk flow over each of some links with 10 ms each way.
func BenchmarkDelayLine(b *testing.B) {
	for _, c := range []struct {
		edges int
		rate  units.Rate
	}{{1, 10e6}, {1, 100e6}, {1, 190e6}, {1, 1e9}, {1, 10e9}, {10, 10e6}, {50, 10e6}} {
		b.Run(fmt.Sprintf("%dx%gMbps", c.edges, float64(c.rate)/1e6), func(b *testing.B) {
			var edges []topologies.Edge
			for i := range c.edges {
				e := edge(fmt.Sprintf("gw-%d", i), c.rate)
				e.Uplink.Delay = 10 * ms
				e.Downlink = &topologies.Link{Rate: c.rate, Delay: 10 * ms, Queue: 50 * ms}
				edges = append(edges, e)
			}
			l := newLab(b, topology(edges...), userspace())
			goodput := make([]units.Rate, c.edges)
			var flows []func() error
			for i := range edges {
				sender, receiver := l.connect(b, edges[i].Name, "cloud")
				flows = append(flows, func() (err error) {
					goodput[i], err = bulk(sender, receiver, 0, time.Second, 3*time.Second)
					return err
				})
			}
			for b.Loop() {
				if err := l.Line().Reset(); err != nil {
					b.Fatal(err)
				}
				before, ends, started := cpuOf(b, l.Line().PID()), cpuOf(b, os.Getpid()), clock.Now()
				if err := onTime(flows...); err != nil {
					b.Fatal(err)
				}
				used, atEnds := cpuOf(b, l.Line().PID())-before, cpuOf(b, os.Getpid())-ends
				r := l.report(b)
				sum := units.Rate(0)
				for _, g := range goodput {
					sum += g
				}
				b.ReportMetric(float64(sum)/1e6, "Mb/s")
				b.ReportMetric(float64(slices.Min(goodput))/1e6, "Mb/s-least")
				took := clock.Since(started)
				packets := int64(0)
				for _, w := range r.Ways {
					packets += w.Packets
				}
				b.ReportMetric(used.Seconds()/took.Seconds(), "cores")
				b.ReportMetric(atEnds.Seconds()/took.Seconds(), "cores-ends")
				b.ReportMetric(float64(packets)/took.Seconds(), "packets/s")
				b.ReportMetric(used.Seconds()*1e6/float64(packets), "µs/packet")
				b.ReportMetric(r.P50.Seconds()*1e3, "ms-late-p50")
				b.ReportMetric(r.P99.Seconds()*1e3, "ms-late-p99")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkDelayLineRoundTrip is the error of round trips over an idle host: how much longer they are than the plan says. It
// fails where the median is 0.3 ms or more off, or the 95th percentile 1 ms.
func BenchmarkDelayLineRoundTrip(b *testing.B) {
	for _, delay := range []units.Virtual{2 * ms, 10 * ms, 40 * ms} {
		b.Run(fmt.Sprintf("%v each way", time.Duration(delay)), func(b *testing.B) {
			l := newLab(b, delayed(100e6, delay), userspace())
			for b.Loop() {
				trips := l.roundTrips(b, max(2*time.Second, 400*time.Duration(delay)))
				slices.Sort(trips)
				off := func(q float64) time.Duration { return trips[int(q*float64(len(trips)-1))] - 2*time.Duration(delay) }
				for _, q := range []float64{0.5, 0.95, 0.99, 1} {
					b.ReportMetric(off(q).Seconds()*1e3, fmt.Sprintf("ms-p%g", 100*q))
				}
				var err error
				if off(0.5) >= 300*time.Microsecond {
					err = fmt.Errorf("the median is %v off", off(0.5))
				}
				if off(0.95) >= time.Millisecond {
					err = errors.Join(err, fmt.Errorf("the 95th percentile is %v off", off(0.95)))
				}
				if err != nil {
					b.Error(err)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
