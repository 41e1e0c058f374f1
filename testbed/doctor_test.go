package testbed

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRepairDoesWhatIsMissingAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	exists := func(name string) func(context.Context) error {
		return func(context.Context) error {
			_, err := os.Stat(filepath.Join(dir, name))
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "there"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	all := []examination{
		{name: "there", try: exists("there")}, {name: "missing", try: exists("missing")},
		{name: "hopeless", fix: "buy one", try: exists("hopeless")}, {name: "failing", try: exists("failing")},
	}
	known := map[string][][]string{
		"there":   {{"rm", filepath.Join(dir, "there")}},
		"missing": {{"mkdir", filepath.Join(dir, "missing")}},
		"failing": {{"false"}, {"mkdir", filepath.Join(dir, "failing")}},
	}
	var said []string
	repair(t.Context(), all, known, func(s string) { said = append(said, s) })
	for name, want := range map[string]bool{"there": true, "missing": true, "hopeless": false, "failing": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", name, err, want)
		}
	}
	for _, want := range []string{"missing: mkdir", "hopeless: nothing that could be done by itself; buy one", "failing: exit status 1"} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%q was not said: %q", want, said)
		}
	}
}

// TestEveryRepairIsOfSomethingThatIsExamined keeps the two lists from drifting apart.
func TestEveryRepairIsOfSomethingThatIsExamined(t *testing.T) {
	names := map[string]bool{}
	for _, e := range examinations() {
		names[e.name] = true
	}
	for name := range repairs() {
		if !names[name] {
			t.Errorf("a repair of %s, which nobody looks for", name)
		}
	}
}
