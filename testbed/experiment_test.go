package testbed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/splitbed/splitbed/internal/spec/spectest"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
)

// sameExperiment compares experiments by what they say, not by where they stand.
var sameExperiment = cmp.Options{
	cmpopts.IgnoreUnexported(Experiment{}, topologies.Topology{}, workloads.Workload{}), cmpopts.EquateEmpty(),
}

const minimal = "name: x\ntopology: lab-4\nworkload: cameras\n"

func parseExperiment(t *testing.T, text string) *Experiment {
	t.Helper()
	e, err := ParseExperiment("e.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAnExperimentLeavesOutWhatHasADefault(t *testing.T) {
	got := parseExperiment(t, minimal)
	want := DefaultExperiment()
	want.Name, want.Topology, want.Workload = "x", got.Topology, got.Workload
	if diff := cmp.Diff(want, got, sameExperiment); diff != "" {
		t.Error(diff)
	}
	if got.Topology.Name != "lab-4" || got.Workload.Name != "cameras" {
		t.Errorf("topology %s and workload %s, want lab-4 and cameras", got.Topology.Name, got.Workload.Name)
	}
	e := got.Emulation
	if e.Warmup != 1e9 || e.Duration != 10e9 || e.Dilation != 0 || got.QoS.Quantile != 0.99 || got.Scheduler.Margin != 0.1 || !got.Scheduler.Framing {
		t.Errorf("defaults are %+v, %+v, %+v", got.Scheduler, got.QoS, e)
	}
}

func TestAnExperimentSaysEverything(t *testing.T) {
	got := parseExperiment(t, minimal+`scheduler: {algorithm: "fixed:2", margin: 0, undeployed: cloud, framing: false, ratios: exact}
qos: {quantile: 0.9, on: end_to_end}
emulation:
  runtime: docker
  dilation: 2.5
  sharing: shared
  delay: netem
  tcp: {congestion: reno}
  warmup: 0s
  duration: 3s
  capture: []
events: []
seed: 7
`)
	want := &Experiment{
		Name: "x", Topology: got.Topology, Workload: got.Workload,
		Scheduler: Scheduler{Algorithm: "fixed:2", Undeployed: UndeployedCloud, Ratios: "exact", Overheads: "counted"},
		QoS:       QoS{Quantile: 0.9, On: OnEndToEnd},
		Emulation: Emulation{
			Runtime: "docker", Dilation: 2.5, Sharing: "shared", Delay: "netem", TCP: TCP{Congestion: "reno"}, Duration: 3e9,
		},
		Seed: 7,
	}
	if diff := cmp.Diff(want, got, sameExperiment); diff != "" {
		t.Error(diff)
	}
}

func TestWrittenExperimentsRepeatThemselvesAnywhere(t *testing.T) {
	texts := map[string]string{
		"minimal": minimal,
		"generated": "name: g\ntopology: paper-20\nworkload: {name: w, tasks: [{name: a, model: alexnet, input: 1MB, share: proportional}]}\n" +
			"emulation: {dilation: 12.5}\nseed: 18446744073709551615\n",
		"scheduled": minimal + "scheduler: {schedule: {algorithm: hand, tasks: [{task: gate, deployed: true, k: 2, rates: [6.5Mbps]}, {task: yard, deployed: false, k: 0}]}}\n",
	}
	for _, name := range ExperimentNames() {
		e, err := LoadExperiment(name)
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != name {
			t.Errorf("%s.yaml is named %s", name, e.Name)
		}
		text, err := e.YAML()
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			want := parseExperiment(t, text)
			written, err := want.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if want.Topology, err = want.Topology.Expand(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "experiment.yaml")
			if err := os.WriteFile(file, written, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := LoadExperiment(file)
			if err != nil {
				t.Fatalf("%v in\n%s", err, written)
			}
			if diff := cmp.Diff(want, got, sameExperiment); diff != "" {
				t.Errorf("%s\n%s", diff, written)
			}
		})
	}
}

func TestShippedExperiments(t *testing.T) {
	for _, want := range []string{"quickstart", "smoke"} {
		if !strings.Contains(" "+strings.Join(ExperimentNames(), " ")+" ", " "+want+" ") {
			t.Errorf("%s is not among %v", want, ExperimentNames())
		}
	}
	smoke, err := LoadExperiment("smoke")
	if err != nil {
		t.Fatal(err)
	}
	if len(smoke.Topology.Edges) != 2 || smoke.Emulation.Duration > 3e9 {
		t.Errorf("smoke has %d edges and takes %v, want two and a few seconds", len(smoke.Topology.Edges), smoke.Emulation.Duration)
	}
	quickstart, err := LoadExperiment("quickstart")
	if err != nil {
		t.Fatal(err)
	}
	slow := false
	for _, e := range quickstart.Topology.Edges {
		slow = slow || e.Uplink.Rate == 10e6
	}
	if len(quickstart.Topology.Edges) != 4 || !slow || len(quickstart.Workload.Background) != 1 {
		t.Errorf("quickstart has %d edges, an uplink of 10 Mb/s: %v, %d background flows; want four, one, one",
			len(quickstart.Topology.Edges), slow, len(quickstart.Workload.Background))
	}
}

func TestPathsStartFromTheExperimentsDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"e.yaml":            "name: e\ntopology: parts/lab.yaml\nworkload: parts/w.yaml\nscheduler: {algorithm: \"file:s.json\"}\n",
		"parts/lab.yaml":    "name: lab\nedges: [{name: a, compute: 1GFLOPS, uplink: {rate: 1Mbps}}]\n",
		"parts/w.yaml":      "name: w\ntasks: [{name: cam, model: alexnet, input: {frames: pics}}]\n",
		"parts/own.yaml":    "name: e\ntopology: lab.yaml\nworkload: w.yaml\nscheduler: {algorithm: \"exec:./s.sh -v\"}\n",
		"s.json":            `{"algorithm": "hand", "tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [500000]}]}`,
		"broken.yaml":       "name: e\ntopology: parts/broken.yaml\nworkload: cameras\n",
		"parts/broken.yaml": "name: lab\nedges: [{name: a, compute: 1GFLOPS, uplink: {rate: 1mbps}}]\n",
		"circle.yaml":       "name: e\ntopology: circle.yaml\nworkload: cameras\n",
		"itself.yaml":       "itself.yaml\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e, err := LoadExperiment(filepath.Join(dir, "e.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if e.Topology.Name != "lab" || e.Workload.Tasks[0].Input.Frames != filepath.Join(dir, "parts/pics") {
		t.Errorf("topology %s and frames %s, want lab and parts/pics", e.Topology.Name, e.Workload.Tasks[0].Input.Frames)
	}
	want := &scheduler.Schedule{Algorithm: "hand", Tasks: []scheduler.Assignment{{Task: "cam", Deployed: true, Cut: 1, Rates: []units.Rate{5e5}}}}
	if diff := cmp.Diff(want, e.Scheduler.Schedule); diff != "" {
		t.Error(diff)
	}
	// What is named on the command line starts from the working directory instead, and a program only where it is a path.
	t.Chdir(dir)
	e2, err := LoadExperiment(filepath.Join("parts", "own.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "exec:" + filepath.Join(dir, "parts", "s.sh") + " -v"; e2.Scheduler.Algorithm != want {
		t.Errorf("algorithm %q, want %q", e2.Scheduler.Algorithm, want)
	}
	if err := e2.SetAlgorithm("file:s.json"); err != nil || e2.Scheduler.Schedule == nil {
		t.Errorf("file:s.json given on the command line in its directory: %v", err)
	}
	if err := e2.SetAlgorithm("exec:./s.sh"); err != nil || e2.Scheduler.Algorithm != "exec:./s.sh" {
		t.Errorf("exec:./s.sh given on the command line became %q: %v", e2.Scheduler.Algorithm, err)
	}
	// Once written, the experiment no longer needs the files.
	text, err := e.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "s.json")); err != nil {
		t.Fatal(err)
	}
	again, err := ParseExperiment("elsewhere.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.Scheduler, again.Scheduler); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"broken.yaml": filepath.Join(dir, "parts/broken.yaml") + `:2: edges[0].uplink.rate: "1mbps": tc reads mbps as megabytes per second, and a rate is in bits; allowed: bits per second such as 500kbit, 10Mbps or 1Gbps`,
		"circle.yaml": filepath.Join(dir, "circle.yaml") + `:2: topology: unknown key; allowed: name, threshold, cloud, edges, trunks, generate`,
		"itself.yaml": filepath.Join(dir, "itself.yaml") + `:1: "itself.yaml" does not belong here; allowed: a mapping`,
	} {
		if _, err := LoadExperiment(filepath.Join(dir, name)); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
	}
}

func TestBadExperimentsAreRefusedWhereTheyAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":        {minimal + "emulaton: {}\n", `e.yaml:4: emulaton: unknown key; did you mean emulation?; allowed: name, topology, workload, scheduler, qos, emulation, events, seed`},
		"no name":            {"topology: lab-4\nworkload: cameras\n", `e.yaml:1: name: is missing; allowed: up to 40 letters, digits, - and _, the first a letter or digit`},
		"no topology":        {"name: x\nworkload: cameras\n", `e.yaml:1: topology: is missing; allowed: a shipped name, a path, or a topology`},
		"no workload":        {"name: x\ntopology: lab-4\n", `e.yaml:1: workload: is missing; allowed: a shipped name, a path, or a workload`},
		"unknown topology":   {"name: x\ntopology: lab4\nworkload: cameras\n", `e.yaml:2: topology: "lab4" is neither a shipped topology nor a file; did you mean lab-4?; allowed: lab-4, paper-20, paper-30, paper-40, paper-50, paper-60, paper-70, paper-80, paper-90, or a path`},
		"no such file":       {"name: x\ntopology: ./none.yaml\nworkload: cameras\n", `e.yaml:2: topology: "./none.yaml" is neither a shipped topology nor a file; allowed: lab-4, paper-20, paper-30, paper-40, paper-50, paper-60, paper-70, paper-80, paper-90, or a path`},
		"inline topology":    {"name: x\ntopology:\n  name: l\n  edges:\n    - {name: a, compute: 1GFLOPS, uplink: {rate: 0Mbps}}\nworkload: cameras\n", `e.yaml:5: topology.edges[0].uplink.rate: a link cannot have the rate 0Gbps; allowed: above 0, at most 1000Gbps`},
		"inline workload":    {"name: x\ntopology: lab-4\nworkload: {name: w, tasks: [{name: a, model: m, input: 1kB, fps: 0}]}\n", `e.yaml:3: workload.tasks[0].fps: 0 is no number of frames a second; allowed: above 0, at most 1000`},
		"unknown edge":       {"name: x\ntopology: lab-4\nworkload:\n  name: w\n  tasks:\n    - {name: a, model: m, input: 1kB, edges: [gw-e]}\n", `e.yaml:6: workload.tasks[0].edges[0]: topology lab-4 has no edge "gw-e"; did you mean gw-a?; allowed: gw-a, gw-b, gw-c, gw-d`},
		"edge of the other":  {"name: x\ntopology: paper-20\nworkload: cameras\n", `cameras.yaml:5: tasks[0].edges[0]: topology paper-20 has no edge "gw-a"; allowed: edge-01, edge-02, edge-03, edge-04, edge-05, edge-06, edge-07, edge-08, edge-09, edge-10, edge-11, … edge-20`},
		"algorithm":          {minimal + "scheduler: {algorithm: layers}\n", `e.yaml:4: scheduler.algorithm: "layers" is unknown; did you mean layer?; allowed: cloud, density, edge, fifo, fifo-adaptive, layer, layer-printed, lbf, lbf-adaptive, online, online-czl, online-price, online-printed, price, fixed:K, file:PATH, exec:CMD`},
		"program nowhere":    {minimal + "scheduler: {algorithm: \"exec: \"}\n", `e.yaml:4: scheduler.algorithm: names no command; allowed: exec:CMD`},
		"fixed where":        {minimal + "scheduler: {algorithm: \"fixed:x\"}\n", `e.yaml:4: scheduler.algorithm: "x" is no layer to cut after; allowed: fixed:1, fixed:2, …`},
		"no schedule file":   {minimal + "scheduler: {algorithm: \"file:/none.json\"}\n", `e.yaml:4: scheduler.algorithm: open /none.json: no such file or directory`},
		"margin 1":           {minimal + "scheduler: {margin: 1}\n", `e.yaml:4: scheduler.margin: 1 is not a part of a deadline; allowed: from 0 to below 1`},
		"undeployed":         {minimal + "scheduler: {undeployed: keep}\n", `e.yaml:4: scheduler.undeployed: "keep" is unknown; allowed: drop, cloud`},
		"ratios":             {minimal + "scheduler: {ratios: nominl}\n", `e.yaml:4: scheduler.ratios: "nominl" is unknown; did you mean nominal?; allowed: exact, nominal`},
		"schedule twice":     {minimal + "scheduler:\n  schedule:\n    tasks:\n      - {task: a}\n      - {task: a}\n", `e.yaml:8: scheduler.schedule.tasks[1].task: "a" is already the name of task 1 of the schedule`},
		"schedule below 0":   {minimal + "scheduler:\n  schedule:\n    tasks:\n      - {task: a, k: -1}\n", `e.yaml:7: scheduler.schedule.tasks[0].k: -1 is no layer to cut after; allowed: 0 or more`},
		"quantile":           {minimal + "qos: {quantile: 99}\n", `e.yaml:4: qos.quantile: 99 is not a fraction of frames; allowed: above 0, at most 1`},
		"latency":            {minimal + "qos: {on: end-to-end}\n", `e.yaml:4: qos.on: "end-to-end" is unknown; did you mean end_to_end?; allowed: transfer, end_to_end`},
		"runtime":            {minimal + "emulation: {runtime: podman}\n", `e.yaml:4: emulation.runtime: "podman" is unknown; allowed: native, docker`},
		"dilation below 1":   {minimal + "emulation: {dilation: 0.5}\n", `e.yaml:4: emulation.dilation: "0.5": would run faster than the host can; allowed: auto, or a number of at least 1`},
		"dilation too large": {minimal + "emulation: {dilation: 1000000}\n", `e.yaml:4: emulation.dilation: 1e+06 is no dilation to run at; allowed: auto, or 1 to 10000`},
		"no such sharing":    {minimal + "emulation: {sharing: fair}\n", `e.yaml:4: emulation.sharing: "fair" is unknown; allowed: shared, reserved, borrow`},
		"delay":              {minimal + "emulation: {delay: usrspace}\n", `e.yaml:4: emulation.delay: "usrspace" is unknown; did you mean userspace?; allowed: auto, netem, userspace`},
		"congestion":         {minimal + "emulation: {tcp: {congestion: bbr}}\n", `e.yaml:4: emulation.tcp.congestion: "bbr" is unknown; allowed: auto, cubic, reno`},
		"duration 0":         {minimal + "emulation: {duration: 0s}\n", `e.yaml:4: emulation.duration: 0s is out of range; allowed: above 0s, at most 24h0m0s`},
		"warmup below 0":     {minimal + "emulation: {warmup: -1s}\n", `e.yaml:4: emulation.warmup: -1s is out of range; allowed: 0s to 24h0m0s`},
		"capture snaplen":    {minimal + "emulation:\n  capture: [{link: gw-a.uplink, snaplen: 10B}]\n", `e.yaml:5: emulation.capture[0].snaplen: 10B of each packet cannot be kept; allowed: 64B to 65.535kB`},
		"capture of nothing": {minimal + "emulation:\n  capture: [gw-b.uplink, gw-a.upling]\n", `e.yaml:5: emulation.capture[1]: there is no link "gw-a.upling"; did you mean gw-a.uplink?; allowed: gw-a.uplink, gw-a.downlink, gw-b.uplink, gw-b.downlink, gw-c.uplink, gw-c.downlink, gw-d.uplink, gw-d.downlink`},
		"capture twice":      {minimal + "emulation:\n  capture: [gw-b.uplink, {link: gw-b.uplink}]\n", `e.yaml:5: emulation.capture[1]: "gw-b.uplink" is already captured`},
		"background nowhere": {"name: x\ntopology: lab-4\nworkload:\n  name: w\n  tasks: [{name: a, model: m, input: 1kB}]\n  background: [{link: gw-z.uplink, kind: bulk}]\n", `e.yaml:6: workload.background[0].link: topology lab-4 has no edge "gw-z"; did you mean gw-a?; allowed: gw-a, gw-b, gw-c, gw-d`},
		"events as a word":   {minimal + "events: none\n", `e.yaml:4: events: "none" does not belong here; allowed: a list`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseExperiment("e.yaml", []byte(c.text))
			spectest.Refused(t, err, c.want)
		})
	}
}

func TestReplaceChecksThePartsAgainstEachOther(t *testing.T) {
	e := DefaultExperiment()
	if err := e.Replace("lab-4", "cameras"); err != nil || e.Name != "cameras" || e.Topology.Name != "lab-4" {
		t.Errorf("got %s on %+v, %v", e.Name, e.Topology, err)
	}
	const want = `cameras.yaml:5: tasks[0].edges[0]: topology paper-20 has no edge "gw-a"`
	if err := e.Replace("paper-20", ""); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := DefaultExperiment().Replace("lab-4", ""); err == nil {
		t.Error("an experiment without a workload was accepted")
	}
	if err := e.Replace("", "none"); err == nil {
		t.Error("a workload that there is not was accepted")
	}
}

func TestDilationOnTheCommandLine(t *testing.T) {
	for text, want := range map[string]units.Dilation{"auto": 0, "1": 1, "2.5": 2.5} {
		if got, err := ParseDilation(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "0.9", "-1", "", "fast", "NaN"} {
		if got, err := ParseDilation(text); err == nil {
			t.Errorf("%q is the dilation %v, want an error", text, got)
		}
	}
}

func FuzzParseExperiment(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("name: x\ntopology: {name: l, edges: [{name: a, compute: 1GFLOPS, uplink: {rate: 1Mbps}}]}\nworkload: {name: w, tasks: [{name: a, model: m, input: 1kB}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseExperiment("f.yaml", data)
		if err != nil {
			spectest.Placed(t, err)
			return
		}
		text, err := e.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseExperiment("f.yaml", text); err != nil {
			t.Fatalf("what was written cannot be read: %v in\n%s", err, text)
		}
	})
}
