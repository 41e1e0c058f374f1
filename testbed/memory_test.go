package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads/model"
)

// tenNetworks are those of the paper's workload.
func tenNetworks(t testing.TB) []string {
	t.Helper()
	e := parse(t, "name: x\ntopology: lab-4\nworkload: paper\n")
	var names []string
	for _, part := range e.Workload.Tasks[0].Model {
		names = append(names, part.Model)
	}
	return names
}

// wholeNetworks keeps all layers on the edges, convolutions those up to the last one that makes a picture.
func wholeNetworks(p model.Profile) int { return p.Cuts() }

func convolutions(p model.Profile) int {
	k := p.Cuts() - 1
	for k > 1 && len(p.Layers[k].Shape) != 3 {
		k--
	}
	return k
}

// withNetworks is the testbed of so many edges, each of which has loaded its half of every network, and warmed it up. It is removed at the
// end of the test.
func withNetworks(t testing.TB, edges int, networks []string, cut func(model.Profile) int) *testbed {
	t.Helper()
	var tasks strings.Builder
	schedule := &scheduler.Schedule{}
	for _, name := range networks {
		fmt.Fprintf(&tasks, "    - {name: %s, model: %s, input: 60kB, fps: 1}\n", name, name)
		h, w, err := model.UsualSize(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := model.Describe(name, h, w)
		if err != nil {
			t.Fatal(err)
		}
		schedule.Tasks = append(schedule.Tasks, scheduler.Assignment{Task: name, Deployed: true, Cut: cut(p), Rates: make([]units.Rate, edges)})
	}
	e := parse(t, fmt.Sprintf("name: loaded\ntopology: {name: star, generate: {edges: %d, seed: 1, compute: 290GFLOPS, rate: 1Gbps}}\n"+
		"workload:\n  name: all\n  tasks:\n%semulation: {dilation: 1000, warmup: 0s, duration: 1s}\n", edges, tasks.String()))
	e.Scheduler.Schedule = schedule
	t.Setenv("SPLITBED_STATE", t.TempDir())
	o, err := Options{Binary: nodeBinary, Out: filepath.Join(t.TempDir(), "run"), AllowInfeasible: true}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	bed := built(t, e, o)
	if err := bed.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return bed
}

// mapped is what processes take, in bytes: all pages they have mapped, those with each page that n of them share counted as 1/n, and those no
// other process has (proc_pid_smaps(5)).
type mapped struct{ resident, proportional, private int64 }

func mappedBy(t testing.TB, pids ...int) (sum mapped) {
	t.Helper()
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var name string
			var kilobytes int64
			if _, err := fmt.Sscanf(line, "%s %d kB", &name, &kilobytes); err != nil {
				continue // the line of addresses
			}
			switch name {
			case "Rss:":
				sum.resident += kilobytes << 10
			case "Pss:":
				sum.proportional += kilobytes << 10
			case "Private_Clean:", "Private_Dirty:":
				sum.private += kilobytes << 10
			}
		}
	}
	return sum
}

// Whole networks are the worst case: every edge has used every weight.
func TestEdgesShareTheWeightsOfTheirNetworks(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	networks := []string{"alexnet", "resnet18"}
	weights := int64(0)
	for _, name := range networks {
		d, err := model.DescribeUsual(name)
		if err != nil {
			t.Fatal(err)
		}
		weights += 4 * d.Parameters
	}
	bed := withNetworks(t, 4, networks, wholeNetworks)
	all := int64(0)
	for name, n := range bed.nodes {
		m := mappedBy(t, n.PID())
		all += m.proportional
		t.Logf("%s: %d MB, %d of them its own", name, m.resident>>20, m.private>>20)
		if name != emulator.CloudName && m.resident < weights {
			t.Errorf("%s has %d bytes in memory, but its weights are %d: it has not used them", name, m.resident, weights)
		}
		if m.private > weights/4 {
			t.Errorf("%s keeps %d bytes to itself, with weights of %d", name, m.private, weights)
		}
	}
	if all > 2*weights {
		t.Errorf("four edges take %d bytes together, with weights of %d", all, weights)
	}
}

// BenchmarkMemory loads the ten networks at fifty edges and reports what all processes of the testbed take together.
func BenchmarkMemory(b *testing.B) {
	testutil.NeedsRoot(b)
	testutil.NeedsEngine(b)
	for _, tc := range []struct {
		name string
		cut  func(model.Profile) int
	}{{"convolutions", convolutions}, {"whole", wholeNetworks}} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				bed := withNetworks(b, 50, tenNetworks(b), tc.cut)
				pids := []int{os.Getpid()}
				private := int64(0)
				for name, n := range bed.nodes {
					pids = append(pids, n.PID())
					if name != emulator.CloudName {
						private += mappedBy(b, n.PID()).private
					}
				}
				b.ReportMetric(float64(mappedBy(b, pids...).proportional)/1e9, "GB")
				b.ReportMetric(float64(mappedBy(b, bed.nodes[emulator.CloudName].PID()).proportional)/1e9, "GB-cloud")
				b.ReportMetric(float64(private)/50/1e6, "MB-private/edge")
			}
		})
	}
}
