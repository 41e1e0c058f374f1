package link_test

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/features"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

func needsNetem(t testing.TB) {
	t.Helper()
	testutil.NeedsRoot(t)
	testutil.NeedsNetem(t, features.Netem())
}

// uplink is a topology of one edge with this uplink and a downlink that delays nothing.
func uplink(l topologies.Link) *topologies.Topology {
	e := edge("gw", l.Rate)
	e.Uplink, e.Downlink = l, &topologies.Link{Rate: 1e9}
	return topology(e)
}

func TestARoundTripIsTheSumOfTheDelays(t *testing.T) {
	needsNetem(t)
	e := edge("gw", 100e6)
	e.Uplink.Delay, e.Downlink = 10*ms, &topologies.Link{Rate: 100e6, Delay: 18 * ms}
	e.Trunk = "west"
	topo := topology(e)
	topo.Trunks = []topologies.Trunk{{Name: "west", Link: topologies.Link{Rate: 200e6, Delay: ms}}}
	for _, dilation := range []units.Dilation{1, 3} {
		l := newLab(t, topo, emulator.Options{Dilation: dilation})
		if err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		trips := l.roundTrips(t, 2*time.Second)
		slices.Sort(trips)
		planned, bounds := dilation.Wall(30*ms), testutil.Tolerances().Netem
		if n := len(trips); n < 15 {
			t.Fatalf("%d round trips in 2 s, planned are %v", n, planned)
		}
		p50, p95 := median(trips), trips[len(trips)*95/100]
		t.Logf("round trip at dilation %v: planned %v, measured %v (p50), %v (p95)", dilation, planned, p50, p95)
		if p50 < planned || p50 > planned+bounds.P50 || p95 > planned+bounds.P95 {
			t.Errorf("round trip at dilation %v: planned %v, measured %v (p50), %v (p95)", dilation, planned, p50, p95)
		}
	}
}

// arrival is a packet of a sequence that was sent at a steady pace.
type arrival struct {
	number int
	took   time.Duration
}

// paced sends so many small packets from the edge to the cloud, one each gap, and returns what arrives in the order
// in which it does.
func (l *lab) paced(t *testing.T, packets int, gap time.Duration) (arrived []arrival) {
	t.Helper()
	return l.pace(t, packets, gap, false)
}

// pacedTrips does so to the cloud and back.
func (l *lab) pacedTrips(t *testing.T, packets int, gap time.Duration) (arrived []arrival) {
	t.Helper()
	return l.pace(t, packets, gap, true)
}

func (l *lab) pace(t *testing.T, packets int, gap time.Duration, back bool) (arrived []arrival) {
	t.Helper()
	sender, far := l.bounce(t, "gw")
	start := clock.Now()
	due := func(i int) int64 { return start + int64(i)*int64(gap) }
	receiver := far
	onWay := []func() error{func() error {
		buf := make([]byte, 16)
		for i := range packets {
			clock.SleepUntil(due(i))
			binary.NativeEndian.PutUint64(buf, uint64(i))
			binary.NativeEndian.PutUint64(buf[8:], uint64(clock.Now()))
			if _, err := write(sender, buf); err != nil {
				return err
			}
		}
		return nil
	}}
	if back {
		receiver = sender
		onWay = append(onWay, func() error { return echo(far, due(packets)+int64(time.Second)) })
	}
	err := onTime(append(onWay, func() error {
		buf := make([]byte, 16)
		for {
			_, err := read(receiver, buf)
			if errors.Is(err, unix.EAGAIN) { // nothing for 100 ms
				if clock.Now() > due(packets) {
					return nil
				}
				continue
			}
			if err != nil {
				return err
			}
			sent := int64(binary.NativeEndian.Uint64(buf[8:]))
			arrived = append(arrived, arrival{int(binary.NativeEndian.Uint64(buf)), clock.Since(sent)})
		}
	})...)
	if err := errors.Join(err, unix.Close(sender), unix.Close(far)); err != nil {
		t.Fatal(err)
	}
	return arrived
}

// likely checks how often something happened against the middle 99.99 % of what chance makes of it.
func likely(t *testing.T, what string, happened, of int, p float64) {
	t.Helper()
	b := distuv.Binomial{N: float64(of), P: p}
	low, high := 0, of
	for b.CDF(float64(low)) < 0.00005 {
		low++
	}
	for b.CDF(float64(high-1)) > 0.99995 {
		high--
	}
	t.Logf("%s: planned %.4g, measured %.4g (%d of %d, %d to %d are likely)", what, p, float64(happened)/float64(of), happened, of, low, high)
	if happened < low || happened > high {
		t.Errorf("%s: %d of %d, want %d to %d", what, happened, of, low, high)
	}
}

func TestJitterIsNormalBoundedAndKeepsTheOrder(t *testing.T) {
	needsNetem(t)
	const delay, jitter, packets = 20 * time.Millisecond, 2 * time.Millisecond, 1000
	topo := uplink(topologies.Link{Rate: 100e6, Delay: units.Virtual(delay), Jitter: units.Virtual(jitter)})
	l := newLab(t, topo, emulator.Options{})
	// Packets so far apart do not wait for each other, and each shows its own draw.
	arrived := l.paced(t, packets, 7*jitter)
	var took []float64
	for _, a := range arrived {
		took = append(took, a.took.Seconds())
	}
	mean, sd := stat.MeanStdDev(took, nil)
	least, most := slices.Min(took), slices.Max(took)
	t.Logf("delay of %v ± %v: measured %.5f ± %.5f s, %.5f to %.5f", delay, jitter, mean, sd, least, most)
	// Four standard errors of the mean and of the standard deviation, the latter of a normal distribution cut at three sigma.
	const cut = 0.9866
	n := math.Sqrt(packets)
	if math.Abs(mean-delay.Seconds()) > 4*jitter.Seconds()/n+100e-6 || math.Abs(sd/(cut*jitter.Seconds())-1) > 4/(math.Sqrt2*n) {
		t.Errorf("delay of %v ± %v: measured %.5f ± %.5f s", delay, jitter, mean, sd)
	}
	if least < (delay-3*jitter).Seconds() || most > (delay+3*jitter).Seconds()+100e-6 {
		t.Errorf("delays from %.5f to %.5f s, want within three times the jitter", least, most)
	}
	// And so near, most would overtake another.
	arrived = append(arrived, newLab(t, topo, emulator.Options{}).paced(t, packets, jitter/4)...)
	if len(arrived) != 2*packets {
		t.Errorf("%d of %d packets arrived", len(arrived), 2*packets)
	}
	if !slices.IsSortedFunc(arrived[len(arrived)-packets:], func(a, b arrival) int { return a.number - b.number }) {
		t.Error("jitter has changed the order")
	}
}

func TestLossDuplicatesAndReorderingAreAsLikelyAsPlanned(t *testing.T) {
	needsNetem(t)
	const packets, gap = 4000, time.Millisecond
	for _, c := range []struct {
		name string
		link topologies.Link
	}{
		{"loss", topologies.Link{Loss: 0.05}},
		{"duplicates", topologies.Link{Duplicate: 0.02}},
		{"reordering", topologies.Link{Delay: 10 * ms, Reorder: 0.03}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.link.Rate = 100e6
			l := newLab(t, uplink(c.link), emulator.Options{})
			arrived := l.paced(t, packets, gap)
			seen := map[int]int{}
			early := 0
			for i, a := range arrived {
				seen[a.number]++
				if i > 0 && a.number > arrived[i-1].number+1 && c.link.Reorder > 0 {
					early++ // it has overtaken all that is under way
				}
			}
			likely(t, "lost", packets-len(seen), packets, float64(c.link.Loss))
			likely(t, "twice", len(arrived)-len(seen), len(seen), float64(c.link.Duplicate))
			if c.link.Reorder > 0 {
				fast := 0
				for _, a := range arrived {
					if a.took < c.link.Delay.Duration()/2 {
						fast++
					}
				}
				likely(t, "sent at once", fast, packets, float64(c.link.Reorder))
				if early == 0 {
					t.Error("no packet has overtaken another")
				}
			}
		})
	}
}

// TestALongFatLinkLosesNothingToItsDelay fills a link that holds more packets under way than netem's own limit of 1000.
func TestALongFatLinkLosesNothingToItsDelay(t *testing.T) {
	needsNetem(t)
	l := newLab(t, uplink(topologies.Link{Rate: 100e6, Delay: 150 * ms, Queue: 200 * ms}), emulator.Options{})
	sender, receiver := l.bounce(t, "gw")
	defer unix.Close(sender)
	defer unix.Close(receiver)
	if err := errors.Join(unix.SetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8<<20),
		unix.SetsockoptInt(receiver, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)); err != nil {
		t.Fatal(err)
	}
	// As many small packets at once as the link carries large ones in its delay and holds in its queue, and more.
	const packets = 4000
	for range packets {
		if _, err := write(sender, make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for {
		if _, err := read(receiver, make([]byte, 64)); errors.Is(err, unix.EAGAIN) && got > 0 {
			break
		} else if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		} else if err == nil {
			got++
		}
	}
	if got != packets {
		t.Errorf("%d of %d packets arrived", got, packets)
	}
}
