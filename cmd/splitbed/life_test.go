package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/vishvananda/netlink"

	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// phases of a run during which it can be interrupted, as the command prints them.
var phases = []string{"resolve", "plan", "build", "warm up", "replay", "collect"}

// signalIn runs an experiment and sends it a signal when a phase begins. It returns how the command ended and the run directory.
func signalIn(t *testing.T, state, phase string, signal syscall.Signal, args ...string) (result, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "run")
	cmd := command(t, state, append([]string{"run", "--out", out}, args...)...)
	return during(t, cmd, phase, func() { cmd.Process.Signal(signal) }), out
}

// during runs a run to its end and calls f when a phase begins, and what follows, a function after a phase, likewise.
func during(t *testing.T, cmd *exec.Cmd, phase string, f func(), more ...any) result {
	t.Helper()
	at := map[string]func(){phase: f}
	for i := 0; i+1 < len(more); i += 2 {
		at[more[i].(string)] = more[i+1].(func())
	}
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if name, _, _ := strings.Cut(lines.Text(), ":"); at[name] != nil {
			at[name]()
		}
	}
	cmd.Wait()
	if !strings.Contains("\n"+said.String(), "\n"+phase) {
		t.Fatalf("the run never came to phase %q:\n%s", phase, said.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), said.String()}
}

// bystanders makes a namespace, a bridge and a container that look like a run's but are not, and fails
// the test at its end if one of them is gone.
func bystanders(t *testing.T) {
	t.Helper()
	const name = "sb-foreign"
	if err := netns.Make(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if there, err := netns.Exists(name); !there {
			t.Errorf("a foreign namespace was removed: %v", err)
		}
		if err := netns.Remove(name); err != nil {
			t.Error(err)
		}
	})
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(bridge); err != nil {
			t.Errorf("a foreign bridge was removed: %v", err)
		}
	})
	if !testutil.InGuest() { // which has no Docker
		foreignContainer(t, name)
	}
}

// foreignContainer creates a container of somebody else's that is never started.
func foreignContainer(t *testing.T, name string) {
	t.Helper()
	testutil.NeedsDocker(t)
	ctx := context.Background()
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	const tag = "splitbed-test-foreign:latest"
	empty := bytes.NewReader(make([]byte, 1024)) // an empty tar
	imported, err := docker.ImageImport(ctx, image.ImportSource{Source: empty, SourceName: "-"}, tag, image.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	new(bytes.Buffer).ReadFrom(imported)
	imported.Close()
	created, err := docker.ContainerCreate(ctx, &container.Config{Image: tag, Cmd: []string{"/nothing"}}, nil, nil, nil, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := docker.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Errorf("a foreign container was removed: %v", err)
		}
		docker.ImageRemove(ctx, tag, image.RemoveOptions{})
	})
}

func TestInterruptInEveryPhaseLeavesNothing(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	bystanders(t)
	for _, phase := range phases {
		t.Run(phase, func(t *testing.T) {
			state := t.TempDir()
			before := inventory(t)
			got, out := signalIn(t, state, phase, syscall.SIGINT, "smoke")
			if got.code != 1 || !strings.Contains(got.stderr, "interrupted") {
				t.Errorf("exit code %d, want 1 and a word about the interruption:\n%s", got.code, got.stderr)
			}
			nothingLeft(t, before)
			if left, _ := os.ReadDir(state); len(left) > 0 {
				t.Errorf("%d journals left in %s", len(left), state)
			}
			_, err := os.Stat(filepath.Join(out, "frames.parquet"))
			if measured := phase == "replay" || phase == "collect"; measured != (err == nil) {
				t.Errorf("interrupted in %s: frames.parquet: %v", phase, err)
			}
		})
	}
}

func TestCleanAfterKillRemovesExactlyTheDeadRun(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	bystanders(t)
	delayed := filepath.Join(t.TempDir(), "delayed.yaml") // with a delay line, whose process and devices must go, too
	write(t, delayed, delayedDoors)
	for _, runtime := range []string{"native", "docker"} {
		for _, phase := range []string{"build", "warm up", "replay"} {
			t.Run(runtime+" "+phase, func(t *testing.T) {
				state := t.TempDir()
				before := inventory(t)
				signalIn(t, state, phase, syscall.SIGKILL, "--runtime", runtime, delayed)
				foreseen, removed := cleaned(t, state, "--dry-run"), cleaned(t, state)
				for _, o := range removed { // meanwhile, nodes end by themselves
					if !slices.Contains(foreseen, o) {
						t.Errorf("clean removed %v, which its dry run does not list: %v", o, foreseen)
					}
				}
				if phase != "build" && len(removed) == 0 {
					t.Errorf("clean removed nothing after a kill in %s", phase)
				}
				nothingLeft(t, before)
			})
		}
	}
}

// cleaned runs clean and returns the objects it lists.
func cleaned(t *testing.T, state string, args ...string) []struct{ Kind, Name, Run string } {
	t.Helper()
	var listed struct {
		Removed []struct{ Kind, Name, Run string }
	}
	text, err := command(t, state, append([]string{"clean", "--json"}, args...)...).Output()
	if err != nil {
		t.Fatalf("clean: %v", err)
	}
	if err := json.Unmarshal(text, &listed); err != nil {
		t.Fatalf("clean --json: %v in %s", err, text)
	}
	return listed.Removed
}

func TestCleanLeavesALivingRunAlone(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	state := t.TempDir()
	cmd := command(t, state, "run", "smoke")
	got := during(t, cmd, "replay", func() {
		text, err := command(t, state, "clean", "--json").Output()
		if err != nil || !strings.Contains(string(text), `"kept": 1`) {
			t.Errorf("clean during a run: %v, %s", err, text)
		}
	})
	if frames, err := filepath.Glob(filepath.Join(cmd.Dir, "runs", "*", "frames.parquet")); err != nil || len(frames) != 1 {
		t.Errorf("the run that clean had to leave alone ended with %d:\n%s", got.code, got.stderr)
	}
}

func TestAKilledRunKeepsItsRecords(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	state := t.TempDir()
	// At the beginning of collect every frame has been recorded, and no record made.
	_, out := signalIn(t, state, "collect", syscall.SIGKILL, "smoke")
	if text, err := command(t, state, "clean").CombinedOutput(); err != nil {
		t.Fatalf("clean: %v\n%s", err, text)
	}
	if text, err := command(t, state, "report", out).CombinedOutput(); err != nil {
		t.Fatalf("report of a killed run: %v\n%s", err, text)
	}
	frames, err := results.ReadFrames(filepath.Join(out, "frames.parquet"))
	if err != nil || len(frames) == 0 {
		t.Fatalf("%d frames of a run killed after its replay: %v", len(frames), err)
	}
	arrived := 0
	for _, f := range frames {
		if !math.IsNaN(f.Received) {
			arrived++
		}
	}
	if arrived < len(frames)/2 {
		t.Errorf("%d of %d frames arrived before the kill", arrived, len(frames))
	}
	if sockets, err := filepath.Glob(filepath.Join(out, "*.sock")); err != nil || len(sockets) > 0 {
		t.Errorf("sockets of the killed run are left: %v, %v", sockets, err)
	}
}

// full is a file system with room for so many bytes.
func full(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if text, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, text)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	return dir
}

func TestAFullDiskIsOneErrorAndLeavesNothing(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	before := inventory(t)
	// Full before anything is made, and full when the records are.
	for _, size := range []string{"8k", "64k"} {
		got := splitbed(t, "run", "--out", filepath.Join(full(t, size), "run"), "smoke")
		if got.code != 1 || strings.Count(got.stderr, "no space left on device") != 1 {
			t.Errorf("%s of disk: exit code %d, want 1 and one error about it:\n%s", size, got.code, got.stderr)
		}
	}
	nothingLeft(t, before)
}
