package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/splitbed/splitbed/testbed/sweep"
)

// A sweep of some seconds: twelve problems of the paper's size, one after the other.
const slowSweep = `name: slow
experiment: {name: slow, topology: paper-20, workload: paper}
grid:
  - seed: {from: 1, to: 12}
  - scheduler.algorithm: [price]
`

// donePoints counts the finished points in a sweep's log.
func donePoints(t *testing.T, out string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, "points.jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

// interrupted starts a sweep and sends it a signal as soon as it has finished so many points. It returns the exit code, -1 of a
// killed process, and what it said.
func interrupted(t *testing.T, file, out string, after int, signal syscall.Signal) (code int, stderr string) {
	t.Helper()
	cmd := command(t, t.TempDir(), "sweep", "--jobs", "1", "--out", out, file)
	var text bytes.Buffer
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			t.Fatalf("the sweep ended before it had finished %d points: %v\n%s", after, err, &text)
		case <-tick.C:
			if donePoints(t, out) < after {
				continue
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			<-ended // an error that the exit code tells
			return cmd.ProcessState.ExitCode(), text.String()
		}
	}
}

func TestASweepGoesOnAfterAnInterruptAndAKill(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "slow.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(slowSweep), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stderr := interrupted(t, file, out, 2, syscall.SIGINT)
	if code != 1 || !strings.Contains(stderr, "of 12 points are done and kept in "+out) {
		t.Errorf("after an interrupt: exit code %d, %q; want 1 and how many points are kept where", code, stderr)
	}
	kept := donePoints(t, out)
	if kept < 2 || kept > 11 {
		t.Fatalf("an interrupted sweep kept %d of 12 points", kept)
	}
	if code, _ := interrupted(t, file, out, kept+1, syscall.SIGKILL); code != -1 {
		t.Errorf("a killed sweep ended with exit code %d", code)
	}
	kept = donePoints(t, out)
	last := splitbed(t, "sweep", "--json", "--out", out, file)
	var r sweep.Result
	if err := json.Unmarshal([]byte(last.stdout), &r); last.code != 0 || err != nil {
		t.Fatalf("exit code %d, error %v: %s", last.code, err, last.stderr)
	}
	if r.Points != 12 || r.Failed != 0 || r.Reused != kept {
		t.Errorf("%d of %d points were taken over and %d failed, want %d of 12 and none", r.Reused, r.Points, r.Failed, kept)
	}
	rows, err := parquet.ReadFile[struct {
		Seed     int64 `parquet:"seed"`
		Deployed int64 `parquet:"deployed"`
	}](r.Table)
	if err != nil || len(rows) != 12 {
		t.Fatalf("%d rows, error %v; want 12", len(rows), err)
	}
	for i, row := range rows {
		if row.Seed != int64(i+1) || row.Deployed == 0 {
			t.Errorf("row %d is seed %d with %d tasks", i, row.Seed, row.Deployed)
		}
	}
}

func TestASweepThatIsWrongIsRefusedByFileAndLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(file, []byte("name: wrong\nexperiment: smoke\ngrid:\n  - scheduler.margin: [0, 1.5]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := splitbed(t, "sweep", file)
	if r.code != 2 || !strings.Contains(r.stderr, "wrong.yaml:4: scheduler.margin: 1.5") {
		t.Errorf("exit code %d, %q; want 2 and the place", r.code, r.stderr)
	}
}
