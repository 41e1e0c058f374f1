package testbed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads/model"
)

func TestTheExampleSchedulerMakesAFeasibleSchedule(t *testing.T) {
	testutil.NeedsCommand(t, "python3")
	e, err := LoadExperiment("quickstart")
	if err != nil {
		t.Fatal(err)
	}
	reports, err := PlanSchedules(t.Context(), e, "exec:python3 "+filepath.Join("..", "docs", "examples", "scheduler.py"))
	if err != nil {
		t.Fatal(err)
	}
	r := reports[0]
	if len(r.Violations) > 0 || r.Deployed == 0 || r.Deployed > r.Bound {
		t.Errorf("%d of at most %d deployed, broken: %v", r.Deployed, r.Bound, r.Violations)
	}
	if !strings.HasPrefix(r.Algorithm, "exec:python3") {
		t.Errorf("the schedule is marked %q", r.Algorithm)
	}
}

// Each program is a shell script that misbehaves.
func TestAProgramThatMisbehavesIsAnErrorThatSaysHow(t *testing.T) {
	inst := scheduler.Instance{Threshold: 1, Edges: []scheduler.Edge{{Name: "gw", Compute: 1, Uplink: 1, Trunk: -1}}}
	for name, c := range map[string]struct{ script, want string }{
		"fails":              {"echo no licence >&2; exit 3", "exit status 3: no licence"},
		"answers nonsense":   {"echo hello", "bad schedule"},
		"answers nothing":    {"cat >/dev/null", "EOF"},
		"floods":             {"exec cat /dev/zero", "more than 64 MB"},
		"names unknown task": {`echo '{"tasks":[{"task":"x","deployed":false,"k":0}]}'`, `no task "x"`},
	} {
		script := filepath.Join(t.TempDir(), "s.sh")
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := execute(t.Context(), "exec:x", []string{script}, inst); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	if _, err := execute(t.Context(), "exec:x", []string{"/no/such/program"}, inst); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: error %v, want %v", err, os.ErrNotExist)
	}
}

// What the program started ends with it.
func TestAProgramIsKilledWithItsChildrenWhenTheContextEnds(t *testing.T) {
	inst := scheduler.Instance{Threshold: 1, Edges: []scheduler.Edge{{Name: "gw", Compute: 1, Uplink: 1, Trunk: -1}}}
	fifo := filepath.Join(t.TempDir(), "started")
	script := filepath.Join(t.TempDir(), "s.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsleep 1000 &\necho $! > "+fifo+"\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if b, err := os.ReadFile(fifo); err == nil && strings.HasSuffix(string(b), "\n") {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := execute(ctx, "exec:x", []string{script}, inst); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	child, err := os.ReadFile(fifo)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(child)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("process %s is still there", child)
}

func TestNominalRatiosShareATablePerNetwork(t *testing.T) {
	e, err := ParseExperiment("p.yaml", []byte("name: p\ntopology: paper-20\nworkload: paper\nscheduler: {margin: 0, framing: false, ratios: nominal}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := resolve(t.Context(), e, model.Store{})
	if err != nil {
		t.Fatal(err)
	}
	inst := s.instance(e.Scheduler)
	tables := map[*scheduler.Demand]bool{}
	for j, task := range inst.Tasks {
		if len(task.Costs) != 1 || len(task.At) != 20 {
			t.Fatalf("%s: %d cost tables and %d places, want 1 and 20", task.Name, len(task.Costs), len(task.At))
		}
		tables[&task.Costs[0][0]] = true
		// The paper's form: 8·r/Q bit/s and l FLOP for a byte of input, those of the network at its usual size.
		usual := s.usual[s.workload.Tasks[j].Model]
		for k, d := range task.Costs[0] {
			if rate := 8 * usual.Ratio(k) / 0.2; !near(float64(d.Rate), rate) {
				t.Fatalf("%s, cut %d: %v bit/s a byte, want %v", task.Name, k, d.Rate, rate)
			}
			if !near(float64(d.Compute), usual.Overhead(k)) {
				t.Fatalf("%s, cut %d: %v FLOP a byte, want %v", task.Name, k, d.Compute, usual.Overhead(k))
			}
		}
	}
	if len(tables) != 10 {
		t.Errorf("%d cost tables, want one for each of ten networks", len(tables))
	}
}

// near allows for the encoded picture's size, which a profile rounds to whole bytes.
func near(got, want float64) bool { return got >= want*(1-1e-3) && got <= want*(1+1e-3) }
