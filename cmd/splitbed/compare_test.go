package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/results"
)

// captured runs the command and returns what it writes and its exit code.
func captured(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	r := splitbed(t, args...)
	return r.stdout, r.stderr, r.code
}

func TestSimulationsAreCompared(t *testing.T) {
	dir := t.TempDir()
	runs := []string{filepath.Join(dir, "layer"), filepath.Join(dir, "online")}
	for i, algorithm := range []string{"layer", "online"} {
		if _, _, code := captured(t, "simulate", "--scheduler", algorithm, "--out", runs[i], "smoke"); code > 4 {
			t.Fatalf("simulate --scheduler %s: exit code %d", algorithm, code)
		}
	}
	page := filepath.Join(dir, "page.html")
	stdout, stderr, code := captured(t, "compare", "--json", "--html", page, runs[0], runs[1])
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var c results.Comparison
	if err := json.Unmarshal([]byte(stdout), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Runs) != 2 || c.Runs[0].Algorithm != "layer" || c.Runs[1].Algorithm != "online" || c.Runs[0].Dir != runs[0] {
		t.Errorf("rows %+v, want layer and online", c.Runs)
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("the page has no chart; error %v", err)
	}
	for name, want := range map[string]string{dir: "is not the directory of a run", page: "is a file", "no-such-run": "there is no run no-such-run"} {
		if _, stderr, code := captured(t, "compare", runs[0], name); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("compare with %s: exit code %d, %q; want %d and %q", name, code, stderr, 2, want)
		}
	}
	if _, stderr, code := captured(t, "compare", runs[0]); code != 2 || !strings.Contains(stderr, "two runs or more") {
		t.Errorf("one run: exit code %d, %q", code, stderr)
	}
}
