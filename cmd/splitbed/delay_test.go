package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// delayedDoors is the smoke experiment with delays, in user space on every kernel. The uplink of the first edge also varies its delay.
const delayedDoors = `
name: delayed
topology:
  name: pair
  edges:
    - {name: gw-a, compute: 40GFLOPS, uplink: {rate: 10Mbps, delay: 10ms, jitter: 1ms}}
    - {name: gw-b, compute: 40GFLOPS, uplink: {rate: 20Mbps, delay: 10ms}}
workload:
  name: doors
  tasks: [{name: door, model: cnn1, input: 60kB, fps: 4}]
scheduler: {algorithm: "fixed:2"}
emulation: {delay: userspace, warmup: 500ms, duration: 2s}
`

func TestARunWithDelaysInUserSpaceIsKeptInBothRuntimes(t *testing.T) {
	testutil.NeedsDocker(t)
	testutil.NeedsEngine(t)
	for _, runtime := range []string{"native", "docker"} {
		t.Run(runtime, func(t *testing.T) {
			before := inventory(t)
			dir := t.TempDir()
			write(t, filepath.Join(dir, "delayed.yaml"), delayedDoors)
			code, s := runJSON(t, dir, "run", "--runtime", runtime, "delayed.yaml")
			if code != 0 || s.Verdict != results.Kept || s.Delay != "userspace" {
				t.Errorf("exit code %d, %s, delays by %q: %s", code, s.Verdict, s.Delay, s.Reason)
			}
			for _, name := range []string{"delay_line", "delay_drops"} {
				if !slices.ContainsFunc(s.Fidelity.Checks, func(c results.Check) bool { return c.Name == name && c.OK }) {
					t.Errorf("there is no check %s, or it failed: %+v", name, s.Fidelity.Checks)
				}
			}
			for _, task := range s.Tasks {
				if task.Transfer.P50 < 0.010 {
					t.Errorf("%s at %s: median transfer %.4g s in spite of a delay of 10 ms", task.Task, task.Edge, float64(task.Transfer.P50))
				}
			}
			nothingLeft(t, before)
		})
	}
}

// TestADelayLineThatDiesOrStopsMakesTheRunInvalid does to the line of a running replay what may happen to any process.
func TestADelayLineThatDiesOrStopsMakesTheRunInvalid(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	for name, c := range map[string]struct {
		harm func(line int) error
		says string
	}{
		"killed":           {func(line int) error { return syscall.Kill(line, syscall.SIGKILL) }, "signal: killed"},
		"stopped for good": {func(line int) error { return syscall.Kill(line, syscall.SIGSTOP) }, "did not answer"},
		"stopped for a while": {func(line int) error {
			err := syscall.Kill(line, syscall.SIGSTOP)
			time.Sleep(500 * time.Millisecond)
			return errors.Join(err, syscall.Kill(line, syscall.SIGCONT))
		}, "longer than planned"},
	} {
		t.Run(name, func(t *testing.T) {
			before := inventory(t)
			cmd := command(t, t.TempDir(), "run", "--json", "--out", "run", "delayed.yaml")
			write(t, filepath.Join(cmd.Dir, "delayed.yaml"), delayedDoors)
			got := during(t, cmd, "replay", func() {
				time.Sleep(time.Second) // into the window
				if err := c.harm(childOf(t, cmd.Process.Pid, "delayline")); err != nil {
					t.Error(err)
				}
			})
			var s results.Summary
			if err := json.Unmarshal([]byte(got.stdout), &s); err != nil {
				t.Fatalf("stdout is no summary: %v\n%s\n%s", err, got.stdout, got.stderr)
			}
			if got.code != 4 || s.Verdict != results.Invalid {
				t.Errorf("exit code %d, %s: %s\n%s", got.code, s.Verdict, s.Reason, got.stderr)
			}
			if !slices.ContainsFunc(s.Fidelity.Checks, func(k results.Check) bool {
				return k.Name == "delay_line" && !k.OK && strings.Contains(k.Advice, c.says)
			}) {
				t.Errorf("no check delay_line failed and says %q: %+v", c.says, s.Fidelity.Checks)
			}
			nothingLeft(t, before)
		})
	}
}

// childOf finds the process that another has started with a subcommand.
func childOf(t *testing.T, parent int, subcommand string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		status, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "status"))
		if strings.HasSuffix(string(line), "\x00"+subcommand+"\x00") && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			return pid
		}
	}
	t.Fatalf("process %d has no child %s", parent, subcommand)
	return 0
}
