package main_test

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator/features"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// delayed is small enough for the one core of a processor that is emulated in software. It has one edge, since two
// would compute at once now and then and hold up each other's timers. Its tensors are no longer than TCP's first window, so
// that no transfer waits for an acknowledgement.
const delayed = `
name: delayed
topology:
  name: far
  edges:
    - {name: gw, compute: 2GFLOPS, uplink: {rate: 4Mbps, delay: 20ms}}
workload:
  name: doors
  tasks: [{name: door, model: cnn2, input: 12kB, fps: 2, deadline: 100ms}]
scheduler: {algorithm: "fixed:2"}
emulation: {dilation: 1, delay: netem, warmup: 500ms, duration: 3s}
`

// TestARunOverNetemIsKeptRepeatsItselfAndIsViolatedOnASlowUplink is the product's promise on a stock kernel: netem delays,
// cpu.max limits.
func TestARunOverNetemIsKeptRepeatsItselfAndIsViolatedOnASlowUplink(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	testutil.NeedsNetem(t, features.Netem())
	before := inventory(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "delayed.yaml"), delayed)
	write(t, filepath.Join(dir, "slow.yaml"), strings.Replace(delayed, "rate: 4Mbps", "rate: 1Mbps", 1))

	run := func(out, experiment string, flags ...string) (int, results.Summary) {
		code, s := runJSON(t, dir, out, append(flags, experiment)...)
		for _, task := range s.Tasks {
			t.Logf("%s: %s at %s: predicted %.6f s, transfer %.6f s (p50), %.6f s (p99)", out, task.Task, task.Edge, task.Predicted, task.Transfer.P50, task.Transfer.P99)
		}
		if s.Delay != "netem" {
			t.Errorf("%s: the delay was made by %q, want netem", out, s.Delay)
		}
		return code, s
	}
	code, kept := run("kept", "delayed.yaml")
	if code != 0 || kept.Verdict != results.Kept {
		t.Fatalf("exit code %d, %s: %s", code, kept.Verdict, kept.Reason)
	}
	_, again := run("again", "delayed.yaml")
	bounds := testutil.Tolerances()
	for i, task := range kept.Tasks {
		a, b := float64(task.Transfer.P50), float64(again.Tasks[i].Transfer.P50)
		if math.Abs(a/b-1) > bounds.Repeated {
			t.Errorf("%s at %s: a transfer takes %.6f s, and %.6f s when the run is repeated", task.Task, task.Edge, a, b)
		}
		if predicted := float64(task.Predicted); math.Abs(a/predicted-1) > bounds.Prediction {
			t.Errorf("%s at %s: a transfer takes %.6f s, predicted are %.6f s", task.Task, task.Edge, a, predicted)
		}
	}
	code, violated := run("violated", "slow.yaml", "--schedule", "kept/schedule.json", "--allow-infeasible")
	if code != 3 || violated.Verdict != results.Violated || !strings.Contains(violated.Reason, "gw.uplink") {
		t.Errorf("on a slow uplink: exit code %d, %s: %s", code, violated.Verdict, violated.Reason)
	}
	nothingLeft(t, before)
}

// TestTheSelfTestHoldsOverNetem holds links and quotas to what splitbed promises, as a user would.
func TestTheSelfTestHoldsOverNetem(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	testutil.NeedsNetem(t, features.Netem())
	dir := t.TempDir()
	write(t, filepath.Join(dir, "far.yaml"), `
name: far
edges:
  - {name: gw, compute: 2GFLOPS, uplink: {rate: 10Mbps, delay: 10ms}, downlink: {rate: 20Mbps, delay: 20ms}}
`)
	cmd := command(t, t.TempDir(), "selftest", "--json", "far.yaml")
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	var rows []results.Probe
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	bounds := testutil.Tolerances()
	limits := map[string]float64{"rate": bounds.Goodput, "rtt": bounds.Netem.P50.Seconds(), "queue": bounds.Queue, "loss": 0, "cpu": bounds.Quota}
	seen := map[string]bool{}
	for _, r := range rows {
		limit, ok := limits[r.Quantity]
		if !ok {
			t.Errorf("%+v is of an unknown quantity", r)
		}
		seen[r.Quantity] = true
		t.Logf("%s: %s: planned %.6g, measured %.6g", r.Subject, r.Quantity, float64(r.Plan), float64(r.Measured))
		if !r.OK || r.Statistic != "p95" && math.Abs(float64(r.Error)) > limit {
			t.Errorf("%+v, want an error of at most %g", r, limit)
		}
	}
	if len(seen) != len(limits) {
		t.Errorf("measured are %v only, of %v", seen, limits)
	}
}

func TestDoctorFindsNetem(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	testutil.NeedsNetem(t, features.Netem())
	got := splitbed(t, "doctor", "--json")
	var diagnosis struct {
		OK     bool
		Checks []struct{ Name, Status string }
	}
	if err := json.Unmarshal([]byte(got.stdout), &diagnosis); err != nil {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	netem := ""
	for _, c := range diagnosis.Checks {
		if c.Name == "netem" {
			netem = c.Status
		}
	}
	if !diagnosis.OK || netem != "ok" || got.code != 0 {
		t.Errorf("exit code %d, %s", got.code, got.stdout)
	}
}
