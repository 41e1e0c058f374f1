package link_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"golang.org/x/sys/unix"
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
	trips := func(d time.Duration) []time.Duration {
		for _, link := range links {
			if at, err := l.SetDelay(link, shape.Delay{Delay: d, Limit: 1000}); err != nil || clock.Since(at) < 0 {
				t.Fatalf("set at %d: %v", at, err)
			}
		}
		if err := l.Line().Reset(); err != nil {
			t.Fatal(err)
		}
		return l.roundTrips(t, time.Second)
	}
	direct := median(trips(0))
	for _, d := range []time.Duration{3 * time.Millisecond, 20 * time.Millisecond} {
		const tolerance = 300 * time.Microsecond
		within(t, fmt.Sprintf("round trip, beyond the direct one and the line's lateness, with %v each way (s)", d),
			2*d.Seconds(), tolerance.Seconds()/(2*d.Seconds()), func() float64 {
				extra := median(trips(d)) - direct
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
