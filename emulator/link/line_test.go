package link_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/stat/distuv"
)

// TestMain lets the test binary be the delay line's process, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "delayline" {
		if err := delayline.Serve(context.Background()); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// delayed is a topology of one edge whose uplink is delayed.
func delayed(rate units.Rate, delay units.Virtual) *topologies.Topology {
	e := edge("gw", rate)
	e.Uplink.Delay = delay
	return topology(e)
}

func userspace() emulator.Options { return emulator.Options{Delay: emulator.DelayUserspace, Seed: 1} }

// report is the delay line's, which must not have lost anything that was not asked for.
func (l *lab) report(t testing.TB) delayline.Report {
	t.Helper()
	r, err := l.Line().Report()
	if err != nil {
		t.Fatal(err)
	}
	drops, err := l.DelayDrops()
	if err != nil {
		t.Fatal(err)
	}
	for device, n := range drops {
		if n > 0 {
			t.Errorf("%s dropped %d packets", device, n)
		}
	}
	if n := r.Dropped(); n > 0 || r.Fault != "" {
		t.Errorf("the line dropped %d packets: %s %+v", n, r.Fault, r.Ways)
	}
	return r
}

// TestADelayInUserSpaceIsThePlannedOne compares round trips with those before the delay was set. What is more than the delay is the
// line's own lateness, once each way, which it must know of.
func TestADelayInUserSpaceIsThePlannedOne(t *testing.T) {
	l := newLab(t, delayed(100e6, 10*ms), userspace())
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	links := []string{"gw.uplink", "gw.downlink"}
	trips := func(d, window time.Duration) []time.Duration {
		for _, link := range links {
			if at, err := l.SetDelay(link, shape.Delay{Delay: d, Limit: 1000}); err != nil || clock.Since(at) < 0 {
				t.Fatalf("set at %d: %v", at, err)
			}
		}
		if err := l.Line().Reset(); err != nil {
			t.Fatal(err)
		}
		return l.roundTrips(t, window)
	}
	direct := median(trips(0, 100*time.Millisecond))
	for _, d := range []time.Duration{3 * time.Millisecond, 20 * time.Millisecond} {
		tolerance := testutil.Tolerances().Line.P50
		within(t, fmt.Sprintf("round trip, beyond the direct one and the line's lateness, with %v each way (s)", d),
			2*d.Seconds(), tolerance.Seconds()/(2*d.Seconds()), func() float64 {
				extra := median(trips(d, time.Second)) - direct
				return (extra - 2*l.report(t).P50).Seconds()
			})
	}
}

// roundTrips bounces small packets between the edge and the cloud.
func (l *lab) roundTrips(t testing.TB, window time.Duration) (trips []time.Duration) {
	t.Helper()
	ping, pong := l.bounce(t, "gw")
	end := clock.Now() + int64(window)
	err := onTime(
		func() (err error) { trips, err = probe(ping, 0, end); return err },
		func() error { return echo(pong, end) })
	if err := errors.Join(err, unix.Close(ping), unix.Close(pong)); err != nil {
		t.Fatal(err)
	}
	return trips
}

// datagrams sends packets from the edge to the cloud in bursts and counts those that arrive, copies included. before is
// called before every burst with its number.
func (l *lab) datagrams(t *testing.T, bursts, each int, every time.Duration, before func(burst int)) (arrived int) {
	t.Helper()
	const size = 1000
	ping, pong := l.bounce(t, "gw")
	if err := unix.SetsockoptInt(pong, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(pong, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Bool
	err := onTime(
		func() error {
			defer sent.Store(true)
			next := clock.Now()
			for b := range bursts {
				before(b)
				for range each {
					if _, err := write(ping, make([]byte, size)); err != nil {
						return err
					}
				}
				next += int64(every)
				clock.SleepUntil(next)
			}
			return nil
		},
		func() error {
			buf := make([]byte, 2*size)
			for {
				_, err := read(pong, buf)
				if errors.Is(err, unix.EAGAIN) && sent.Load() {
					return nil
				}
				if err != nil && !errors.Is(err, unix.EAGAIN) {
					return err
				}
				if err == nil {
					arrived++
				}
			}
		})
	if err := errors.Join(err, unix.Close(ping), unix.Close(pong)); err != nil {
		t.Fatal(err)
	}
	return arrived
}

// TestNoPacketIsLostThatWasNotAskedFor sends bursts faster than any thread reads them, one of them while the line is stopped: a
// TUN device with a queue of the usual length drops most of that.
func TestNoPacketIsLostThatWasNotAskedFor(t *testing.T) {
	topo := delayed(1e9, 10*ms)
	topo.Edges[0].Uplink.Queue = 100 * ms
	l := newLab(t, topo, userspace())
	signal := func(s unix.Signal) {
		if err := unix.Kill(l.Line().PID(), s); err != nil {
			t.Error(err)
		}
	}
	var resumed atomic.Bool
	const bursts = 10
	each, payload := 4000, units.Bytes(128<<20)
	if testutil.InGuest() {
		each, payload = 1500, 32<<20 // its one slow processor is not through with more before the next burst
	}
	arrived := l.datagrams(t, bursts, each, 100*time.Millisecond, func(burst int) {
		if burst == 5 {
			signal(unix.SIGSTOP)
			time.AfterFunc(80*time.Millisecond, func() { signal(unix.SIGCONT); resumed.Store(true) })
		}
	})
	if arrived != bursts*each || !resumed.Load() {
		t.Errorf("%d of %d datagrams arrived", arrived, bursts*each)
	}
	if r := l.report(t); int(r.Ways[0].Packets) != bursts*each || r.LongestStall < 50*time.Millisecond {
		t.Errorf("the line saw %d packets, and was not to be had for %v at most: it was stopped for 80 ms", r.Ways[0].Packets, r.LongestStall)
	}

	sender, receiver := l.connect(t, "gw", "cloud")
	took := transfer(t, sender, receiver, payload)
	l.report(t)
	if lost := retransmitted(t, sender); lost > 0 {
		counters, err := l.Counters()
		if drops := counters["gw.uplink"].Drops; err != nil || drops == 0 {
			t.Errorf("%d segments were sent again although no queue was full (%v)", lost, err)
		}
	}
	t.Logf("%d MB of TCP in %v, %.0f Mb/s", payload>>20, took, 8*float64(payload)/took.Seconds()/1e6)
}

// retransmitted is how many segments a connection has sent again.
func retransmitted(t *testing.T, fd int) uint32 {
	t.Helper()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	return info.Total_retrans
}

func TestLossAndDuplicatesAreThoseAskedFor(t *testing.T) {
	topo := delayed(100e6, 2*ms)
	topo.Edges[0].Uplink.Loss = 0.05
	topo.Edges[0].Uplink.Duplicate = 0.02
	l := newLab(t, topo, userspace())
	const n = 20_000
	arrived := l.datagrams(t, n/20, 20, 2*time.Millisecond, func(int) {})
	r := l.report(t)
	up := r.Ways[0]
	lost := distuv.Binomial{N: n, P: 0.05}
	duplicated := distuv.Binomial{N: n, P: 0.02}
	for what, c := range map[string]struct {
		law distuv.Binomial
		got int64
	}{"lost": {lost, up.Lost}, "duplicated": {duplicated, up.Duplicated}} {
		// A packet that is lost and duplicated is neither, one in a thousand.
		if math.Abs(float64(c.got)-c.law.Mean()) > 5*c.law.StdDev()+n*0.001 {
			t.Errorf("%d of %d packets were %s, want %.0f ± %.0f", c.got, n, what, c.law.Mean(), c.law.StdDev())
		}
	}
	if want := n - int(up.Lost) + int(up.Duplicated); up.Packets != n || arrived != want {
		t.Errorf("%d packets arrived of %d, want %d: %+v", arrived, n, want, up)
	}
}

// TestTheQueueFillsBehindTheLine: packets leave their socket for the line, so that TCP does not hold them back as long as they wait
// in the queue of the link.
func TestTheQueueFillsBehindTheLine(t *testing.T) {
	l := newLab(t, delayed(10e6, 5*ms), userspace())
	up, _ := l.plan.Link("gw.uplink")
	within(t, "longest round trip under load (s)", (10*time.Millisecond + up.Egress.QueueTime()).Seconds(), testutil.Tolerances().Queue, func() float64 {
		trips, _ := l.underLoad(t, "gw", "gw")
		return slices.Max(trips).Seconds()
	})
	l.report(t)
}

func TestALineThatEndsSaysSo(t *testing.T) {
	l := newLab(t, delayed(10e6, 5*ms), userspace())
	line := l.Line()
	if err := unix.Kill(line.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-line.Exited()
	var ended *delayline.EndedError
	if !errors.As(line.Err(), &ended) || !strings.Contains(ended.Error(), "signal: killed") {
		t.Errorf("error is %v, want an EndedError that names the signal", line.Err())
	}
	if _, err := line.Report(); err == nil {
		t.Error("a line that has ended still reports")
	}
	if _, err := l.SetDelay("gw.uplink", shape.Delay{}); err == nil || !strings.Contains(err.Error(), "gw.uplink") {
		t.Errorf("a line that has ended still obeys: %v", err)
	}
	// Its devices are gone, and with them the way.
	if err := l.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "gw/line: device is missing") {
		t.Errorf("the network is %v, want one without gw/line", err)
	}
}
