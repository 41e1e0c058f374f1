package testbed

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
)

func TestTheNextDilationFollowsFromTheWorstCheck(t *testing.T) {
	deadline := units.Virtual(200 * time.Millisecond)
	late := func(ms float64) fidelity.Check {
		return fidelity.TimerLateness("gw", units.Virtual(ms*1e6), deadline) // the limit is 4 ms
	}
	slow, fast := fidelity.LinkRate("gw.uplink", 10e6, 5e6), fidelity.LinkRate("gw.uplink", 10e6, 20e6)
	for name, c := range map[string]struct {
		checks []fidelity.Check
		now    units.Dilation
		want   units.Dilation
	}{
		"all hold":            {[]fidelity.Check{late(1)}, 2, 0},
		"half as late again":  {[]fidelity.Check{late(4.4)}, 2, 3},
		"three times as late": {[]fidelity.Check{late(12)}, 1.1, 3.3},
		"the delay line late": {[]fidelity.Check{fidelity.DelayLine(units.Virtual(12e6), deadline)}, 1, 3},
		// 0.5 is 3.37 times what a tenth and two packets of 62.5 kB allow.
		"a queue too long, and late":    {[]fidelity.Check{fidelity.QueueProbe("gw.uplink", 1.5, shape.Egress{Limit: 62_500}), late(4.4)}, 2, 6.8},
		"hopelessly late, in steps":     {[]fidelity.Check{late(400)}, 2, 8},
		"half the rate, and late":       {[]fidelity.Check{slow, late(4.4)}, 10, 20},
		"faster than planned":           {[]fidelity.Check{fast, late(12)}, 2, 0},
		"changed by hand":               {[]fidelity.Check{fidelity.AsPlanned([]string{"rate"})}, 2, 0},
		"up to the largest there is":    {[]fidelity.Check{late(12)}, 9_000, 10_000},
		"nothing above the largest":     {[]fidelity.Check{late(12)}, 10_000, 0},
		"as it is written":              {[]fidelity.Check{late(13.5)}, 1, 3.4},
		"two digits, always rounded up": {[]fidelity.Check{late(8)}, 5.55, 12},
	} {
		if got := nextDilation(c.checks, c.now); got != c.want {
			t.Errorf("%s: %v at %v, want %v", name, got, c.now, c.want)
		}
	}
	report := advise(fidelity.Judge([]fidelity.Check{late(12)}), 2)
	if report.NextDilation != 6 || !strings.Contains(report.Checks[0].Advice, "--dilation 6") {
		t.Errorf("the advice does not name the next dilation: %+v", report)
	}
}

func TestOnlyARunOfDilationAutoIsTriedAgain(t *testing.T) {
	e := parse(t, threeRates) // dilation 1
	if _, err := Run(t.Context(), e, Options{Retries: 1, Binary: nodeBinary}); err == nil || !strings.Contains(err.Error(), "auto") {
		t.Errorf("a retry of a fixed dilation: %v, want an error that names auto", err)
	}
	invalid := &results.Summary{Verdict: results.Invalid}
	if _, ok := e.again(invalid); ok {
		t.Error("a run that no dilation cures was to be tried again")
	}
	invalid.Fidelity.NextDilation = 7
	if next, ok := e.again(invalid); !ok || next.Emulation.Dilation != 7 || e.Emulation.Dilation != 1 {
		t.Errorf("the next attempt: %v, %v; the experiment itself now has %v", next.Emulation.Dilation, ok, e.Emulation.Dilation)
	}
}

// stopOnce stops the process of an edge for half a second, half a second into the first window that begins, and notes what it is told.
type stopOnce struct {
	Silent
	t     *testing.T
	edge  string
	once  sync.Once
	done  chan struct{}
	notes []string
}

func (s *stopOnce) Note(message string) { s.notes = append(s.notes, message) }

func (s *stopOnce) Phase(p Phase, _ string) {
	if p != Replay {
		return
	}
	s.once.Do(func() {
		go func() {
			defer close(s.done)
			time.Sleep(startLead + 700*time.Millisecond)
			pid := nodeProcess(s.t, s.edge)
			signal(s.t, pid, unix.SIGSTOP)
			time.Sleep(500 * time.Millisecond)
			signal(s.t, pid, unix.SIGCONT)
		}()
	})
}

// nodeProcess finds the process of a node of this test's testbed.
func nodeProcess(t *testing.T, node string) int {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // a process that has ended meanwhile is another
		args := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		if args[0] == nodeBinary && slices.Contains(args, "node") && args[len(args)-1] == node {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Error(err)
			}
			return pid
		}
	}
	t.Errorf("there is no process of %s", node)
	return math.MaxInt32
}

// TestAnInvalidRunIsRepeatedMoreSlowly breaks the first attempt of a run: the second is at the dilation that the first one named,
// and nobody has to do anything.
func TestAnInvalidRunIsRepeatedMoreSlowly(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	e, err := LoadExperiment("smoke")
	if err != nil {
		t.Fatal(err)
	}
	e.Emulation.Warmup, e.Emulation.Duration = units.Virtual(200*time.Millisecond), units.Virtual(time.Second)
	t.Setenv("SPLITBED_STATE", t.TempDir())
	for range attempts {
		out := filepath.Join(t.TempDir(), "run")
		watch := &stopOnce{t: t, edge: "gw-a", done: make(chan struct{})}
		last, err := Run(t.Context(), e, Options{Binary: nodeBinary, Out: out, Retries: 1, Progress: watch})
		if err != nil {
			t.Fatal(err)
		}
		<-watch.done
		first, err := results.ReadSummary(filepath.Join(out+".invalid-1", summaryFile))
		if err != nil {
			t.Fatalf("the first attempt was not kept: %v", err)
		}
		failed := failedChecks(&first)
		if first.Verdict != results.Invalid || !slices.Contains(failed, "stall") && !slices.Contains(failed, "timer_lateness") {
			t.Errorf("the first attempt is %s by %v, want invalid by stall or timer_lateness", first.Verdict, failed)
		}
		if last.Dilation != first.Fidelity.NextDilation || last.Dilation < 1.5*first.Dilation {
			t.Errorf("the first attempt was at %v and named %v, the second is at %v", first.Dilation, first.Fidelity.NextDilation, last.Dilation)
		}
		if len(watch.notes) == 0 || !strings.Contains(strings.Join(watch.notes, "\n"), "trying again") {
			t.Errorf("the user was told %q", watch.notes)
		}
		if last.Verdict != results.Invalid {
			return
		}
		t.Logf("the second attempt is invalid, too: %s", last.Reason)
		testutil.AwaitQuietHost(t)
	}
	t.Errorf("%d times the second attempt was invalid, too", attempts)
}

func TestAStoppedProcessIsSeen(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if isStopped(cmd.Process.Pid) {
		t.Error("a sleeping process is taken for a stopped one")
	}
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("wait for the stop: %v, %v", status, err)
	}
	if !isStopped(cmd.Process.Pid) {
		t.Error("a stopped process is not seen")
	}
	if isStopped(math.MaxInt32) || isStopped(os.Getpid()) {
		t.Error("a process that is gone, or runs, is taken for a stopped one")
	}
}
