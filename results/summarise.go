package results

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
)

// Input is all a summary is computed from.
type Input struct {
	Run        string
	Experiment string
	Seed       uint64
	Runtime    string
	// Delay says what delayed packets; empty where none was.
	Delay    string
	Dilation units.Dilation
	Started  time.Time
	// CloudVirtual says that the cloud had a compute budget.
	CloudVirtual bool
	// Wall is the wall time of the replay, warm-up and drain included. The window's length is Rule.Window.
	Wall     time.Duration
	Rule     Rule
	Schedule Schedule
	// Tasks are the deployed tasks at each of their edges; frames of others are not judged.
	Tasks []TaskRecord
	// Edges holds the planned and the measured figures of every edge; see [MeasureEdges].
	Edges []EdgeSummary
	// Trunks names the trunks between an edge and the cloud, by the edge's name, for the reason given.
	Trunks map[string][]string
	Frames []Frame
	// Background is the planned background traffic, and Flows what was counted of it, in order of time.
	Background []BackgroundRecord
	Flows      []FlowSample
	Fidelity   fidelity.Report
	// Simulated says that the frames come from a model: nothing was emulated, and Fidelity is empty.
	Simulated bool
	Broken    []scheduler.Violation
	// Probes are what was measured before the replay.
	Probes []Probe
	// Warnings say where the run leaves what is emulated faithfully, although every check holds.
	Warnings []string
	// Changes is what became of links and nodes during the run.
	Changes []Change
}

// TaskRecord is what was planned for a deployed task at an edge.
type TaskRecord struct {
	Task, Edge string
	Cut        int
	// Wire is what its frames travel as: "uint8", "JPEG".
	Wire string
	// Predicted is the transfer latency to expect; 0 when nothing was predicted.
	Predicted units.Virtual
	// During are the intervals in which it was deployed; empty is always. Frames captured outside them are not judged.
	During []scheduler.Interval
}

// counts tells whether a frame captured at so many seconds is one of the task's deployed time.
func (t TaskRecord) counts(captured float64) bool {
	at := units.Virtual(math.Round(captured * 1e9))
	return len(t.During) == 0 || slices.ContainsFunc(t.During, func(i scheduler.Interval) bool { return i.Contains(at) })
}

// Summarise computes the summary. It reads every frame's times, not its status, and changes nothing of
// its input. An input whose rule is not valid gives an invalid verdict with that reason.
func Summarise(in Input) Summary {
	s := Summary{
		Schema: Schema, Run: in.Run, Experiment: in.Experiment, Seed: in.Seed, Runtime: in.Runtime, Delay: in.Delay,
		Dilation: Figure(in.Dilation), Started: in.Started,
		VirtualSeconds: Figure(in.Rule.Window.Seconds()), WallSeconds: Figure(in.Wall.Seconds()), CloudVirtual: in.CloudVirtual,
		Schedule: in.Schedule,
		Tasks:    make([]TaskSummary, 0, len(in.Tasks)),
		Edges:    append([]EdgeSummary{}, in.Edges...),
		Fidelity: Fidelity{Verdict: in.Fidelity.Verdict, NextDilation: Figure(in.Fidelity.NextDilation), Checks: []Check{}},
		Broken:   in.Broken, Probes: in.Probes, Warnings: in.Warnings,
		Background: summariseBackground(in.Background, in.Flows),
		Changes:    in.Changes,
	}
	if s.Simulated = in.Simulated; s.Simulated {
		s.Fidelity.Verdict = NotEmulated
	}
	for _, c := range in.Fidelity.Checks {
		s.Fidelity.Checks = append(s.Fidelity.Checks, Check{c.Name, c.Subject, Figure(c.Value), Figure(c.Limit), c.OK, c.Advice})
	}

	tallies := make(map[place]*tally, len(in.Tasks))
	for _, t := range in.Tasks {
		tallies[place{t.Task, t.Edge}] = &tally{task: t}
	}
	for i := range in.Frames {
		f := &in.Frames[i]
		if t := tallies[place{f.Task, f.Edge}]; t != nil && t.task.counts(f.Captured) {
			t.count(f, in.Rule)
		}
	}

	var all tally
	for _, t := range in.Tasks {
		n := tallies[place{t.Task, t.Edge}]
		all.merge(n)
		s.Tasks = append(s.Tasks, n.summary(in.Rule))
	}
	s.QoS = all.qos(in.Rule)
	s.Verdict, s.Reason = judge(in, s)
	return s
}

// place is a task at an edge.
type place struct{ task, edge string }

// tally counts the frames of the window.
type tally struct {
	task               TaskRecord
	onTime, late, lost int
	transfer, endToEnd []float64
	// Of the frames whose answer can be compared with the uncut network's, and of those the ones with the same class.
	compared, agreed int
}

func (t *tally) count(f *Frame, rule Rule) {
	switch rule.status(f) {
	case OnTime:
		t.onTime++
	case Late:
		t.late++
	case Lost:
		t.lost++
	default:
		return
	}
	if f.Class >= 0 && f.Reference >= 0 {
		t.compared++
		if f.Class == f.Reference {
			t.agreed++
		}
	}
	if x := f.Transfer(); !math.IsNaN(x) {
		t.transfer = append(t.transfer, x)
	}
	if x := f.EndToEnd(); !math.IsNaN(x) {
		t.endToEnd = append(t.endToEnd, x)
	}
}

func (t *tally) merge(o *tally) {
	t.onTime += o.onTime
	t.late += o.late
	t.lost += o.lost
	t.transfer = append(t.transfer, o.transfer...)
	t.endToEnd = append(t.endToEnd, o.endToEnd...)
}

func (t *tally) counts() Counts {
	c := Counts{Frames: t.onTime + t.late + t.lost, OnTime: t.onTime, Late: t.late, Lost: t.lost}
	low, high := interval(c.OnTime, c.Frames)
	c.OnTimeLow, c.OnTimeHigh = Figure(low), Figure(high)
	return c
}

func (t *tally) summary(rule Rule) TaskSummary {
	task := t.task
	s := TaskSummary{
		Task: task.Task, Edge: task.Edge, Cut: task.Cut, Wire: task.Wire, Deadline: Absent(), Predicted: Absent(), Agreement: Absent(),
		Counts:   t.counts(),
		Transfer: distribution(t.transfer), EndToEnd: distribution(t.endToEnd),
	}
	if d, ok := rule.Deadlines[task.Task]; ok {
		s.Deadline = Figure(d.Seconds())
	}
	if task.Predicted > 0 {
		s.Predicted = Figure(task.Predicted.Seconds())
	}
	if t.compared > 0 {
		s.Agreement = Figure(float64(t.agreed) / float64(t.compared))
	}
	s.Verdict, s.Decided = s.keeps(rule.Quantile)
	return s
}

func (t *tally) qos(rule Rule) QoS {
	d := distribution(t.transfer)
	if rule.On == EndToEnd {
		d = distribution(t.endToEnd)
	}
	return QoS{
		Quantile: Figure(rule.Quantile), On: rule.On, Counts: t.counts(),
		P50: d.P50, P95: d.P95, P99: d.P99, Max: d.Max,
	}
}

// distribution sorts the latencies in place.
func distribution(latencies []float64) Distribution {
	if len(latencies) == 0 {
		return Distribution{Absent(), Absent(), Absent(), Absent()}
	}
	slices.Sort(latencies)
	q := func(p float64) Figure { return Figure(stat.Quantile(p, stat.Empirical, latencies, nil)) }
	return Distribution{q(0.5), q(0.95), q(0.99), Figure(latencies[len(latencies)-1])}
}
