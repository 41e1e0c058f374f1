package link_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"golang.org/x/sys/unix"
)

func TestBulkGoodputIsTheLinksRateLessFraming(t *testing.T) {
	type measurement struct {
		rate           units.Rate
		warmup, window time.Duration
		atOnce         bool
	}
	measurements := []measurement{
		// So slow a link has a queue of four packets, and a flow on it moves in steps of some packets: it takes time to
		// tell its rate. Three links at a time cost nothing.
		{1e6, 500 * time.Millisecond, 5 * time.Second, true},
		{10e6, 300 * time.Millisecond, time.Second, true},
		{100e6, 300 * time.Millisecond, 400 * time.Millisecond, false},
	}
	names := []string{"gw-a", "gw-b", "gw-c"}
	if testutil.InGuest() {
		// Where time has no noise one link is as good as three, and faster ones do not depend on what else the host does.
		names = names[:1]
		measurements = append(measurements,
			measurement{500e6, 300 * time.Millisecond, 300 * time.Millisecond, false},
			measurement{1e9, 300 * time.Millisecond, 300 * time.Millisecond, false})
	}
	for _, c := range measurements {
		t.Run(fmt.Sprintf("%g Mbps", float64(c.rate)/1e6), func(t *testing.T) {
			var edges []topologies.Edge
			for _, name := range names {
				edges = append(edges, edge(name, c.rate))
			}
			l := newLab(t, topology(edges...), emulator.Options{})
			up, _ := l.plan.Link("gw-a.uplink")
			goodput := make([]units.Rate, len(names))
			var runs []func() error
			for i, name := range names {
				sender, receiver := l.connect(t, name, "cloud")
				runs = append(runs, func() (err error) {
					goodput[i], err = bulk(sender, receiver, up.Egress.Limit, c.warmup, c.window)
					return err
				})
			}
			step := 1
			if c.atOnce {
				step = len(runs)
			}
			within(t, "goodput (b/s)", float64(up.Egress.Goodput()), testutil.Tolerances().Goodput, func() float64 {
				for some := range slices.Chunk(runs, step) {
					if err := onTime(some...); err != nil {
						t.Fatal(err)
					}
				}
				return float64(median(goodput))
			})
		})
	}
}

func TestASingleTensorDoesNotHideInTheBurst(t *testing.T) {
	const size = 50_000
	l := newLab(t, topology(edge("gw", 10e6)), emulator.Options{SmallestTransfer: map[string]units.Bytes{"gw.uplink": size}})
	up, _ := l.plan.Link("gw.uplink")
	took := l.transfers(t, "gw", "cloud", size)
	within(t, "transfer time (s) against size/rate", size*8/10e6, 0.05, took)
	within(t, "transfer time (s) against the prediction", up.Egress.TransferTime(size).Seconds(), testutil.Tolerances().Transfer, took)
}

func TestDilationDividesTheRateAndKeepsTheBytes(t *testing.T) {
	const size = 200_000
	l := newLab(t, topology(edge("gw", 40e6)), emulator.Options{Dilation: 4})
	up, _ := l.plan.Link("gw.uplink")
	if want := units.Bytes(40e6 / 8 * 0.050); up.Egress.Limit != want {
		t.Errorf("queue is %d bytes, want %d", up.Egress.Limit, want)
	}
	within(t, "transfer time (s of wall time)", up.Egress.TransferTime(size).Seconds(), testutil.Tolerances().Transfer, l.transfers(t, "gw", "cloud", size))
}

func TestTheDownlinkIsShapedToo(t *testing.T) {
	e := edge("gw", 100e6)
	e.Downlink = &topologies.Link{Rate: 10e6}
	l := newLab(t, topology(e), emulator.Options{})
	l.carries(t, "cloud", "gw", "gw.downlink")
}

func TestABulkFlowFillsTheQueueAndIsDropped(t *testing.T) {
	l := newLab(t, topology(edge("gw", 10e6), edge("other", 10e6)), emulator.Options{})
	up, _ := l.plan.Link("gw.uplink")
	within(t, "longest round trip under load (s)", up.Egress.QueueTime().Seconds(), testutil.Tolerances().Queue, func() float64 {
		trips, _ := l.underLoad(t, "gw", "gw")
		return slices.Max(trips).Seconds()
	})
	counters, err := l.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if c := counters["gw.uplink"]; c.Drops == 0 {
		t.Errorf("no packet was dropped by a full queue: %+v", c)
	}
	if c := counters["other.uplink"]; c != (link.Counter{}) {
		t.Errorf("a link without traffic has carried some: %+v", c)
	}
}

func TestUplinksDoNotFeelEachOther(t *testing.T) {
	l := newLab(t, topology(edge("busy", 10e6), edge("idle", 10e6)), emulator.Options{})
	up, _ := l.plan.Link("busy.uplink")
	const tolerance = 0.02 // the flow mends losses
	within(t, "goodput of the busy uplink (b/s)", float64(up.Egress.Goodput()), tolerance, func() float64 {
		trips, goodput := l.underLoad(t, "busy", "idle")
		if m := median(trips); m > up.Egress.QueueTime()/20 {
			t.Errorf("round trips over the idle uplink take %v while another is loaded; that one's queue is %v", m, up.Egress.QueueTime())
		}
		return float64(goodput)
	})
}

func TestATrunkIsOneQueueForItsEdges(t *testing.T) {
	a, b := edge("gw-a", 100e6), edge("gw-b", 100e6)
	a.Trunk, b.Trunk = "west", "west"
	topo := topology(a, b)
	topo.Trunks = []topologies.Trunk{
		{Name: "west", Link: topologies.Link{Rate: 10e6}, Trunk: "core"},
		{Name: "core", Link: topologies.Link{Rate: 200e6}},
	}
	l := newLab(t, topo, emulator.Options{})
	trunk, _ := l.plan.Link("west.uplink")
	within(t, "longest round trip of the other edge (s)", trunk.Egress.QueueTime().Seconds(), testutil.Tolerances().Queue, func() float64 {
		trips, _ := l.underLoad(t, "gw-a", "gw-b")
		return slices.Max(trips).Seconds()
	})
	l.carries(t, "gw-b", "cloud", "west.uplink")
	l.carries(t, "cloud", "gw-a", "west.downlink")
}

// carries checks the goodput of a bulk flow between two nodes against the narrowest link between them.
func (l *lab) carries(t testing.TB, from, to, narrowest string) {
	t.Helper()
	k, _ := l.plan.Link(narrowest)
	sender, receiver := l.connect(t, from, to)
	within(t, "goodput (b/s) of "+k.Name, float64(k.Egress.Goodput()), testutil.Tolerances().Goodput, func() float64 {
		got, err := bulk(sender, receiver, k.Egress.Limit, 300*time.Millisecond, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return float64(got)
	})
}

// transfers measures the median time of some transfers, each over an idle link.
func (l *lab) transfers(t testing.TB, from, to string, size units.Bytes) func() float64 {
	t.Helper()
	sender, receiver := l.connect(t, from, to)
	return func() float64 {
		var took []time.Duration
		for range 9 {
			time.Sleep(10 * time.Millisecond) // for the burst to be whole again
			took = append(took, transfer(t, sender, receiver, size))
		}
		return median(took).Seconds()
	}
}

// underLoad runs a bulk flow from one edge to the cloud and meanwhile bounces small packets between another, or the
// same, and the cloud. It returns their round trips, once the queue had time to fill, and the flow's goodput.
func (l *lab) underLoad(t *testing.T, loaded, probing string) (trips []time.Duration, goodput units.Rate) {
	t.Helper()
	const warmup, window = 300 * time.Millisecond, 1200 * time.Millisecond
	sender, receiver := l.connect(t, loaded, "cloud")
	ping, pong := l.bounce(t, probing)
	end := clock.Now() + int64(warmup+window)
	err := onTime(
		func() (err error) { goodput, err = bulk(sender, receiver, 0, warmup, window); return err },
		func() (err error) { trips, err = probe(ping, end-int64(window), end); return err },
		func() error { return echo(pong, end) })
	if err := errors.Join(err, unix.Close(ping), unix.Close(pong)); err != nil {
		t.Fatal(err)
	}
	if len(trips) < 10 {
		t.Fatalf("only %d packets came back", len(trips))
	}
	return trips, goodput
}

// bounce makes two UDP sockets, connected to each other, at a node and at the cloud.
func (l *lab) bounce(t testing.TB, node string) (ping, pong int) {
	t.Helper()
	local, remote := l.way(t, node, "cloud")
	open := func(fd *int, from, to *unix.SockaddrInet4) func() error {
		return func() (err error) {
			if *fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
				return err
			}
			timeout := &unix.Timeval{Usec: 100_000}
			return errors.Join(unix.SetsockoptTimeval(*fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, timeout), unix.Bind(*fd, from), unix.Connect(*fd, to))
		}
	}
	l.in(t, node, open(&ping, sockaddr(local), sockaddr(remote)))
	l.in(t, "cloud", open(&pong, sockaddr(remote), sockaddr(local)))
	return ping, pong
}

// probe sends a packet whenever the one before has come back or, dropped by a full queue, has not within 100 ms.
func probe(fd int, start, end int64) (trips []time.Duration, err error) {
	for clock.Now() < end {
		sent := clock.Now()
		if _, err := write(fd, []byte{1}); err != nil {
			return nil, err
		}
		_, err := read(fd, make([]byte, 64))
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if sent > start {
			trips = append(trips, clock.Since(sent))
		}
	}
	return trips, nil
}

func echo(fd int, end int64) error {
	buf := make([]byte, 64)
	for clock.Now() < end {
		n, err := read(fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err == nil {
			_, err = write(fd, buf[:n])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
