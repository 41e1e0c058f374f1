package testbed

import (
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/emulator/fidelity"
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
		"all hold":                      {[]fidelity.Check{late(1)}, 2, 0},
		"half as late again":            {[]fidelity.Check{late(4.4)}, 2, 3},
		"three times as late":           {[]fidelity.Check{late(12)}, 1.1, 3.3},
		"hopelessly late, in steps":     {[]fidelity.Check{late(400)}, 2, 8},
		"half the rate, and late":       {[]fidelity.Check{slow, late(4.4)}, 10, 20},
		"faster than planned":           {[]fidelity.Check{fast, late(12)}, 2, 0},
		"changed by hand":               {[]fidelity.Check{fidelity.AsPlanned([]string{"rate"})}, 2, 0},
		"up to the largest there is":    {[]fidelity.Check{late(12)}, 9_000, 10_000},
		"nothing above the largest":     {[]fidelity.Check{late(12)}, 10_000, 0},
		"two digits, always rounded up": {[]fidelity.Check{late(8)}, 5.55, 12},
	} {
		if got := nextDilation(c.checks, c.now); math.Abs(float64(got-c.want)) > 1e-9 {
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
