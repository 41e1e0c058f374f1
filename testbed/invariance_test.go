package testbed

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

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
// and beside a bulk flow that fills it, under reno and under cubic, each repeated. Of every task's mean, median and 95th percentile
// it reports the mean over the repeats and, where there are several, half the width of its 95 % interval (Student's t), in virtual ms: the table of
// docs/fidelity.md. The bulk flow's queue is short, so that its window rises and falls many times in a run.
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
		{"reno-beside-bulk", "reno", true, 3, units.Virtual(6e9)},
		{"cubic-beside-bulk", "cubic", true, 1, units.Virtual(6e9)},
	} {
		for _, d := range []units.Dilation{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/dilation-%g", c.name, float64(d)), func(b *testing.B) {
				b.Setenv("SPLITBED_STATE", b.TempDir())
				took := map[string][]float64{} // over all repeats, by task and figure
				for b.Loop() {
					for n := range c.repeats {
						e := invariance(b, d, c.duration)
						e.Seed += uint64(n)
						e.Emulation.TCP.Congestion = c.congestion
						if c.bulk {
							e.Topology.Edges[0].Uplink.Queue = units.Virtual(30e6)
							e.Workload.Background = []workloads.Background{{Link: "gw-a.uplink", Traffic: workloads.Traffic{Kind: workloads.Bulk}, Flows: 1}}
						}
						for task, l := range bySize(runValid(b, e, Options{})) {
							for name, x := range map[string]float64{"mean": l.mean, "p50": l.p50, "p95": l.p95, "model": l.predicted} {
								took[task+"-"+name] = append(took[task+"-"+name], 1e3*x)
							}
						}
					}
				}
				for name, x := range took {
					mean, sd := stat.MeanStdDev(x, nil)
					b.ReportMetric(mean, name+"-ms")
					if n := float64(len(x)); n > 1 && sd > 0 {
						t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
						b.ReportMetric(t*sd/math.Sqrt(n), name+"-±ms")
					}
				}
			})
		}
	}
}
