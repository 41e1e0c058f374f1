package testbed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
	"github.com/splitbed/splitbed/results"
)

const ownNetwork = `name: own
topology: {name: one, edges: [{name: gw, compute: 20GFLOPS, uplink: {rate: 20Mbps}}]}
workload: {name: w, tasks: [{name: cam, model: nets/residual.onnx, shape: [1, 3, 64, 64], input: 8kB, fps: 4}]}
scheduler: {algorithm: "fixed:4"}
emulation: {warmup: 200ms, duration: 1s}
`

// ownFile writes an experiment with an ONNX file beside it and loads it from another directory.
func ownFile(t *testing.T) *Experiment {
	t.Helper()
	testutil.NeedsEngine(t)
	dir := t.TempDir()
	onnxtest.Residual(t, filepath.Join(dir, "nets"), onnxtest.Modern)
	path := filepath.Join(dir, "own.yaml")
	if err := os.WriteFile(path, []byte(ownNetwork), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := LoadExperiment(path)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAnOwnNetworkIsSimulatedAndRepeated(t *testing.T) {
	first, out := simulated(t, ownFile(t))
	if first.Verdict != results.Kept || first.Tasks[0].Cut != 4 {
		t.Errorf("verdict %s at k = %d, want kept at 4", first.Verdict, first.Tasks[0].Cut)
	}
	again, err := LoadExperiment(filepath.Join(out, experimentFile))
	if err != nil {
		t.Fatal(err)
	}
	second, _ := simulated(t, again)
	if first.Tasks[0].Transfer != second.Tasks[0].Transfer {
		t.Errorf("repeated from experiment.yaml, transfers are %+v, want %+v", second.Tasks[0].Transfer, first.Tasks[0].Transfer)
	}
}
