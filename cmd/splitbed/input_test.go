package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
)

const goodExperiment = `name: bad
topology:
  name: two
  edges:
    - {name: gw-a, compute: 20GFLOPS, uplink: {rate: 20Mbps}}
    - {name: gw-b, compute: 20GFLOPS, uplink: {rate: 20Mbps}}
workload:
  name: cams
  tasks:
    - {name: cam, model: cnn2, edges: all, input: 50kB, fps: 4, deadline: 200ms}
scheduler: {algorithm: layer}
emulation: {warmup: 200ms, duration: 1s}
seed: 1
`

// TestBadInputIsOneErrorAndLeavesNothing runs experiments that cannot be run.
func TestBadInputIsOneErrorAndLeavesNothing(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	for name, c := range map[string]struct {
		old, new string   // a change to goodExperiment
		args     []string // of run
		says     []string
	}{
		"unknown key":          {"seed: 1", "sed: 1", nil, []string{"bad.yaml:13", "sed", "seed"}},
		"rate in bytes":        {"uplink: {rate: 20Mbps}}\n    - {name: gw-b", "uplink: {rate: 10mbps}}\n    - {name: gw-b", nil, []string{"bad.yaml:5", "rate", "10mbps", "10Mbps"}},
		"zero rate":            {"uplink: {rate: 20Mbps}}\n    - {name: gw-b", "uplink: {rate: 0Mbps}}\n    - {name: gw-b", nil, []string{"bad.yaml:5", "rate"}},
		"edge named twice":     {"name: gw-b", "name: gw-a", nil, []string{"bad.yaml:6", "gw-a"}},
		"unknown model":        {"model: cnn2", "model: cnn9", nil, []string{"bad.yaml:10", "cnn9", "alexnet", "cnn2"}},
		"unknown algorithm":    {"algorithm: layer", "algorithm: best", nil, []string{"best", "layer", "fixed:K"}},
		"duration zero":        {"duration: 1s", "duration: 0s", nil, []string{"bad.yaml:12", "duration"}},
		"budget beyond host":   {"20GFLOPS, uplink: {rate: 20Mbps}}\n    - {name: gw-b", "90000GFLOPS, uplink: {rate: 20Mbps}}\n    - {name: gw-b", []string{"--dilation", "1"}, []string{"--dilation", "--overcommit"}},
		"no frame fits at all": {"input: 50kB", "input: 50MB", []string{"--scheduler", "cloud"}, []string{"deploys none"}},
		"run directory in use": {"", "", []string{"--out", "."}, []string{"not empty"}},
		"no such schedule":     {"", "", []string{"--schedule", "gone.json"}, []string{"gone.json"}},
		"unknown option":       {"", "", []string{"--sed", "1"}, []string{"sed"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.old != "" && !strings.Contains(goodExperiment, c.old) {
				t.Fatalf("the good experiment has no %q", c.old)
			}
			before := inventory(t)
			state := t.TempDir()
			args := append(append([]string{"run"}, c.args...), "bad.yaml")
			cmd := command(t, state, args...)
			write(t, filepath.Join(cmd.Dir, "bad.yaml"), strings.Replace(goodExperiment, c.old, c.new, 1))
			text, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if n := strings.Count(string(text), "splitbed: "); n != 1 {
				t.Errorf("%d errors, want one", n)
			}
			for _, word := range c.says {
				if !strings.Contains(string(text), word) {
					t.Errorf("the error does not say %q", word)
				}
			}
			if t.Failed() {
				t.Logf("it says:\n%s", text)
			}
			nothingLeft(t, before)
			if entries, _ := os.ReadDir(filepath.Join(cmd.Dir, "runs")); len(entries) > 0 {
				t.Errorf("a run directory was left: %v", entries)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAScheduleThatExceedsAnUplinkIsRefusedUnlessAllowed(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	before := inventory(t)
	// The schedule of a fast network on one that is a tenth of it.
	dir := t.TempDir()
	write(t, filepath.Join(dir, "fast.yaml"), goodExperiment)
	if code, summary := runJSON(t, dir, "fast", "fast.yaml"); code != 0 {
		t.Fatalf("exit code %d: %s", code, summary.Reason)
	}
	schedule := filepath.Join(dir, "fast", "schedule.json")
	slow := strings.Replace(goodExperiment, "20Mbps}}\n    - {name: gw-b", "400kbit, queue: 200ms}}\n    - {name: gw-b", 1)

	refused := command(t, t.TempDir(), "run", "--schedule", schedule, "slow.yaml")
	write(t, filepath.Join(refused.Dir, "slow.yaml"), slow)
	text, _ := refused.CombinedOutput()
	if code := refused.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(text), "gw-a") || !strings.Contains(string(text), "--allow-infeasible") {
		t.Errorf("exit code %d, want 2 and the edge named:\n%s", code, text)
	}

	write(t, filepath.Join(dir, "slow.yaml"), slow)
	code, summary := runJSON(t, dir, "allowed", "--allow-infeasible", "--schedule", schedule, "slow.yaml")
	if code != 3 || len(summary.Broken) == 0 {
		t.Errorf("exit code %d, want 3 and the broken constraints in the summary, which lists %d", code, len(summary.Broken))
	}
	nothingLeft(t, before)
}

func TestWithoutRootOrDockerARunSaysSo(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	t.Run("no root", func(t *testing.T) {
		cmd := command(t, t.TempDir(), "run", "smoke")
		// The binary and its directory must be reachable for somebody else.
		dir := publicDir(t)
		copied := filepath.Join(dir, "splitbed")
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied, content, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Path, cmd.Dir = copied, dir
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		text, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(text), "root") {
			t.Errorf("exit code %d, want 1 and a word about root:\n%s", code, text)
		}
	})
	t.Run("no docker", func(t *testing.T) {
		cmd := command(t, t.TempDir(), "run", "--runtime", "docker", "smoke")
		cmd.Env = append(cmd.Env, "DOCKER_HOST=unix:///nowhere/docker.sock")
		text, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(text), "Docker") {
			t.Errorf("exit code %d, want 1 and a word about Docker:\n%s", code, text)
		}
	})
}

// publicDir is a directory that every user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "splitbed-public-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWhatIsMistakenSaysWhatToChange goes through what a new user gets wrong; nothing of it needs root.
func TestWhatIsMistakenSaysWhatToChange(t *testing.T) {
	files := map[string]string{
		"good.yaml":    goodExperiment,
		"typo.json":    `{"algorithm": "mine", "tasks": [{"task": "cams", "deployed": true, "k": 1, "rates": ["1Mbps", "1Mbps"]}]}`,
		"empty.csv":    "",
		"heading.csv":  "seconds,bytes\n",
		"negative.csv": "-1,1200\n",
		"units.csv":    "0.5,20kB\n",
		"film.mp4":     "this is no film\n",
	}
	trace := func(file string) string {
		return strings.Replace(goodExperiment, "scheduler:", "  background: [{link: gw-a.uplink, kind: {trace: "+file+"}}]\nscheduler:", 1)
	}
	for file, c := range map[string][2]string{
		"arrivals-empty.yaml": {"fps: 4", "arrival: {trace: empty.csv}"},
		"film.yaml":           {"input: 50kB, fps: 4", "input: {video: film.mp4}"},
		"nowhere.yaml":        {"{warmup", "{capture: [gw-c.uplink], warmup"},
		"later.yaml":          {"seed: 1", "events: [{at: 2s, kill: gw-a}]"},
		"field.yaml":          {"deadline", "deadlien"},
	} {
		if !strings.Contains(goodExperiment, c[0]) {
			t.Fatalf("the good experiment has no %q", c[0])
		}
		files[file] = strings.Replace(goodExperiment, c[0], c[1], 1)
	}
	for _, file := range []string{"empty", "heading", "negative", "units", "gone"} {
		files["background-"+file+".yaml"] = trace(file + ".csv")
	}
	for line, says := range map[string][]string{
		"run nosuch":                              {`"nosuch"`, "quickstart", "or a path"},
		"run quickstrat":                          {"did you mean quickstart?"},
		"run .":                                   {"is a directory", "name the file"},
		"simulate":                                {"splitbed simulate EXPERIMENT", "one experiment"},
		"simulate field.yaml":                     {"field.yaml:10", "deadlien", "did you mean deadline?"},
		"simulate nowhere.yaml":                   {"nowhere.yaml:12", `no link "gw-c.uplink"`, "gw-a.uplink"},
		"simulate later.yaml":                     {"later.yaml:13", "events[0].at", "the duration"},
		"simulate arrivals-empty.yaml":            {"arrivals-empty.yaml:10", "empty.csv has no frames", "seconds,bytes"},
		"simulate background-empty.yaml":          {"background-empty.yaml:11", "has no packets", "seconds,bytes"},
		"simulate background-heading.yaml":        {"has no packets", "seconds,bytes"},
		"simulate background-negative.yaml":       {"negative.csv: line 1", "from 0"},
		"simulate background-units.yaml":          {"units.csv: line 1", "seconds,bytes, such as"},
		"simulate background-gone.yaml":           {"gone.csv", "no such file"},
		"simulate good.yaml --duration 10":        {"--duration", "no unit", "1.5s"},
		"simulate good.yaml --margin 2":           {"--margin", "from 0 to below 1"},
		"simulate good.yaml --scheduler best":     {"--scheduler", "layer", "fixed:K"},
		"simulate good.yaml --schedule typo.json": {"typo.json", `no task "cams"`, "did you mean cam?"},
		"run good.yaml --dilation fast":           {"--dilation", "auto, or a number"},
		"run good.yaml --dilation 0.5":            {"--dilation", "auto, or a number"},
		"run good.yaml --sharing fair":            {"--sharing", "reserved"},
		"run good.yaml --capture gw-a.uplnk":      {"--capture", "did you mean gw-a.uplink?"},
		"schedule":                                {"--topology", "--workload"},
		"schedule good.yaml --explain cams":       {`no task "cams"`, "did you mean cam?"},
		"schedule good.yaml --algorithm best":     {"--algorithm", "layer"},
		"report nosuch":                           {"no run nosuch", "runs/nosuch"},
		"topology generate":                       {"--edges"},
		"topology shwo":                           {`no command "shwo"`, "splitbed topology --help"},
		"selftest lab-4 --runtime podman":         {"--runtime", "native, docker"},
	} {
		t.Run(line, func(t *testing.T) {
			cmd := command(t, t.TempDir(), strings.Fields(line)...)
			for name, text := range files {
				write(t, filepath.Join(cmd.Dir, name), text)
			}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			_ = cmd.Run() // its exit code says more
			if code := cmd.ProcessState.ExitCode(); code != 2 || strings.Count(stderr.String(), "splitbed: ") != 1 {
				t.Errorf("exit code %d, want 2 and one error:\n%s", code, stderr.String())
			}
			for _, word := range says {
				if !strings.Contains(stderr.String(), word) {
					t.Errorf("it does not say %q:\n%s", word, stderr.String())
				}
			}
			if entries, _ := os.ReadDir(filepath.Join(cmd.Dir, "runs")); len(entries) > 0 {
				t.Errorf("a run directory was left: %v", entries)
			}
		})
	}
	t.Run("a film that is none", func(t *testing.T) {
		testutil.NeedsCommand(t, "ffprobe")
		cmd := command(t, t.TempDir(), "simulate", "film.yaml")
		for name, text := range files {
			write(t, filepath.Join(cmd.Dir, name), text)
		}
		text, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(text), "film.mp4: it cannot be read as a video") {
			t.Errorf("exit code %d: %s", code, text)
		}
	})
}
