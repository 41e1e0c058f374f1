package testbed

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads"
)

// latencies is what the frames of one size took in the window, in virtual seconds.
type latencies struct{ mean, p50, p95, predicted float64 }

// bySize summarises the transfer latencies of every task, each of which has frames of one size.
func bySize(s results.Summary, frames []results.Frame) map[string]latencies {
	took := map[string][]float64{}
	for _, f := range frames {
		if x := f.Transfer(); f.Status != results.Warmup && !math.IsNaN(x) {
			took[f.Task] = append(took[f.Task], x)
		}
	}
	out := map[string]latencies{}
	for _, t := range s.Tasks {
		x := slices.Sorted(slices.Values(took[t.Task]))
		out[t.Task] = latencies{stat.Mean(x, nil), stat.Quantile(0.5, stat.Empirical, x, nil), stat.Quantile(0.95, stat.Empirical, x, nil), float64(t.Predicted)}
	}
	return out
}

func invariance(t testing.TB, d units.Dilation, duration units.Virtual) *Experiment {
	t.Helper()
	e, err := LoadExperiment("invariance")
	if err != nil {
		t.Fatal(err)
	}
	e.Emulation.Dilation, e.Emulation.Duration = d, duration
	return e
}

// A short form of [BenchmarkDilationInvariance]: what frames take does not depend on the dilation, and is what the fluid
// model says. Medians are compared, which a busy host moves least.
func TestFramesTakeTheSameAtEveryDilation(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	const tolerance = 0.05
	const tries = 3 // what disturbs a host comes and goes; a wrong dilation stays
	var wrong []string
	for range tries {
		wrong = nil
		at := map[units.Dilation]map[string]latencies{}
		for _, d := range []units.Dilation{1, 4} {
			at[d] = bySize(runValid(t, invariance(t, d, units.Virtual(5e9)), Options{}))
		}
		for task, base := range at[4] {
			if got := at[1][task]; math.Abs(got.p50/base.p50-1) > tolerance {
				wrong = append(wrong, fmt.Sprintf("%s: a median of %.4g s at dilation 1, %.4g s at 4", task, got.p50, base.p50))
			}
			if math.Abs(base.p50/base.predicted-1) > tolerance {
				wrong = append(wrong, fmt.Sprintf("%s: a median of %.4g s at dilation 4, %.4g s in the fluid model", task, base.p50, base.predicted))
			}
		}
		if len(wrong) == 0 {
			return
		}
		t.Log(strings.Join(wrong, "; "))
	}
	t.Error(strings.Join(wrong, "; "))
}

// BenchmarkDilationInvariance runs the experiment invariance at dilation 1, 4 and 16: with reno and nothing else on the link,
// and with a bulk flow that fills it under reno and under cubic, each repeated. It prints the table of docs/fidelity.md.
func BenchmarkDilationInvariance(b *testing.B) {
	testutil.NeedsRoot(b)
	testutil.NeedsEngine(b)
	for _, c := range []struct {
		name, congestion string
		bulk             bool
		repeats          int
		duration         units.Virtual
	}{
		{"reno", "reno", false, 1, units.Virtual(8e9)},
		{"reno beside a bulk flow", "reno", true, 3, units.Virtual(6e9)},
		{"cubic beside a bulk flow", "cubic", true, 2, units.Virtual(6e9)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.Setenv("SPLITBED_STATE", b.TempDir())
			for b.Loop() {
				for _, d := range []units.Dilation{1, 4, 16} {
					for n := range c.repeats {
						e := invariance(b, d, c.duration)
						e.Emulation.TCP.Congestion = c.congestion
						if c.bulk {
							e.Workload.Background = []workloads.Background{{Link: "gw-a.uplink", Traffic: workloads.Traffic{Kind: workloads.Bulk}, Flows: 1}}
						}
						out := filepath.Join(b.TempDir(), "run")
						s, err := Run(context.Background(), e, Options{Binary: nodeBinary, Out: out})
						if err != nil {
							b.Fatal(err)
						}
						frames, err := results.ReadFrames(filepath.Join(out, framesFile))
						if err != nil {
							b.Fatal(err)
						}
						for task, l := range bySize(*s, frames) {
							b.Logf("%s | dilation %g | run %d, %s | %s | mean %.1f ms | p50 %.1f ms | p95 %.1f ms | fluid model %.1f ms",
								c.name, float64(d), n+1, s.Verdict, task, 1e3*l.mean, 1e3*l.p50, 1e3*l.p95, 1e3*l.predicted)
						}
					}
				}
			}
		})
	}
}
