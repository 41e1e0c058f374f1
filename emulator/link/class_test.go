package link_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// weights reserves 1, 2, … n parts of a rate at an edge.
func weights(edge string, unit units.Rate, n int) []emulator.Reservation {
	var all []emulator.Reservation
	for i := range n {
		all = append(all, emulator.Reservation{
			Edge: edge, Task: fmt.Sprintf("t%d", i+1), Rate: units.Rate(i+1) * unit, Port: uint16(10_000 + 2*i), Smallest: 100_000})
	}
	return all
}

// sideBySide runs bulk flows from an edge's ports at once and returns what each got after a warm-up; port 0 is any other traffic.
func (l *lab) sideBySide(t *testing.T, edge string, warmup time.Duration, ports ...int) func() []units.Rate {
	t.Helper()
	const window, least = 1200 * time.Millisecond, 16 * shape.Frame // least is the queue of the smallest class
	ends := make([][2]int, len(ports))
	for i, p := range ports {
		ends[i][0], ends[i][1] = l.connectFrom(t, edge, "cloud", p)
	}
	return func() []units.Rate {
		got := make([]units.Rate, len(ports))
		var runs []func() error
		for i, e := range ends {
			runs = append(runs, func() (err error) {
				got[i], err = bulk(e[0], e[1], least, warmup, window)
				return err
			})
		}
		if err := onTime(runs...); err != nil {
			t.Fatal(err)
		}
		return got
	}
}

func TestFlowsWithReservationsGetTheirSharesOfALinkAndOfATrunk(t *testing.T) {
	const unit = units.Rate(500e3)
	behind := edge("gw", 100e6)
	behind.Trunk = "west"
	trunked := topology(behind)
	trunked.Trunks = []topologies.Trunk{{Name: "west", Link: topologies.Link{Rate: 20e6}}}
	for name, c := range map[string]struct {
		topo   *topologies.Topology
		borrow bool
	}{"reserved on a trunk": {trunked, false}, "borrowing on an uplink": {topology(edge("gw", 20e6)), true}} {
		t.Run(name, func(t *testing.T) {
			reserved := weights("gw", unit, 8)
			l := newLab(t, c.topo, emulator.Options{Sharing: emulator.Sharing{Reserved: reserved, Borrow: c.borrow}})
			if err := l.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			var ports []int
			for i, r := range reserved {
				ports = append(ports, int(r.Port)+i%2) // both ports of a class are its own
			}
			// Slow flows need a while to mend what they lost when they began.
			run := l.sideBySide(t, "gw", 3*time.Second, append(ports, 0)...)
			// The ninth is bulk traffic that has reserved nothing: it has the 2 Mb/s that are left.
			want := []units.Rate{1 * unit, 2 * unit, 3 * unit, 4 * unit, 5 * unit, 6 * unit, 7 * unit, 8 * unit, 4 * unit}
			within(t, "the share that is farthest from its reservation", 1, testutil.Tolerances().Share, func() float64 {
				farthest := 1.0
				for i, got := range run() {
					share := float64(got) / (float64(want[i]) * shape.GoodputShare)
					t.Logf("flow %d: %.3f of what it has reserved", i+1, share)
					if abs(share-1) > abs(farthest-1) {
						farthest = share
					}
				}
				return farthest
			})
		})
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestWhatIsIdleIsBorrowedOrStaysIdle(t *testing.T) {
	const link, reserved = units.Rate(20e6), units.Rate(4e6)
	for _, c := range []struct {
		borrow bool
		want   units.Rate
	}{{false, reserved}, {true, link}} {
		t.Run(fmt.Sprintf("borrow %v", c.borrow), func(t *testing.T) {
			l := newLab(t, topology(edge("gw", link)), emulator.Options{Sharing: emulator.Sharing{Reserved: weights("gw", reserved, 1), Borrow: c.borrow}})
			run := l.sideBySide(t, "gw", 500*time.Millisecond, 10_000)
			within(t, "goodput of the only flow (b/s)", float64(c.want)*shape.GoodputShare, testutil.Tolerances().Goodput, func() float64 { return float64(run()[0]) })
		})
	}
}

// TestALinkIsOpenForItsProbe has other traffic than the tasks' fill the whole link, and then only what the tasks leave.
func TestALinkIsOpenForItsProbe(t *testing.T) {
	l := newLab(t, topology(edge("gw", 20e6)), emulator.Options{Sharing: emulator.Sharing{Reserved: weights("gw", 15e6, 1)}})
	run := l.sideBySide(t, "gw", time.Second, 0)
	for _, step := range []struct {
		do   func() error
		want units.Rate
	}{{l.Open, 20e6}, {l.Restrict, 5e6}} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		within(t, "goodput (b/s)", float64(step.want)*shape.GoodputShare, testutil.Tolerances().Goodput, func() float64 { return float64(run()[0]) })
	}
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
