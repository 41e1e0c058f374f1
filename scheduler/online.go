package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Rule is an online algorithm: it decides about one task at a time, as they arrive, and knows nothing of those to
// come but what [Rule.Start] gives it. A new rule is a file with a type that has these two methods, and a line in [rules]: that
// makes it known to [ByName], the commands and the tests of all rules.
type Rule interface {
	// Name is the algorithm as [ByName] takes it.
	Name() string
	// Start begins a sequence of arrivals. Of the instance, a rule may use the edges and trunks, and of its tasks
	// what its source lets it know beforehand: their number, or the extremes of what they ask.
	Start(inst Instance) Admission
}

// Admission decides about the arrivals of one sequence, in their order.
type Admission interface {
	// Arrive decides about task j, which does not run: it deploys it in s, or leaves it, and may remove others. It must
	// not break a constraint, nor bring back a task that has left or not come; [Admit] reports it. Tasks may have left since
	// the last call, and j may have been here before.
	Arrive(s *State, j int)
}

// ErrRule is wrapped by the error of [Admit] about a rule that did what it must not.
var ErrRule = errors.New("the rule made a mistake")

// Event is a task's arrival or, with Leaves, its departure.
type Event struct {
	Task   int
	Leaves bool
}

// Admit lets tasks arrive and leave in the order of events and has the rule decide. After event n it calls observe(n, s),
// which may be nil and must not change s. A departure of a task that does not run changes nothing.
// It ends with an error that wraps [ErrRule] and names every constraint broken after an event in which the rule broke one, at
// the cost of a look at what the tasks it deployed touch. Other errors are those of [Instance.Validate] and of the context.
func Admit(ctx context.Context, inst Instance, rule Rule, events []Event, observe func(n int, s *State)) (*State, error) {
	if err := inst.Validate(); err != nil {
		return nil, err
	}
	s := NewState(inst)
	admission := rule.Start(inst)
	for n, e := range events {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if e.Task < 0 || e.Task >= len(inst.Tasks) {
			return nil, fmt.Errorf("%w: event %d is about task number %d of %d", ErrInstance, n, e.Task, len(inst.Tasks))
		}
		_, running := s.Cut(e.Task)
		s.changes, s.recorded = s.changes[:0], true
		switch {
		case e.Leaves && running:
			s.Remove(e.Task)
		case !e.Leaves && !running:
			admission.Arrive(s, e.Task)
			if err := s.judge(e.Task); err != nil {
				return nil, fmt.Errorf("%w: %s, event %d, arrival of %s: %w", ErrRule, rule.Name(), n, inst.Tasks[e.Task].Name, err)
			}
		}
		if observe != nil {
			observe(n, s)
		}
	}
	return s, nil
}

// judge reports what was done wrong since changes was emptied, when task j arrived.
func (s *State) judge(j int) error {
	if s.mistake != nil {
		return s.mistake
	}
	ran := map[int]bool{j: true} // who may run
	var broken []Violation
	for _, m := range s.changes {
		if m.before != notDeployed {
			ran[m.task] = true
		}
		k, runs := s.Cut(m.task)
		if !runs {
			continue
		}
		t := s.inst.Tasks[m.task]
		if !ran[m.task] {
			return fmt.Errorf("deploys task %s, which has not arrived or has left", t.Name)
		}
		for _, p := range t.At {
			if d := t.Demand(p, k); math.IsInf(float64(d.Rate), 1) {
				broken = append(broken, Violation{Task: t.Name, Subject: s.inst.Edges[p.Edge].Name, Resource: Latency, Asked: float64(d.Rate)})
			}
		}
		broken = append(broken, s.overloaded(m.task)...)
	}
	var errs []error
	seen := map[Violation]bool{}
	for _, v := range broken {
		if !seen[v] {
			seen[v] = true
			errs = append(errs, errors.New(v.String()))
		}
	}
	return errors.Join(errs...)
}

// Arrivals is the sequence in which every task of the instance arrives once, in its order, and none leaves.
func Arrivals(inst Instance) []Event {
	events := make([]Event, len(inst.Tasks))
	for j := range events {
		events[j].Task = j
	}
	return events
}

// inTime makes a planner of a rule: what it admits as the tasks come and go, see [Admissions].
type inTime struct{ rule Rule }

func (p inTime) Name() string { return p.rule.Name() }

func (p inTime) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	timeline, err := Admissions(ctx, inst, p.rule, Forever)
	if err != nil {
		return Schedule{}, err
	}
	return timeline.Schedule(inst), nil
}
