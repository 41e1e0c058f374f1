package testbed

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/topologies"
)

// BenchmarkBuildAndRemove builds the whole testbed of the paper's topologies, nodes and links, and removes
// it; processes are up, and networks are not loaded. It reports the two times apart, in seconds.
func BenchmarkBuildAndRemove(b *testing.B) {
	testutil.NeedsRoot(b)
	testutil.NeedsEngine(b)
	for _, edges := range []int{10, 20, 50, 90} {
		b.Run(fmt.Sprint(edges), func(b *testing.B) {
			b.Setenv("SPLITBED_STATE", b.TempDir())
			e := DefaultExperiment()
			e.Name = "build"
			e.Emulation.Dilation = 200
			var err error
			if e.Topology, err = topologies.Load("paper-90"); err != nil {
				b.Fatal(err)
			}
			e.Topology.Generate.Edges = edges // which are the first ones
			e.Workload = parse(b, threeRates).Workload
			o, err := Options{Binary: nodeBinary}.withDefaults()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.StopTimer()
				plan, err := prepare(b.Context(), e, o)
				if err != nil {
					b.Fatal(err)
				}
				dir, err := createRunDir(filepath.Join(b.TempDir(), "run"), plan)
				if err != nil {
					b.Fatal(err)
				}
				bed := &testbed{plan: plan, options: o, dir: dir}
				b.StartTimer()
				started := b.Elapsed()
				err = bed.build(b.Context())
				built := b.Elapsed()
				if removed := bed.tearDown(context.Background()); err != nil || removed != nil {
					b.Fatal(err, removed)
				}
				b.ReportMetric((built - started).Seconds(), "s/build")
				b.ReportMetric((b.Elapsed() - built).Seconds(), "s/remove")
			}
		})
	}
}

// BenchmarkCleanRuns runs a small experiment ten times and reports how many of the runs call themselves invalid, and the
// worst lateness of a timer: on a host that does nothing else both should be next to nothing.
func BenchmarkCleanRuns(b *testing.B) {
	testutil.NeedsRoot(b)
	testutil.NeedsEngine(b)
	e, err := LoadExperiment("smoke")
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv("SPLITBED_STATE", b.TempDir())
	for b.Loop() {
		invalid, late := 0, 0.0
		for range 10 {
			s, err := Run(b.Context(), e, Options{Binary: nodeBinary, Out: filepath.Join(b.TempDir(), "run")})
			if err != nil {
				b.Fatal(err)
			}
			if s.Verdict == results.Invalid {
				invalid++
			}
			for _, c := range s.Fidelity.Checks {
				if c.Name == "timer_lateness" {
					late = max(late, float64(c.Value))
				}
				if !c.OK {
					b.Logf("invalid: %s of %s is %.3g, the limit is %.3g", c.Name, c.Subject, float64(c.Value), float64(c.Limit))
				}
			}
		}
		b.ReportMetric(float64(invalid), "invalid-of-10")
		b.ReportMetric(1e3*late, "ms-late-p99")
	}
}
