package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/splitbed/splitbed/internal/spec/spectest"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
)

// small is a sweep of eight points, four scheduling problems with two algorithms each, one of them online.
const small = `name: small
experiment:
  name: doors
  topology:
    name: few
    generate: {edges: 2, seed: 1, compute: 20GFLOPS, rate: {uniform: [10Mbps, 50Mbps]}}
  workload:
    name: doors
    tasks:
      - {name: door, count: 20, model: [cnn1, cnn2], share: proportional, input: {uniform: [50kB, 200kB]}}
curve: 5
grid:
  - topology.generate.edges: [2, 4]
  - seed: {from: 1, to: 2}
    topology.generate.seed: {from: 11, to: 12}
  - scheduler.algorithm: [layer, fifo]
figures:
  - {name: lines, x: inputs, y: deployed, series: scheduler.algorithm, reference: bound}
  - {name: sizes, kind: table, x: topology.generate.edges, y: deployed, series: scheduler.algorithm}
`

func parse(t *testing.T, text string) *Sweep {
	t.Helper()
	s, err := Parse("small.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *Sweep, o Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// smallRow is a row of the table of small.
type smallRow struct {
	Edges     int64   `parquet:"topology.generate.edges"`
	Seed      int64   `parquet:"seed"`
	Drawn     int64   `parquet:"topology.generate.seed"`
	Field     string  `parquet:"scheduler.algorithm"`
	Algorithm string  `parquet:"algorithm"`
	Inputs    int64   `parquet:"inputs"`
	Tasks     int64   `parquet:"tasks"`
	Deployed  int64   `parquet:"deployed"`
	Bound     float64 `parquet:"bound"`
	Error     string  `parquet:"error"`
}

func readTable(t *testing.T, path string) []smallRow {
	t.Helper()
	rows, err := parquet.ReadFile[smallRow](path)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestATableHasARowForEveryPointAndStepOfACurve(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	r := run(t, s, Options{Out: out})
	if r.Points != 8 || r.Reused != 0 || r.Failed != 0 {
		t.Errorf("%+v, want 8 points, all new, none failed", r)
	}
	rows := readTable(t, r.Table)
	if want := 4 * (1 + 4); len(rows) != want || r.Rows != want {
		t.Fatalf("the table has %d rows and the result says %d, want %d: one for layer, four for fifo", len(rows), r.Rows, want)
	}
	at := 0
	for _, edges := range []int64{2, 4} {
		for _, seed := range []int64{1, 2} {
			for _, want := range []smallRow{{Field: "layer", Inputs: 20}, {Field: "fifo", Inputs: 5}, {Field: "fifo", Inputs: 10},
				{Field: "fifo", Inputs: 15}, {Field: "fifo", Inputs: 20}} {
				want.Edges, want.Seed, want.Drawn, want.Algorithm, want.Tasks = edges, seed, seed+10, want.Field, 20
				got := rows[at]
				if got.Deployed < 1 || got.Deployed > got.Inputs || float64(got.Deployed) > got.Bound {
					t.Errorf("row %d deploys %d of %d inputs, bound %v", at, got.Deployed, got.Inputs, got.Bound)
				}
				got.Deployed, got.Bound = 0, 0
				if got != want {
					t.Errorf("row %d is %+v, want %+v", at, got, want)
				}
				at++
			}
		}
	}
}

// A row is what the command that plans one experiment says.
func TestAPointIsTheExperimentWithItsFieldsSet(t *testing.T) {
	s := parse(t, small)
	rows := readTable(t, run(t, s, Options{Out: t.TempDir()}).Table)
	text := strings.NewReplacer("edges: 2, seed: 1", "edges: 4, seed: 12").Replace(strings.Split(strings.Split(small, "experiment:\n")[1], "curve:")[0])
	text = strings.ReplaceAll(text, "\n  ", "\n")[2:] + "seed: 2\n"
	e, err := testbed.ParseExperiment("doors.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	reports, err := testbed.PlanSchedules(t.Context(), e, "layer", "fifo")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rows[15].Deployed, int64(reports[0].Deployed); got != want {
		t.Errorf("the sweep's layer deploys %d with 4 edges and seed 2, the experiment's %d", got, want)
	}
	if got, want := rows[19].Deployed, int64(reports[1].Deployed); got != want {
		t.Errorf("the sweep's fifo deploys %d with 4 edges and seed 2, the experiment's %d", got, want)
	}
}

func TestFiguresAreMeansOverTheOtherFields(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	r := run(t, s, Options{Out: out})
	rows := readTable(t, r.Table)
	values := map[int64][]float64{}
	for _, row := range rows {
		if row.Field == "layer" {
			values[row.Edges] = append(values[row.Edges], float64(row.Deployed))
		}
	}
	data, err := os.ReadFile(filepath.Join(out, "sizes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	mean, low, high := results.MeanInterval(values[2])
	want := "layer,2,2," + figure(mean) + "," + figure(low) + "," + figure(high) + "\n"
	if !strings.Contains(string(data), want) {
		t.Errorf("sizes.csv lacks the line %sit is\n%s", want, data)
	}
	var names []string
	for _, path := range r.Figures {
		names = append(names, filepath.Base(path))
	}
	if d := cmp.Diff([]string{"lines.csv", "lines.svg", "sizes.csv", "sizes.md"}, names); d != "" {
		t.Errorf("files of figures (-want +got):\n%s", d)
	}
}

// The bound stands in the rows of all algorithms of a problem, which makes it no better known.
func TestTheReferenceCountsEveryProblemOnce(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	rows := readTable(t, run(t, s, Options{Out: out}).Table)
	var bounds []float64
	for _, row := range rows {
		if row.Field == "layer" {
			bounds = append(bounds, row.Bound)
		}
	}
	data, err := os.ReadFile(filepath.Join(out, "lines.csv"))
	if err != nil {
		t.Fatal(err)
	}
	mean, low, high := results.MeanInterval(bounds)
	want := "bound,20,4," + figure(mean) + "," + figure(low) + "," + figure(high) + "\n"
	if !strings.Contains(string(data), want) {
		t.Errorf("lines.csv lacks the line %sit is\n%s", want, data)
	}
}

func TestATableShowsWhatItsFiguresAreLargeEnoughFor(t *testing.T) {
	for _, c := range []struct {
		largest float64
		want    int
	}{{1000, 0}, {123.4, 0}, {99, 1}, {1, 2}, {0.0421, 4}, {0, 0}, {1e-30, 9}} {
		if got := decimalsFor(c.largest); got != c.want {
			t.Errorf("%v has %d decimals, want %d", c.largest, got, c.want)
		}
	}
	f := Figure{X: "margin", Y: "p99_s"}
	got := f.markdown([]series{{name: "layer", points: []mean{{x: 0.1, n: 3, value: 0.1234, low: 0.1184, top: 0.1284}, {x: 0.2, n: 1, value: 0.05}}}})
	if want := "| margin | layer |\n|---|---:|\n| 0.1 | 0.123 ± 0.005 |\n| 0.2 | 0.050 |\n"; got != want {
		t.Errorf("the table is\n%swant\n%s", got, want)
	}
}

func TestASweepThatIsDoneIsNotDoneAgain(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	first := readTable(t, run(t, s, Options{Out: out}).Table)
	again := run(t, s, Options{Out: out})
	if again.Reused != 8 {
		t.Errorf("%d of 8 points were taken over", again.Reused)
	}
	if d := cmp.Diff(first, readTable(t, again.Table)); d != "" {
		t.Errorf("the table changed (-first +again):\n%s", d)
	}
	more := parse(t, strings.Replace(small, "[layer, fifo]", "[layer, fifo, lbf]", 1))
	if r := run(t, more, Options{Out: out}); r.Points != 12 || r.Reused != 8 {
		t.Errorf("with one more algorithm %d of %d points were taken over, want 8 of 12", r.Reused, r.Points)
	}
	if r := run(t, s, Options{Out: out, Version: "other"}); r.Reused != 0 {
		t.Errorf("%d points of another version were taken over", r.Reused)
	}
	other := parse(t, strings.Replace(small, "[50kB, 200kB]", "[60kB, 200kB]", 1))
	if r := run(t, other, Options{Out: out}); r.Reused != 0 {
		t.Errorf("%d points of another workload were taken over", r.Reused)
	}
}

// Whatever a kill left of the log, the sweep ends with the table it would have had.
func TestASweepGoesOnWithWhateverIsLeftOfItsLog(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	want := readTable(t, run(t, s, Options{Out: out}).Table)
	log := filepath.Join(out, logFile)
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	lines[7] += "\n"
	for name, c := range map[string]struct {
		text   string
		reused int
	}{
		"nothing":          {"", 0},
		"whole lines":      {strings.Join(lines[:3], ""), 3},
		"a torn line":      {strings.Join(lines[:3], "") + lines[3][:len(lines[3])/2], 3},
		"no line end":      {strings.Join(lines[:3], "") + strings.TrimSuffix(lines[3], "\n"), 3},
		"zeros":            {strings.Join(lines[:3], "") + "\x00\x00\x00\x00", 3},
		"a damaged middle": {lines[0] + "{\"key\n" + lines[2], 2},
		"a line twice":     {lines[0] + lines[0] + lines[1], 2},
	} {
		if err := os.WriteFile(log, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		r := run(t, s, Options{Out: out})
		if r.Reused != c.reused {
			t.Errorf("%s: %d points taken over, want %d", name, r.Reused, c.reused)
		}
		if d := cmp.Diff(want, readTable(t, r.Table)); d != "" {
			t.Errorf("%s: another table (-want +got):\n%s", name, d)
		}
		if again := run(t, s, Options{Out: out}); again.Reused != 8 {
			t.Errorf("%s: %d of 8 points taken over afterwards", name, again.Reused)
		}
	}
}

func TestAnInterruptedSweepKeepsWhatIsDoneAndSaysHowToGoOn(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Run(ctx, s, Options{Out: out, Jobs: 1, Progress: func(done, _ int, _ string) {
		if done == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "3 of 8 points are done") || !strings.Contains(err.Error(), out) {
		t.Errorf("error %v, want ErrInterrupted with 3 of 8 points kept in %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(out, tableFile)); err == nil {
		t.Error("an interrupted sweep left a table")
	}
	if r := run(t, s, Options{Out: out}); r.Reused != 3 {
		t.Errorf("%d points taken over, want 3", r.Reused)
	}
}

func TestTwoSweepsDoNotShareADirectory(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	log, err := openLog(filepath.Join(out, logFile))
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	if _, err := Run(t.Context(), s, Options{Out: out}); err == nil || !strings.Contains(err.Error(), "--out") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}

// A point that cannot be done stands in the table with its error, the others with their results.
func TestAPointThatFailsDoesNotEndTheSweep(t *testing.T) {
	s := parse(t, strings.Replace(small, "[layer, fifo]", `[layer, "exec:/nowhere/scheduler"]`, 1))
	out := t.TempDir()
	for range 2 {
		r, err := Run(t.Context(), s, Options{Out: out})
		if err == nil || !strings.Contains(err.Error(), "4 of 8 points failed") || !strings.Contains(err.Error(), "/nowhere/scheduler") {
			t.Errorf("error %v, want one that counts the points and says why", err)
		}
		if r.Failed != 4 {
			t.Errorf("%d points failed, want 4", r.Failed)
		}
		for i, row := range readTable(t, r.Table) {
			if failed := strings.HasPrefix(row.Field, "exec:"); failed != (row.Error != "") || !failed && row.Deployed == 0 {
				t.Errorf("row %d: %+v", i, row)
			}
		}
	}
}

func TestSimulatedPointsHaveVerdictsAndRunDirectories(t *testing.T) {
	s := parse(t, strings.Split(small, "curve:")[0]+`  emulation: {duration: 5s}
mode: simulate
grid:
  - scheduler.margin: [0.1, 0.3]
`)
	out := t.TempDir()
	r := run(t, s, Options{Out: out})
	rows, err := parquet.ReadFile[struct {
		Margin    float64 `parquet:"scheduler.margin"`
		Verdict   string  `parquet:"verdict"`
		Frames    int64   `parquet:"frames"`
		OnTime    float64 `parquet:"on_time"`
		P99       float64 `parquet:"p99_s"`
		Directory string  `parquet:"directory"`
	}](r.Table)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	for _, row := range rows {
		text, err := os.ReadFile(filepath.Join(out, row.Directory, "summary.json"))
		if err != nil {
			t.Fatal(err)
		}
		var summary results.Summary
		if err := json.Unmarshal(text, &summary); err != nil {
			t.Fatal(err)
		}
		if row.Verdict != summary.Verdict || row.Frames != int64(summary.QoS.Frames) || row.P99 != float64(summary.QoS.P99) || row.Frames == 0 {
			t.Errorf("the row %+v is not the summary's verdict %s, %d frames, p99 %v", row, summary.Verdict, summary.QoS.Frames, summary.QoS.P99)
		}
	}
}

func TestBadSweepsAreRefusedWhereTheyAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":         {"curve: 5", "curves: 5", "small.yaml:11: curves: unknown key; did you mean curve?; allowed: name, experiment, mode, attempts, grid, curve, figures"},
		"unknown field":       {"  - seed:", "  - sed:", "small.yaml:14: sed: unknown key; did you mean seed?; allowed: name, topology, workload, scheduler, qos, emulation, events, seed"},
		"field below a value": {"  - seed:", "  - name.x: [1, 2]\n    seed:", "small.yaml:14: grid[1].name.x[0]: name.x cannot be set: name is not a mapping"},
		"unknown deep field":  {"topology.generate.edges: [2, 4]", "topology.generate.edge: [2, 4]", "small.yaml:13: topology.generate.edge: unknown key; did you mean edges?; allowed: edges, seed, compute, rate, delay"},
		"wrong value":         {"[layer, fifo]", "[layer, fifi]", "small.yaml:16: scheduler.algorithm: \"fifi\" is unknown; did you mean fifo?"},
		"wrong type":          {"[2, 4]", "[2, few]", "small.yaml:13: topology.generate.edges: \"few\" does not belong here; allowed: a whole number"},
		"no such task":        {"  - seed:", "  - workload.tasks[1].fps: [1, 2]\n  - seed:", "small.yaml:14: grid[1].workload.tasks[1].fps[0]: workload.tasks[1].fps cannot be set: workload.tasks has 1 elements"},
		"lengths differ":      {"{from: 11, to: 12}", "[11]", "small.yaml:15: grid[1].topology.generate.seed: has 1 values and seed beside it 2; fields of one entry of the grid vary together"},
		"no values":           {"[2, 4]", "[]", "small.yaml:13: grid[0].topology.generate.edges: has no values; allowed: " + allowedValues},
		"backward range":      {"{from: 1, to: 2}", "{from: 2, to: 1}", "small.yaml:14: grid[1].seed: 2 to 1 in steps of 1 is no range; allowed: from at most to, a step of at least 1, and at most 100000 values"},
		"half a range":        {"{from: 1, to: 2}", "{from: 2}", "small.yaml:14: grid[1].seed: needs from and to; allowed: " + allowedValues},
		"endless range":       {"{from: 1, to: 2}", "{from: -9223372036854775808, to: 9223372036854775807}", "small.yaml:14: grid[1].seed: -9223372036854775808 to 9223372036854775807 in steps of 1 is no range; allowed: from at most to, a step of at least 1, and at most 100000 values"},
		"too many points":     {"[2, 4]", "{from: 1, to: 99999}", "small.yaml:14: grid[1]: the grid has more than 100000 points"},
		"field twice":         {"[2, 4]", "[2, 4]\n  - seed: [1]", "small.yaml:15: grid[2].seed: \"seed\" is already the name of a field of the grid"},
		"bad path":            {"  - seed:", "  - a..b: [1, 2]\n    seed:", "small.yaml:14: grid[1].a..b: \"a..b\" is no path to a field: a key is empty; allowed: keys with dots between them, such as scheduler.margin or workload.tasks[0].input, [*] for all of a list"},
		"unknown mode":        {"curve: 5", "mode: guess", "small.yaml:11: mode: \"guess\" is unknown; allowed: schedule, simulate, run, profile"},
		"curve of runs":       {"curve: 5", "curve: 5\nmode: run", "small.yaml:11: curve: 5 is no distance between rows; allowed: a number of inputs, in mode schedule"},
		"no experiment":       {"experiment:\n  name: doors", "other:\n  name: doors", "small.yaml:2: other: unknown key; allowed: name, experiment, mode, attempts, grid, curve, figures"},
		"unknown experiment":  {small[strings.Index(small, "experiment:"):strings.Index(small, "curve:")], "experiment: quickstar\n", "small.yaml:2: experiment: \"quickstar\" is neither a shipped experiment nor a file; did you mean quickstart?"},
		"unknown column":      {"x: inputs", "x: input", "small.yaml:18: figures[0].x: \"input\" is no column of this sweep's table; allowed: topology.generate.edges, seed, topology.generate.seed, scheduler.algorithm, algorithm, inputs, tasks, deployed, bound, gap, seconds, error"},
		"texts on an axis":    {"x: inputs", "x: scheduler.algorithm", "small.yaml:18: figures[0].x: scheduler.algorithm has texts, which are no places on an axis; allowed: a column of numbers; or kind: table"},
		"figure twice":        {"name: sizes", "name: lines", "small.yaml:19: figures[1].name: \"lines\" is already the name of figure 1"},
		"figure elsewhere":    {"name: sizes", "name: ../sizes", "small.yaml:19: figures[1].name: \"../sizes\" cannot be a name; allowed: up to 40 letters, digits, - and _, the first a letter or digit"},
	} {
		if !strings.Contains(small, c.old) {
			t.Fatalf("%s: the good sweep has no %q", name, c.old)
		}
		_, err := Parse("small.yaml", []byte(strings.Replace(small, c.old, c.new, 1)))
		if err != nil && strings.HasPrefix(err.Error(), c.want+"; allowed: ") {
			continue // a list of words that another package keeps
		}
		t.Run(name, func(t *testing.T) { spectest.Refused(t, err, c.want) })
	}
}

func TestFieldsInsideANamedTopologyOrWorkloadAreSetInWhatTheNameStandsFor(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base/exp.yaml":  "name: base\ntopology: net.yaml\nworkload: cameras\n",
		"base/net.yaml":  "name: net\ngenerate: {edges: 3, seed: 1, compute: 1GFLOPS, rate: 1Mbps}\n",
		"other/net.yaml": "name: other\nedges:\n  - {name: e, compute: 1GFLOPS, uplink: {rate: 1Mbps}}\n",
		"sweep.yaml": "name: s\nexperiment: base/exp.yaml\ngrid:\n" +
			"  - topology.generate.seed: [5]\n    workload: [{name: w, tasks: [{name: t, model: cnn1, input: 1kB}]}]\n    workload.tasks[*].fps: [3]\n",
		"swapped.yaml": "name: s\nexperiment: base/exp.yaml\ngrid:\n" +
			"  - topology: [other/net.yaml]\n    topology.edges[0].compute: [7GFLOPS]\n    workload: [{name: w, tasks: [{name: t, model: cnn1, input: 1kB}]}]\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	composed := func(file string) *testbed.Experiment {
		s, err := Load(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.compose(s.points()[0])
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := composed("sweep.yaml")
	if g := e.Topology.Generate; e.Topology.Name != "net" || g.Seed != 5 || g.Edges != 3 {
		t.Errorf("topology %s, generator %+v; want net with 3 edges of seed 5", e.Topology.Name, g)
	}
	if task := e.Workload.Tasks[0]; e.Workload.Name != "w" || task.FPS.Low != 3 {
		t.Errorf("workload %s at %v frames/s, want w at 3", e.Workload.Name, task.FPS)
	}
	// The path in the sweep starts from the sweep's directory, not from the experiment's.
	if e := composed("swapped.yaml"); e.Topology.Name != "other" || e.Topology.Edges[0].Compute != 7e9 {
		t.Errorf("topology %s, compute %v; want other with 7 GFLOPS", e.Topology.Name, e.Topology.Edges[0].Compute)
	}
}

func TestShippedSweepsAreGood(t *testing.T) {
	for _, name := range Names() {
		s, err := Load(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s.Name != name {
			t.Errorf("%s.yaml calls itself %s", name, s.Name)
		}
	}
}

func TestEmulatedRunsComeOneAfterTheOther(t *testing.T) {
	s := &Sweep{Name: "x", Mode: Emulate}
	if o, err := (Options{}).withDefaults(s); err != nil || o.Jobs != 1 {
		t.Errorf("%d jobs, error %v; want one", o.Jobs, err)
	}
	var input *testbed.InputError
	if _, err := (Options{Jobs: 2}).withDefaults(s); !errors.As(err, &input) {
		t.Errorf("two jobs: error %v, want an input error", err)
	}
}

// FuzzParse is given whatever a user may hand in.
func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("name: x\nexperiment: smoke\ngrid: [{\"emulation.duration\": [1s]}]")
	f.Add("name: x\nexperiment: smoke\ngrid: [{seed: {from: 1, to: 3, step: 9223372036854775807}}]")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("fuzz.yaml", []byte(text))
		spectest.Placed(t, err)
	})
}
