package main_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// attempts is how often a test repeats a run that calls itself invalid: other work on this host may be too
// much for one of them, which is what the verdict is for, but not for all.
const attempts = 5

// runJSON runs an experiment into a directory below dir until the run is valid, and returns its exit code
// and summary.
func runJSON(t *testing.T, dir, out string, args ...string) (int, results.Summary) {
	t.Helper()
	for attempt := range attempts {
		options := []string{"run", "--json", "--out", out}
		if attempt > 0 {
			testutil.AwaitQuietHost(t)
			if !slices.Contains(args, "--dilation") {
				options = append(options, "--dilation", "auto", "--retry") // what a user would be told to do
			}
		}
		cmd := command(t, t.TempDir(), append(options, args...)...)
		cmd.Dir = dir
		var stderr strings.Builder
		cmd.Stderr = &stderr
		text, _ := cmd.Output()
		var summary results.Summary
		if err := json.Unmarshal(text, &summary); err != nil {
			t.Fatalf("stdout is not a summary: %v\n%s\n%s", err, text, stderr.String())
		}
		code := cmd.ProcessState.ExitCode()
		if invalid := summary.Verdict == results.Invalid; invalid != (code == 4) {
			t.Fatalf("verdict %s with exit code %d", summary.Verdict, code)
		}
		if code != 4 {
			return code, summary
		}
		t.Logf("invalid run: %s", summary.Reason)
		if err := os.RemoveAll(filepath.Join(dir, out)); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%d runs in a row were invalid", attempts)
	return 0, results.Summary{}
}

// TestQuickstartIsKeptThenViolatedOnASlowUplinkThenKeptWithALongDeadline is the product's promise: the
// same schedule, judged on three systems.
func TestQuickstartIsKeptThenViolatedOnASlowUplinkThenKeptWithALongDeadline(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	before := inventory(t)
	dir := t.TempDir()

	code, kept := runJSON(t, dir, "kept", "quickstart")
	if code != 0 || kept.Verdict != results.Kept {
		t.Fatalf("quickstart: exit code %d, %s: %s", code, kept.Verdict, kept.Reason)
	}
	cuts := map[int]bool{}
	for _, task := range kept.Tasks {
		if task.Cut < 1 || task.Cut > 5 {
			t.Errorf("%s at %s is cut after layer %d, want 1..5", task.Task, task.Edge, task.Cut)
		}
		cuts[task.Cut] = true
	}
	if len(cuts) < 2 {
		t.Errorf("the schedule uses the cuts %v, want at least two", cuts)
	}

	// The experiment of a run repeats it; slow one uplink down in it until its tasks' average load still
	// fits but one frame no longer arrives in time.
	text, err := os.ReadFile(filepath.Join(dir, "kept", "experiment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	slow := slowed(t, string(text))
	write(t, filepath.Join(dir, "slow.yaml"), slow)
	schedule := []string{"--schedule", "kept/schedule.json", "--allow-infeasible"}
	code, violated := runJSON(t, dir, "violated", append(schedule, "slow.yaml")...)
	if code != 3 || violated.Verdict != results.Violated {
		t.Errorf("on a slow uplink: exit code %d, %s: %s", code, violated.Verdict, violated.Reason)
	}
	for _, task := range violated.Tasks {
		if task.Verdict == results.Violated && !(strings.Contains(violated.Reason, task.Task) && strings.Contains(violated.Reason, task.Edge+".uplink")) {
			t.Errorf("the reason does not name %s and %s.uplink: %s", task.Task, task.Edge, violated.Reason)
		}
	}

	write(t, filepath.Join(dir, "patient.yaml"), strings.ReplaceAll(slow, "deadline: 200ms", "deadline: 5s"))
	code, patient := runJSON(t, dir, "patient", append(schedule, "patient.yaml")...)
	if code != 0 || patient.Verdict != results.Kept {
		t.Errorf("with a deadline of 5 s: exit code %d, %s: %s", code, patient.Verdict, patient.Reason)
	}
	nothingLeft(t, before)
}

// slowed halves the rate of the slowest uplink of an expanded experiment.
func slowed(t *testing.T, experiment string) string {
	t.Helper()
	const rate = "rate: 10Mbps"
	if strings.Count(experiment, rate) != 1 {
		t.Fatalf("the quickstart should have one uplink of 10 Mb/s:\n%s", experiment)
	}
	return strings.Replace(experiment, rate, "rate: 5Mbps", 1)
}

func TestSmokeRunsInBothRuntimes(t *testing.T) {
	testutil.NeedsDocker(t)
	testutil.NeedsEngine(t)
	for _, runtime := range []string{"native", "docker"} {
		t.Run(runtime, func(t *testing.T) {
			before := inventory(t)
			dir := t.TempDir()
			code, s := runJSON(t, dir, "run", "--runtime", runtime, "smoke")
			if code != 0 || s.Verdict != results.Kept {
				t.Errorf("exit code %d, %s: %s", code, s.Verdict, s.Reason)
			}
			var files []string
			entries, err := os.ReadDir(filepath.Join(dir, "run"))
			for _, entry := range entries {
				if info, err := entry.Info(); err != nil || info.Size() == 0 {
					t.Errorf("%s: %v", entry.Name(), err)
				}
				files = append(files, entry.Name())
			}
			want := []string{"events.jsonl", "experiment.yaml", "frames.parquet", "host.json", "plan.json", "report.html",
				"samples.parquet", "schedule.json", "summary.json"}
			if err != nil || !slices.Equal(files, want) {
				t.Errorf("the run directory has %q, want %q; %v", files, want, err)
			}
			nothingLeft(t, before)
		})
	}
}

// TestDilationChangesNothingButTheWallTime runs the same frames at two speeds.
func TestDilationChangesNothingButTheWallTime(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	dir := t.TempDir()
	_, plain := runJSON(t, dir, "plain", "--dilation", "1", "smoke")
	_, dilated := runJSON(t, dir, "dilated", "--dilation", "4", "smoke")
	if plain.Dilation != 1 || dilated.Dilation != 4 {
		t.Errorf("dilations %v and %v, want 1 and 4", plain.Dilation, dilated.Dilation)
	}
	for i, task := range plain.Tasks {
		a, b := float64(task.Transfer.P50), float64(dilated.Tasks[i].Transfer.P50)
		if math.Abs(a/b-1) > 0.05 {
			t.Errorf("%s at %s: median transfer %.4g s at dilation 1, %.4g s at 4; want the same within 5 %%", task.Task, task.Edge, a, b)
		}
	}
	if ratio := float64(dilated.WallSeconds / plain.WallSeconds); ratio < 2 {
		t.Errorf("dilation 4 took %.2g times as long", ratio)
	}
}
