package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// TestARunningTestbedIsSeenEnteredAndChanged does what one does from a second terminal.
func TestARunningTestbedIsSeenEnteredAndChanged(t *testing.T) {
	testutil.NeedsDocker(t)
	testutil.NeedsEngine(t)
	for _, runtime := range []string{"native", "docker"} {
		t.Run(runtime, func(t *testing.T) { seeEnterAndChange(t, runtime) })
	}
}

func seeEnterAndChange(t *testing.T, runtime string) {
	before := inventory(t)
	state, out := t.TempDir(), filepath.Join(t.TempDir(), "run")
	ask := func(args ...string) (stdout string, code int) {
		cmd := command(t, state, args...)
		text, _ := cmd.Output()
		return string(text), cmd.ProcessState.ExitCode()
	}
	if text, code := ask("ps", "--json"); strings.TrimSpace(text) != "[]" || code != 0 {
		t.Fatalf("ps before any run: %q, exit code %d", text, code)
	}
	cmd := command(t, state, "run", "--keep", "--runtime", runtime, "--out", out, "smoke")
	during(t, cmd, "replay", func() {
		var standing []struct {
			Run, Experiment, Phase, Dir string
			Nodes                       []struct{ Name, NetNS string }
		}
		text, _ := ask("ps", "--json")
		if err := json.Unmarshal([]byte(text), &standing); err != nil || len(standing) != 1 {
			t.Fatalf("ps --json: %v in %s", err, text)
		}
		s := standing[0]
		if s.Experiment != "smoke" || s.Phase != "replay" || s.Dir != out || len(s.Nodes) != 3 {
			t.Errorf("ps: %+v, want smoke in replay with three nodes", s)
		}
		// Frames may be lost in the change: it is made, and unmade, in the warm-up or after.
		end := time.Now().Add(20 * time.Second)
		for {
			text, code := ask("link", "set", "--json", s.Run, "gw-a.uplink", "rate=5Mbps")
			if code == 0 {
				var change results.Change
				if err := json.Unmarshal([]byte(text), &change); err != nil || !change.ByHand || change.Change != "rate 5Mbps" {
					t.Errorf("link set: %v in %s", err, text)
				}
				break
			}
			if time.Now().After(end) {
				t.Fatal("a link could not be set for 20 s")
			}
		}
		for _, c := range []struct {
			args []string
			code int
		}{
			{[]string{"link", "set", s.Run, "gw-z.uplink", "down"}, 2},
			{[]string{"link", "set", s.Run, "gw-a.uplink", "speed=3"}, 2},
			{[]string{"link", "set", "nobody", "gw-a.uplink", "down"}, 2},
			{[]string{"exec", s.Run, "gw-z", "--", "true"}, 2},
			{[]string{"exec", s.Run[len(s.Run)-6:], "gw-b", "--", "sh", "-c", "exit 7"}, 7},
			{[]string{"exec", s.Run, "gw-b", "--", "false"}, 1},
		} {
			if text, code := ask(c.args...); code != c.code {
				t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, text)
			}
		}
		// eth0 and lo are all the devices an edge has.
		if text, code := ask("exec", s.Run, "gw-b", "--", "cat", "/proc/self/net/dev"); code != 0 || !strings.Contains(text, "eth0:") || strings.Count(text, ":") != 2 {
			t.Errorf("devices in gw-b, exit code %d:\n%s", code, text)
		}
	}, "kept", func() {
		if text, _ := ask("ps"); !strings.Contains(text, " kept ") {
			t.Errorf("ps after the run's end:\n%s", text)
		}
		if _, code := ask("link", "set", filepath.Base(out), "gw-a.uplink", "up"); code != 2 {
			t.Errorf("a run found by half of its directory: exit code %d", code)
		}
		if text, code := ask("link", "set", out, "gw-b.uplink", "down"); code != 0 {
			t.Errorf("link set by directory: exit code %d: %s", code, text)
		}
		cmd.Process.Signal(os.Interrupt)
	})
	summary, err := results.ReadSummary(filepath.Join(out, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(summary.Changes) != 1 || !summary.Changes[0].ByHand || summary.Changes[0].Subject != "gw-a.uplink" {
		t.Errorf("changes in the summary: %+v, want the one made by hand during the run", summary.Changes)
	}
	events, err := os.ReadFile(filepath.Join(out, "events.jsonl"))
	if err != nil || strings.Count(string(events), "(by hand)") != 2 {
		t.Errorf("events: %v, want two changes by hand in\n%s", err, events)
	}
	nothingLeft(t, before)
}
