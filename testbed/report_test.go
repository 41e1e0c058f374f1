package testbed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What lies in a directory that is said to be a killed run's may be anybody's.
func TestARunWithoutItsPlanIsRefused(t *testing.T) {
	t.Setenv("SPLITBED_STATE", t.TempDir())
	node := `{"name": "slow"}`
	for name, plan := range map[string]string{
		"nothing":           `{}`,
		"another topology":  `{"dilation": 1, "network": {"nodes": [` + node + `]}}`,
		"no dilation":       `{"network": {"nodes": [` + strings.Repeat(node+",", 3) + node + `]}}`,
		"another kind":      `[]`,
		"a number of nodes": `{"dilation": 1, "network": {"nodes": 4}}`,
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{
			planFile: plan, timelineFile: `{"dilation": 1}`, scheduleFile: `{}`, hostFile: `{}`, experimentFile: threeRates,
		} {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Report(dir); err == nil || !strings.Contains(err.Error(), "plan.json") && !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want one that names the plan", name, err)
		}
	}
}
