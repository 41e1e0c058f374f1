package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
)

// modules are what links and their tests need of a kernel that has these as modules.
var modules = []string{"veth", "sch_htb", "sch_netem", "cls_u32", "tun", "bridge"}

// guestKernel is the kernel that .ci/setup --test has fetched and unpacked.
func guestKernel(t *testing.T) Kernel {
	t.Helper()
	testutil.NeedsGuest(t, Command)
	k, err := OpenKernel(filepath.Join(testutil.ModuleRoot(t), "lib", "guest"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// boot runs the programs in a guest and fails the test for each that fails or skips anything. What they print is the
// test's output as it comes, each line with the host's time since the start.
func boot(t *testing.T, g Guest) Report {
	t.Helper()
	ctx := t.Context()
	if deadline, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-10*time.Second), fmt.Errorf("the test's time is up"))
		defer cancel()
	}
	start := time.Now()
	report, err := Run(ctx, t.TempDir(), g, func(line string) {
		t.Logf("%5.1f s  %s", time.Since(start).Seconds(), line)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Programs {
		if p.Code != 0 {
			t.Errorf("%s ended with %d", p.Name, p.Code)
		}
		for _, line := range p.Output {
			if strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
				t.Errorf("%s: nothing may be skipped in the guest: %s", p.Name, line)
			}
		}
	}
	return report
}

// build makes a program for the guest, static unless it is cgo's.
func build(t *testing.T, cgo bool, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", slices.Insert(args, len(args)-1, "-o", out, "-trimpath", "-buildvcs=false", "-ldflags=-s -w")...)
	cmd.Dir = testutil.ModuleRoot(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if cgo {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
	return out
}

// tests is a program that runs the tests of a package but for those that match skip, if run is given only those that match
// it, and with SPLITBED_GUEST_RUN only those that match that. The time limit is the guest's.
func tests(name, skip string, run ...string) Program {
	args := []string{"/" + name + ".test", "-test.v", "-test.timeout=5m"}
	if skip != "" {
		args = append(args, "-test.skip="+skip)
	}
	if only := os.Getenv("SPLITBED_GUEST_RUN"); only != "" {
		run = []string{only}
	}
	for _, r := range run {
		args = append(args, "-test.run="+r)
	}
	return Program{
		Name: name, Args: args, Dir: "/tmp",
		Env: []string{"PATH=/bin", "HOME=/tmp", "SPLITBED_TEST_STRICT=1", "SPLITBED_TEST_GUEST=1"},
	}
}

func TestGuestLinks(t *testing.T) {
	t.Parallel()
	k := guestKernel(t)
	boot(t, Guest{
		Kernel: k, Modules: modules, MemoryMB: 1024,
		Init: build(t, false, "build", "./internal/vm/init"),
		Files: map[string]string{
			"/features.test": build(t, false, "test", "-c", "./emulator/features"),
			"/link.test":     build(t, false, "test", "-c", "./emulator/link"),
		},
		Programs: []Program{
			tests("features", ""),
			tests("link", "^TestDelayWithoutNetem|^TestCommandsMake"), // which need a kernel without netem, and tc
		},
	})
}

func TestGuestQuotas(t *testing.T) {
	t.Parallel()
	k := guestKernel(t)
	boot(t, Guest{
		Kernel: k, Modules: modules, MemoryMB: 1024,
		Init:  build(t, false, "build", "./internal/vm/init"),
		Files: map[string]string{"/node.test": build(t, false, "test", "-c", "./emulator/node")},
		Programs: []Program{
			tests("node", "^TestContainersOfOthersStay$|Image|/^docker$"), // there is no Docker
		},
	})
}

// Of the tests of the command, those about netem and a kill in the middle of a run. They take longest, so they are in two guests, for the
// two processors of a small host.
func TestGuestRuns(t *testing.T) {
	t.Parallel()
	bootCommand(t, "^TestARunOverNetem|^TestCleanAfterKillRemovesExactlyTheDeadRun$/^native_replay$")
}

func TestGuestSelfTest(t *testing.T) {
	t.Parallel()
	bootCommand(t, "^TestTheSelfTestHoldsOverNetem$|^TestDoctorFindsNetem$")
}

// bootCommand runs tests of the command in a guest that has it and the engine.
func bootCommand(t *testing.T, run string) {
	t.Helper()
	k := guestKernel(t)
	onnxruntime := testutil.Engine(t)
	const command, engine = "/bin/splitbed", "/lib/libonnxruntime.so.1"
	program := tests("run", "", run)
	program.Env = append(program.Env, "SPLITBED_TEST_BINARY="+command, "ONNXRUNTIME_LIB="+engine, "LD_LIBRARY_PATH="+LibraryDir)
	boot(t, Guest{
		Kernel: k, Modules: modules, MemoryMB: 2048,
		Init: build(t, false, "build", "./internal/vm/init"),
		Files: map[string]string{
			command:     build(t, true, "build", "./cmd/splitbed"),
			engine:      onnxruntime,
			"/run.test": build(t, true, "test", "-c", "./cmd/splitbed"),
		},
		Dynamic:  []string{command, engine, "/run.test"},
		Programs: []Program{program},
	})
}
