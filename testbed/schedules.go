package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads/model"
)

// ScheduleReport is what one algorithm makes of an experiment.
type ScheduleReport struct {
	Algorithm string  `json:"algorithm"`
	Tasks     int     `json:"tasks"`
	Deployed  int     `json:"deployed"`
	Seconds   float64 `json:"seconds"` // wall time of planning
	// Bound is how many tasks any schedule can deploy that cuts as early as this one may (see [scheduler.Bound]), and
	// Gap the part of them this one leaves out. Both are 0 where tasks come and go, and such a bound is not known.
	Bound int     `json:"bound"`
	Gap   float64 `json:"gap"`
	// Cuts counts the deployed tasks by their cut.
	Cuts map[int]int `json:"cuts"`
	// Uplink and Compute are the busiest of their kind. Uses are the largest at any moment.
	Uplink  Use `json:"busiest_uplink"`
	Compute Use `json:"busiest_edge"`
	// Edges is the use of every edge, in the topology's order, and Trunks that of every trunk.
	Edges  []EdgeUse `json:"edges"`
	Trunks []Use     `json:"trunks,omitempty"`
	// Violations are the constraints it breaks, which only a schedule made elsewhere does.
	Violations []scheduler.Violation `json:"violations,omitempty"`
	// Timeline is what an online algorithm decides, and when; Deployed then counts every task that runs for a while.
	Timeline *scheduler.Timeline `json:"timeline,omitempty"`
	// Schedule is the schedule itself.
	Schedule scheduler.Schedule `json:"schedule"`
}

// Use is the part of what may be assigned that a schedule assigns at an edge.
type Use struct {
	Name string  `json:"name"`
	Use  float64 `json:"use"`
}

// EdgeUse is what a schedule assigns at an edge, of what may be assigned.
type EdgeUse struct {
	Edge    string  `json:"edge"`
	Uplink  float64 `json:"uplink"`
	Compute float64 `json:"compute"`
}

// firstCut is the earliest cut that a schedule of this kind may use: 1 for algorithms that cut after a layer.
func firstCut(s scheduler.Schedule) int {
	if _, err := scheduler.ByName(s.Algorithm); err != nil {
		return 0 // made elsewhere
	}
	for _, a := range s.Tasks {
		if a.Deployed && a.Cut == 0 {
			return 0
		}
	}
	if s.Algorithm == "cloud" || s.Algorithm == algorithmFixed+"0" {
		return 0
	}
	return 1
}

// CutCounts tells how often each cut is used: "2×k=2, 3×k=5".
func (r ScheduleReport) CutCounts() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(r.Cuts)) {
		parts = append(parts, fmt.Sprintf("%d×k=%d", r.Cuts[k], k))
	}
	return strings.Join(parts, ", ")
}

// PlanSchedules plans an experiment with each of the algorithms, or with its own where none is named, without
// emulating anything. Errors are *InputError.
func PlanSchedules(ctx context.Context, e *Experiment, algorithms ...string) ([]ScheduleReport, error) {
	p, err := NewProblem(ctx, e)
	if err != nil {
		return nil, err
	}
	with := []Scheduler{e.Scheduler}
	if len(algorithms) > 0 {
		with = nil
	}
	for _, name := range algorithms {
		other := *e
		if err := other.SetAlgorithm(name); err != nil {
			return nil, inputError(err)
		}
		with = append(with, other.Scheduler)
	}
	var reports []ScheduleReport
	for _, s := range with {
		report, err := p.Plan(ctx, s)
		if err != nil {
			return nil, err
		}
		reports = append(reports, report)
	}
	return reports, nil
}

// Problem is the scheduling problem of an experiment, made once for any number of algorithms. It is not safe for
// concurrent use.
type Problem struct {
	inst   scheduler.Instance
	window units.Virtual
	bounds map[int]int // by the first cut
}

// NewProblem resolves an experiment, with the default store. Its errors are *InputError.
func NewProblem(ctx context.Context, e *Experiment) (*Problem, error) {
	s, err := resolveHere(ctx, e)
	if err != nil {
		return nil, inputError(err)
	}
	p := &Problem{inst: s.instance(e.Scheduler), window: e.Emulation.Duration, bounds: map[int]int{}}
	return p, inputError(p.inst.Validate())
}

// resolveHere resolves an experiment with the default store.
func resolveHere(ctx context.Context, e *Experiment) (*system, error) {
	store, err := model.DefaultStore()
	if err != nil {
		return nil, err
	}
	return resolve(ctx, e, store)
}

// Plan plans with an algorithm, or takes the schedule that s brings. The margin, framing and ratios of s are those of the
// experiment the problem was made of. Errors are *InputError.
func (p *Problem) Plan(ctx context.Context, s Scheduler) (ScheduleReport, error) {
	started := time.Now()
	schedule, timeline, err := s.plan(ctx, p.inst, p.window)
	if err != nil {
		return ScheduleReport{}, inputError(err)
	}
	seconds := time.Since(started).Seconds()
	report := newScheduleReport(p.inst, schedule)
	report.Seconds, report.Timeline = seconds, timeline
	if p.inst.Timed() {
		return report, nil
	}
	first := firstCut(schedule)
	if _, ok := p.bounds[first]; !ok {
		if p.bounds[first], err = scheduler.Bound(ctx, p.inst, first); err != nil {
			return ScheduleReport{}, inputError(err)
		}
	}
	if report.Bound = p.bounds[first]; report.Bound > 0 {
		report.Gap = 1 - float64(report.Deployed)/float64(report.Bound)
	}
	return report, nil
}

// Curve is how many tasks an online algorithm has deployed after each arrival, the tasks coming in the workload's order;
// nil for algorithms that are not online. Errors are *InputError.
func (p *Problem) Curve(ctx context.Context, algorithm string) ([]int, error) {
	rule, ok := scheduler.RuleByName(algorithm)
	if !ok {
		return nil, nil
	}
	events := scheduler.Arrivals(p.inst)
	counts := make([]int, len(events))
	_, err := scheduler.Admit(ctx, p.inst, rule, events, func(n int, s *scheduler.State) { counts[n] = s.Count() })
	return counts, inputError(err)
}

func newScheduleReport(inst scheduler.Instance, schedule scheduler.Schedule) ScheduleReport {
	r := ScheduleReport{Algorithm: schedule.Algorithm, Tasks: len(inst.Tasks), Cuts: map[int]int{}, Schedule: schedule}
	for _, a := range schedule.Tasks {
		if a.Deployed {
			r.Deployed++
			r.Cuts[a.Cut]++
		}
	}
	most := scheduler.Peaks(inst, schedule)
	for n, t := range inst.Trunks {
		r.Trunks = append(r.Trunks, Use{t.Name, most.Trunk[n] / (inst.Threshold * float64(t.Rate))})
	}
	r.Violations = scheduler.Check(inst, schedule)
	for i, e := range inst.Edges {
		use := EdgeUse{e.Name, most.Uplink[i] / (inst.Threshold * float64(e.Uplink)), most.Compute[i] / float64(e.Compute)}
		r.Edges = append(r.Edges, use)
		if use.Uplink >= r.Uplink.Use {
			r.Uplink = Use{e.Name, use.Uplink}
		}
		if use.Compute >= r.Compute.Use {
			r.Compute = Use{e.Name, use.Compute}
		}
	}
	return r
}

// Explanation is why a task of an experiment is not deployed by an algorithm, or with what it is.
type Explanation struct {
	Assignment scheduler.Assignment
	// Decisions are those of an online algorithm about the task; Shortages is empty then.
	Decisions []scheduler.Decision
	Edges     []string // where the task has input, in the order of the assignment's rates
	Shortages []scheduler.Shortage
}

// ExplainTask explains what the schedule of a report makes of a task. An unknown task is an *InputError.
func ExplainTask(ctx context.Context, e *Experiment, report ScheduleReport, task string) (Explanation, error) {
	s, err := resolveHere(ctx, e)
	if err != nil {
		return Explanation{}, inputError(err)
	}
	inst := s.instance(e.Scheduler)
	for j, t := range inst.Tasks {
		if t.Name != task {
			continue
		}
		x := Explanation{Assignment: report.Schedule.Tasks[j]}
		if report.Timeline == nil {
			x.Shortages = scheduler.Explain(inst, report.Schedule, j)
		} else {
			x.Decisions = report.Timeline.About(task)
		}
		for _, p := range t.At {
			x.Edges = append(x.Edges, inst.Edges[p.Edge].Name)
		}
		return x, nil
	}
	return Explanation{}, inputError(errors.New(inst.NoTask(task)))
}

// WriteInstance writes the scheduling problem of an experiment as JSON to a file.
func WriteInstance(ctx context.Context, path string, e *Experiment) error {
	s, err := resolveHere(ctx, e)
	if err != nil {
		return inputError(err)
	}
	inst := s.instance(e.Scheduler)
	if err := inst.Validate(); err != nil {
		return inputError(err)
	}
	var text bytes.Buffer
	if err := scheduler.WriteInstance(&text, inst); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, text.Bytes())
}
