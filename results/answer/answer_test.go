package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed/sweep"
)

// slice is two points of the shipped sweep in the model.
func slice(t *testing.T) (dir string) {
	t.Helper()
	s, err := sweep.Load("verdict")
	if err != nil {
		t.Fatal(err)
	}
	if s, err = s.In(sweep.Simulate); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	only := map[string][]string{"scheduler.algorithm": {"layer"}, "topology.threshold": {"1"}, "workload.background": {"without"}}
	if _, err := sweep.Run(t.Context(), s, sweep.Options{Out: dir, Only: only}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Compared with itself the model is right, and a run that is invalid counts for nothing.
func TestTheModelComparedWithItselfIsRight(t *testing.T) {
	dir := slice(t)
	runs, streams, err := gather(dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || len(streams) == 0 {
		t.Fatalf("%d runs and %d streams, want 2 and some", len(runs), len(streams))
	}
	for _, r := range runs {
		if r.Frames == 0 || r.Frames != r.PredictedFrames || r.OnTime != r.PredictedOnTime || r.P95 != r.PredictedP95 {
			t.Errorf("%+v is not its own prediction", r)
		}
	}
	a := answer{runs, streams}
	if text := a.errors(); strings.Count(text, "| 0.0 % | 1.00 | 0.0 % | 1.00 |") != strings.Count(text, "\n")-2 || strings.Count(text, "\n") < 4 {
		t.Errorf("errors of the model against itself:\n%s", text)
	}
	a.runs[0].Verdict = results.Invalid
	if text := a.byCondition(); !strings.Contains(text, "| 1 | 0 | 0 | – |") {
		t.Errorf("an invalid run counts:\n%s", text)
	}
	if text := a.everyRun(); !strings.Contains(text, "invalid") {
		t.Errorf("an invalid run does not show:\n%s", text)
	}
}

func TestDataSurviveTheirFiles(t *testing.T) {
	dir := slice(t)
	runs, streams, err := gather(dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeData(dir, runs, streams); err != nil {
		t.Fatal(err)
	}
	gotRuns, gotStreams, err := readData(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Six digits are kept.
	options := cmp.Options{cmp.AllowUnexported(runRow{}, streamRow{}), cmpopts.EquateApprox(1e-5, 0), cmpopts.EquateNaNs()}
	if d := cmp.Diff(runs, gotRuns, options); d != "" {
		t.Errorf("runs (-written +read):\n%s", d)
	}
	if d := cmp.Diff(streams, gotStreams, options); d != "" {
		t.Errorf("streams (-written +read):\n%s", d)
	}
	if err := os.WriteFile(filepath.Join(dir, runsFile), []byte("a,b\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readData(dir); err == nil || !strings.Contains(err.Error(), runsFile) {
		t.Errorf("another table: error %v, want one that names the file", err)
	}
}

func TestATableGoesBetweenItsMarkers(t *testing.T) {
	got, err := fill([]byte("a\n<!-- x -->\nold\n<!-- /x -->\nb\n"), "x", "| new |\n")
	if want := "a\n<!-- x -->\n\n| new |\n\n<!-- /x -->\nb\n"; err != nil || string(got) != want {
		t.Errorf("got %q, error %v; want %q", got, err, want)
	}
	if _, err := fill([]byte("<!-- x -->\n"), "x", ""); err == nil {
		t.Error("a marker that is not closed: no error")
	}
}

// No figure of the page is older or newer than the data beside it.
func TestThePageSaysWhatTheDataSay(t *testing.T) {
	files, err := render(filepath.Join(testutil.ModuleRoot(t), "docs"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s: go run ./results/answer makes another (-data +file):\n%.2000s", path, d)
		}
	}
}
