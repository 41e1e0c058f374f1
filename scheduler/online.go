package scheduler

import (
	"context"
	"fmt"
)

// Rule is an online algorithm: it decides about one task at a time, as they arrive, and knows nothing of those to
// come but what [Rule.Start] gives it. A new rule is a type with these two methods and a line in [rules].
type Rule interface {
	// Name is the algorithm as [ByName] takes it.
	Name() string
	// Start begins a sequence of arrivals. Of the instance, a rule may use the edges and trunks, and of its tasks
	// what its source lets it know beforehand: their number, or the extremes of what they ask.
	Start(inst Instance) Admission
}

// Admission decides about the arrivals of one sequence, in their order.
type Admission interface {
	// Arrive decides about task j, which does not run: it deploys it in s, or leaves it, and may remove others. A rule
	// that breaks a constraint is a mistake, which [Admit] reports.
	Arrive(s *State, j int)
}

// Event is a task's arrival or, with Leaves, its departure.
type Event struct {
	Task   int
	Leaves bool
}

// Admit lets tasks arrive and leave in the order of events and has the rule decide. After event n it calls observe(n, s),
// which may be nil and must not change s. A departure of a task that does not run changes nothing.
// Errors are those of [Instance.Validate] and of the context.
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
		switch {
		case e.Leaves && running:
			s.Remove(e.Task)
		case !e.Leaves && !running:
			admission.Arrive(s, e.Task)
		}
		if observe != nil {
			observe(n, s)
		}
	}
	return s, nil
}

// Arrivals is the sequence in which every task of the instance arrives once, in its order, and none leaves.
func Arrivals(inst Instance) []Event {
	events := make([]Event, len(inst.Tasks))
	for j := range events {
		events[j].Task = j
	}
	return events
}

// inOrder makes a planner of a rule: what runs when all tasks have arrived, in the instance's order.
type inOrder struct{ rule Rule }

func (p inOrder) Name() string { return p.rule.Name() }

func (p inOrder) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	s, err := Admit(ctx, inst, p.rule, Arrivals(inst), nil)
	if err != nil {
		return Schedule{}, err
	}
	return s.Schedule(p.Name()), nil
}
