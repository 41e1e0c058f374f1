package link_test

import (
	"slices"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/topologies"
)

// TestNetemAndTheDelayLineDelayAndLoseAlike holds both ways to delay packets against one plan and against each other, on one kernel.
func TestNetemAndTheDelayLineDelayAndLoseAlike(t *testing.T) {
	needsNetem(t)
	const packets = 2000
	for _, c := range []struct {
		name     string
		up, down topologies.Link
		// p95 is how much longer than the median the plan has the 95th percentile of round trips, and spread what chance makes of
		// quantiles of so many draws, at most: four standard errors of the latter.
		p95, spread time.Duration
	}{
		{"constant", topologies.Link{Delay: 10 * ms}, topologies.Link{Delay: 20 * ms}, 0, 0},
		{"jitter and loss", topologies.Link{Delay: 10 * ms, Jitter: ms, Loss: 0.02}, topologies.Link{Delay: 20 * ms, Loss: 0.01},
			1632 * time.Microsecond, 190 * time.Microsecond},
	} {
		c.up.Rate, c.down.Rate = 100e6, 100e6
		planned := (c.up.Delay + c.down.Delay).Duration()
		// Packets so far apart do not wait for each other to keep the order, nor does a processor with one for another.
		const gap = 7 * time.Millisecond
		measured := map[string]testutil.RoundTrips{}
		for _, mode := range []string{emulator.DelayNetem, emulator.DelayUserspace} {
			bounds := testutil.Tolerances().Netem
			if mode == emulator.DelayUserspace {
				bounds = testutil.Tolerances().Line
			}
			t.Run(c.name+" by "+mode, func(t *testing.T) {
				e := edge("gw", c.up.Rate)
				e.Uplink, e.Downlink = c.up, &c.down
				l := newLab(t, topology(e), emulator.Options{Delay: mode, Seed: 1})
				if err := l.Verify(t.Context()); err != nil {
					t.Error(err)
				}
				var trips []time.Duration
				for _, a := range l.pacedTrips(t, packets, gap) {
					trips = append(trips, a.took)
				}
				if l.Line() != nil {
					l.report(t)
				}
				slices.Sort(trips)
				p50, p95 := median(trips), trips[len(trips)*95/100]
				measured[mode] = testutil.RoundTrips{P50: p50, P95: p95}
				t.Logf("%s by %s: planned %v (p50), %v (p95); measured %v, %v", c.name, mode, planned, planned+c.p95, p50, p95)
				if off := p50 - planned; off < -c.spread || off > bounds.P50+c.spread {
					t.Errorf("the median is %v off, allowed are %v", off, bounds.P50+c.spread)
				}
				if off := p95 - planned - c.p95; off < -c.spread || off > bounds.P95+c.spread {
					t.Errorf("the 95th percentile is %v off, allowed are %v", off, bounds.P95+c.spread)
				}
				passes := (1 - float64(c.up.Loss)) * (1 - float64(c.down.Loss))
				likely(t, "lost", packets-len(trips), packets, 1-passes)
			})
		}
		netem, line, bounds := measured[emulator.DelayNetem], measured[emulator.DelayUserspace], testutil.Tolerances().Line
		if (line.P50-netem.P50).Abs() > bounds.P50+2*c.spread || (line.P95-netem.P95).Abs() > bounds.P95+2*c.spread {
			t.Errorf("%s: round trips of %v by netem and %v by the line", c.name, netem, line)
		}
	}
}
