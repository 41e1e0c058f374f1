package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
)

const watched = `
name: watched
topology:
  name: pair
  edges:
    - {name: gw-a, compute: 40GFLOPS, uplink: {rate: 10Mbps%[1]s}, downlink: {rate: 100Mbps%[1]s}}
    - {name: gw-b, compute: 40GFLOPS, uplink: {rate: 20Mbps}}
workload:
  name: doors
  tasks: [{name: door, model: cnn1, input: 60kB, fps: 8}]
scheduler: {algorithm: "fixed:2"}
emulation: {dilation: 1, delay: %[2]s, warmup: 200ms, duration: 3s}
`

// disturbed runs an experiment and does something to its testbed from a moment after the order to start on, until ctx ends with the
// replay. It returns whatever came out.
func disturbed(t *testing.T, e *Experiment, o Options, from time.Duration, disturb func(ctx context.Context, b *testbed)) *results.Summary {
	t.Helper()
	bed := standing(t, e, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	begins := clock.Now() + int64(from)
	go func() {
		defer close(done)
		clock.SleepUntil(begins)
		disturb(ctx, bed)
	}()
	err := bed.replay(t.Context())
	cancel()
	summary, err := bed.conclude(t.Context(), err)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// inWindow is half a second into the window of the experiment above.
const inWindow = startLead + 700*time.Millisecond

// TestOverloadIsCaught breaks the emulation in every way a host or its user may: each makes the run invalid with a check that
// says so, or the latencies stay those of a run that nobody disturbed.
func TestOverloadIsCaught(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	testutil.NeedsCommand(t, "tc")
	plain := parse(t, fmt.Sprintf(watched, "", "auto"))
	delayed := parse(t, fmt.Sprintf(watched, ", delay: 5ms", "userspace"))
	clean, _ := runValid(t, plain, Options{})
	for _, c := range []struct {
		name    string
		e       *Experiment
		from    time.Duration
		disturb func(context.Context, *testbed)
		// checks of which one must fail; where the latencies may also stay as they are, spared is true.
		checks []string
		spared bool
	}{
		{"an edge stopped for half a second", plain, inWindow, func(_ context.Context, b *testbed) {
			signal(t, b.nodes["gw-a"].PID(), unix.SIGSTOP)
			time.Sleep(500 * time.Millisecond)
			signal(t, b.nodes["gw-a"].PID(), unix.SIGCONT)
		}, []string{"stall", "timer_lateness"}, false},
		{"an edge stopped for good", plain, inWindow, func(_ context.Context, b *testbed) { signal(t, b.nodes["gw-a"].PID(), unix.SIGSTOP) }, []string{"stopped"}, false},
		{"a rate doubled by hand", plain, inWindow, func(_ context.Context, b *testbed) { doubleRate(t, b, "gw-a.uplink") }, []string{"as_planned"}, false},
		{"a delay line stopped for 300 ms", delayed, inWindow, func(_ context.Context, b *testbed) {
			signal(t, b.links.Line().PID(), unix.SIGSTOP)
			time.Sleep(300 * time.Millisecond)
			signal(t, b.links.Line().PID(), unix.SIGCONT)
		}, []string{"delay_line"}, false},
		{"a busy loop on every core", plain, inWindow, func(ctx context.Context, _ *testbed) { spin(ctx, t, 2*time.Second, false) },
			[]string{"host_cpu", "cpu_granted", "timer_lateness", "stall", "softirq", "link_rate"}, true},
		{"other work that takes all of every core", plain, 50 * time.Millisecond, func(ctx context.Context, _ *testbed) { spin(ctx, t, time.Minute, true) },
			[]string{"host_cpu", "cpu_granted", "timer_lateness", "softirq"}, false}, // not before all nodes have the order to start
	} {
		t.Run(c.name, func(t *testing.T) {
			s := disturbed(t, c.e, Options{}, c.from, c.disturb)
			failed := failedChecks(s)
			t.Logf("%s: failed %v", s.Verdict, failed)
			if s.Verdict == results.Invalid {
				if !slices.ContainsFunc(c.checks, func(name string) bool { return slices.Contains(failed, name) }) {
					t.Errorf("the checks that failed are %v, want one of %v", failed, c.checks)
				}
				return
			}
			if !c.spared {
				t.Errorf("%s, want invalid by one of %v", s.Verdict, c.checks)
			}
			for i, task := range s.Tasks {
				for what, pair := range map[string][2]results.Figure{
					"median": {task.Transfer.P50, clean.Tasks[i].Transfer.P50}, "95th percentile": {task.Transfer.P95, clean.Tasks[i].Transfer.P95}} {
					if got, want := float64(pair[0]), float64(pair[1]); math.Abs(got/want-1) > 0.05 {
						t.Errorf("valid, but the %s at %s is %.4g s, undisturbed %.4g s", what, task.Edge, got, want)
					}
				}
			}
		})
	}
}

// TestQuotasBeyondTheHostAreCaught plans half as much again as the host has.
func TestQuotasBeyondTheHostAreCaught(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	host, err := Calibrate(t.Context(), o.Store)
	if err != nil {
		t.Fatal(err)
	}
	e := parse(t, fmt.Sprintf(watched, "", "auto"))
	for i := range e.Topology.Edges {
		e.Topology.Edges[i].Compute = units.FLOPS(0.75*float64(host.Cores)) * host.FLOPSPerCore()
	}
	if _, err := Run(t.Context(), e, Options{Binary: nodeBinary}); err == nil || !strings.Contains(err.Error(), "--overcommit") {
		t.Errorf("without --overcommit: %v, want an error that names it", err)
	}
	s := disturbed(t, e, Options{Overcommit: true}, 0, func(context.Context, *testbed) {})
	if failed := failedChecks(s); s.Verdict != results.Invalid || !slices.Contains(failed, "cpu_probe") {
		t.Errorf("%s with %v failed, want invalid by cpu_probe", s.Verdict, failed)
	}
	if len(s.Warnings) == 0 {
		t.Error("an overcommitted run carries no warning")
	}
}

func failedChecks(s *results.Summary) []string {
	var names []string
	for _, c := range s.Fidelity.Checks {
		if !c.OK && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

func signal(t *testing.T, pid int, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		t.Errorf("signal process %d: %v", pid, err)
	}
}

// doubleRate changes a link with the tool its user would take.
func doubleRate(t *testing.T, b *testbed, name string) {
	t.Helper()
	l, ok := b.plan.Network.Link(name)
	if !ok {
		t.Errorf("no link %s", name)
		return
	}
	rate := fmt.Sprintf("%dbps", 2*l.Egress.BytesPerSecond) // bytes to tc
	args := []string{"netns", "exec", l.At.Namespace, "tc", "class", "change", "dev", l.At.Device, "classid", "1:1", "htb", "rate", rate}
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Errorf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// spin keeps every core busy with two processes for a while, or until ctx ends; greedy ones have precedence over all ordinary threads.
func spin(ctx context.Context, t *testing.T, span time.Duration, greedy bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var all []*exec.Cmd
	for range 2 * runtime.NumCPU() {
		cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: greedy}
		if err := cmd.Start(); err != nil {
			t.Error(err)
			continue
		}
		all = append(all, cmd)
		if !greedy {
			continue
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, -20); err != nil {
			t.Error(err)
		}
		// Where the kernel groups sessions, the nice value above counts among a session's own processes only, see sched(7).
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", cmd.Process.Pid), []byte("-20"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	for _, cmd := range all {
		_ = cmd.Wait() // killed by the context, which is its error
	}
}

const throttled = `
name: throttled
topology:
  name: four
  edges:
    - {name: gw-a, compute: 30GFLOPS, uplink: {rate: 20Mbps}}
    - {name: gw-b, compute: 30GFLOPS, uplink: {rate: 20Mbps}}
    - {name: gw-c, compute: 30GFLOPS, uplink: {rate: 20Mbps}}
    - {name: gw-d, compute: 30GFLOPS, uplink: {rate: 20Mbps}}
workload:
  name: doors
  tasks: [{name: door, model: alexnet, input: 60kB, fps: 16}]
scheduler: {algorithm: "fixed:2"}
emulation: {dilation: 1, warmup: 200ms, duration: 3s}
`

// TestThrottledEdgesKeepTime holds the compute threads of four edges back for most of the time: their I/O threads, which no quota
// stops, must not come to wait for them. Of three runs, the one that other work on the host disturbed least counts.
func TestThrottledEdgesKeepTime(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	var seen []string
	for range 3 {
		s := disturbed(t, parse(t, throttled), Options{}, 0, func(context.Context, *testbed) {})
		for _, e := range s.Edges {
			if e.CPU.Throttled < 0.1 {
				t.Fatalf("%s was held back for %.3g of the window: that shows nothing", e.Edge, e.CPU.Throttled)
			}
		}
		var worst results.Figure
		for _, c := range s.Fidelity.Checks {
			if c.Name == "timer_lateness" && strings.HasPrefix(c.Subject, "gw-") {
				worst = max(worst, c.Value)
			}
		}
		if worst <= 1e-3 {
			return
		}
		seen = append(seen, fmt.Sprintf("%.2f ms", worst*1e3))
	}
	t.Errorf("the latest timers of the edges (99th percentile) in three runs: %v, want one within 1 ms", seen)
}
