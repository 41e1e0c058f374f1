package testbed

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads/model"
)

const measuredExperiment = `name: heads
topology: {name: two, edges: [{name: gw-a, compute: 20GFLOPS, uplink: {rate: 20Mbps}}]}
workload: {name: cams, tasks: [{name: cam, model: cnn2, input: 20kB, fps: 4}]}
scheduler: {algorithm: layer, overheads: measured}
`

func demands(t *testing.T, text string, store model.Store) ([]scheduler.Demand, *system, *Experiment) {
	t.Helper()
	e, err := ParseExperiment("heads.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := resolve(t.Context(), e, store)
	if err != nil {
		t.Fatal(err)
	}
	return s.instance(e.Scheduler).Tasks[0].Costs[0], s, e
}

func TestMeasuredOverheadsAreWhatTheHeadsTake(t *testing.T) {
	testutil.NeedsEngine(t)
	store := model.Store{Dir: t.TempDir()}
	got, s, e := demands(t, measuredExperiment, store)
	counted, _, _ := demands(t, strings.Replace(measuredExperiment, "measured", "counted", 1), store)
	heads := s.measured.Heads
	if len(heads) != 1 || len(heads[0].GFLOP) != 5 || s.measured.GFLOPSPerCore <= 0 {
		t.Fatalf("measured %+v, want five heads of one network", s.measured)
	}
	if !slices.IsSorted(heads[0].GFLOP[:3]) {
		t.Errorf("heads of more layers cost less: %v", heads[0].GFLOP)
	}
	for k := 1; k <= 5; k++ {
		if got[k].Rate != counted[k].Rate {
			t.Errorf("cut %d asks for %v, counted for %v: bytes do not depend on times", k, got[k].Rate, counted[k].Rate)
		}
		// Small layers reach less than large ones, but not a hundredth, and no head is faster than it can be.
		if ratio := float64(got[k].Compute / counted[k].Compute); !(ratio > 0.8 && ratio < 100) {
			t.Errorf("cut %d: measured costs are %.3g times the counted ones", k, ratio)
		}
	}
	again, _, _ := demands(t, measuredExperiment, store)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("the second time other figures: %s", diff)
	}

	// What a run writes down repeats it without the store and the engine.
	e.Scheduler.Measured = s.measured
	text, err := e.YAML()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ONNXRUNTIME_LIB", "/nowhere")
	repeated, _, _ := demands(t, string(text), model.Store{Dir: t.TempDir()})
	if diff := cmp.Diff(got, repeated); diff != "" {
		t.Errorf("written and read: %s", diff)
	}
}

func TestFiguresOfAnotherProcessorAreNotMixedWithThisOnes(t *testing.T) {
	text := strings.Replace(measuredExperiment, "overheads: measured",
		"overheads: measured, measured: {cpu: abacus, gflops_per_core: 1, heads: [{model: cnn1, height: 360, width: 640, gflop: [1, 2, 3, 4, 5]}]}", 1)
	e, err := ParseExperiment("heads.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(t.Context(), e, model.Store{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "abacus") || !strings.Contains(err.Error(), "cnn2") {
		t.Errorf("error %v, want one that names the processor and the network", err)
	}
}
