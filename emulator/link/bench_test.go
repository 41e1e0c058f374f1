package link_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

func manyEdges(n int) *topologies.Topology {
	var edges []topologies.Edge
	for i := range n {
		edges = append(edges, edge(fmt.Sprintf("gw-%d", i), 10e6))
	}
	return topology(edges...)
}

// BenchmarkBuildAndRemove builds, reads back and removes a network between namespaces that exist.
func BenchmarkBuildAndRemove(b *testing.B) {
	for _, n := range []int{20, 50, 90} {
		b.Run(fmt.Sprintf("%d edges", n), func(b *testing.B) {
			plan := newPlan(b, manyEdges(n), emulator.Options{})
			nodes := newNodes(b, plan)
			var built, verified, removed time.Duration
			for b.Loop() {
				started := time.Now()
				live, err := link.Build(b.Context(), plan.Network, nodes, &memoryJournal{})
				if err != nil {
					b.Fatal(err)
				}
				built += time.Since(started)
				started = time.Now()
				if err := live.Verify(b.Context()); err != nil {
					b.Fatal(err)
				}
				verified += time.Since(started)
				started = time.Now()
				if err := live.Close(context.Background()); err != nil {
					b.Fatal(err)
				}
				awaitNoDevices(b, nodes)
				removed += time.Since(started)
			}
			for name, d := range map[string]time.Duration{"build-ms": built, "verify-ms": verified, "remove-ms": removed} {
				b.ReportMetric(d.Seconds()*1000/float64(b.N), name)
			}
		})
	}
}

// BenchmarkCounters reads all links once.
func BenchmarkCounters(b *testing.B) {
	l := newLab(b, manyEdges(90), emulator.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Counters(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGoodput reports how far a bulk flow is from the link's rate less framing.
func BenchmarkGoodput(b *testing.B) {
	for _, rate := range []units.Rate{1e6, 10e6, 100e6, 500e6, 1e9} {
		b.Run(rate.String(), func(b *testing.B) {
			l := newLab(b, topology(edge("gw", rate)), emulator.Options{})
			up, _ := l.plan.Link("gw.uplink")
			sender, receiver := l.connect(b, "gw", "cloud")
			worst := 0.0
			for b.Loop() {
				got, err := bulk(sender, receiver, 0, 500*time.Millisecond, 2*time.Second)
				if err != nil {
					b.Fatal(err)
				}
				if share := float64(got/up.Egress.Goodput()) - 1; share*share > worst*worst {
					worst = share
				}
			}
			b.ReportMetric(100*worst, "error-%")
		})
	}
}
