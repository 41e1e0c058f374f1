package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// What an online rule decides about a task, and how the task leaves by itself.
const (
	Admitted = "admitted"
	Rejected = "rejected"
	Evicted  = "evicted" // had to make room for another
	Left     = "left"    // its time was over
)

// Decision is one change of what runs, and why.
type Decision struct {
	At   units.Virtual `json:"at"`
	Task string        `json:"task"`
	// What is one of the constants above.
	What string `json:"what"`
	// Cut is what the task runs, or ran, with.
	Cut int `json:"k,omitempty"`
	// Reason is what a rejected task lacks, or for whom an evicted one made room.
	Reason string `json:"reason,omitempty"`

	task int
}

// String says it in a sentence: "cam-2 is evicted: it made room for cam-3".
func (d Decision) String() string {
	text := d.Task + " is " + d.What
	switch d.What {
	case Left:
		text = d.Task + " leaves"
	case Admitted:
		text += fmt.Sprintf(", k=%d", d.Cut)
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// Timeline is what an online rule did, in the order of time.
type Timeline struct {
	Algorithm string     `json:"algorithm"`
	Decisions []Decision `json:"decisions"`
}

// Events lists the arrivals and departures of an instance's tasks before a moment, by time. At one moment the departures come first, so that
// whoever leaves makes room for whoever comes, then the arrivals; within each it is the instance's order. A task whose Start is
// 0 arrives before everything else.
func Events(inst Instance, until units.Virtual) ([]Event, []units.Virtual) {
	type timed struct {
		Event
		at units.Virtual
	}
	var all []timed
	for j, t := range inst.Tasks {
		if t.Start >= until {
			continue
		}
		all = append(all, timed{Event{Task: j}, t.Start})
		if t.Stop != 0 && t.Stop < until {
			all = append(all, timed{Event{Task: j, Leaves: true}, t.Stop})
		}
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Or(cmp.Compare(a.at, b.at), -compareBool(a.Leaves, b.Leaves)) })
	events, times := make([]Event, len(all)), make([]units.Virtual, len(all))
	for n, e := range all {
		events[n], times[n] = e.Event, e.at
	}
	return events, times
}

// Admissions lets the tasks of an instance come and go by their Start and Stop, as far as that is before until, and has the
// rule decide about each when it comes. A decision depends on the past only, so the timeline can be known before a run that
// follows it. Errors are those of [Admit].
func Admissions(ctx context.Context, inst Instance, rule Rule, until units.Virtual) (Timeline, error) {
	events, times := Events(inst, until)
	line := Timeline{Algorithm: rule.Name()}
	cuts := map[int]int{} // of those that run, with their cuts
	var changed error
	_, err := Admit(ctx, inst, rule, events, func(n int, s *State) {
		e := events[n]
		tell := func(j int, what string, cut int, reason string) {
			line.Decisions = append(line.Decisions, Decision{times[n], inst.Tasks[j].Name, what, cut, reason, j})
		}
		var gone []int
		for _, m := range s.changes { // what this event changed, and not all who run: there may be many
			cut, ran := cuts[m.task]
			if !ran {
				continue
			}
			k, runs := s.Cut(m.task)
			if !runs {
				gone = append(gone, m.task)
			} else if k != cut && changed == nil {
				changed = fmt.Errorf("%w: %s changes the cut of task %s while it runs, from %d to %d", ErrRule, rule.Name(), inst.Tasks[m.task].Name, cut, k)
			}
		}
		slices.Sort(gone)
		gone = slices.Compact(gone)
		for _, j := range gone {
			if j == e.Task {
				tell(j, Left, cuts[j], "")
			} else {
				tell(j, Evicted, cuts[j], "made room for "+inst.Tasks[e.Task].Name)
			}
			delete(cuts, j)
		}
		if e.Leaves {
			return
		}
		if k, runs := s.Cut(e.Task); runs {
			cuts[e.Task] = k
			tell(e.Task, Admitted, k, "")
			return
		}
		tell(e.Task, Rejected, 0, s.why(e.Task))
	})
	return line, cmp.Or(err, changed)
}

// why explains what stands in the way of task j, which does not run: the cut that lacks the least.
func (s *State) why(j int) string {
	t := s.inst.Tasks[j]
	if _, ok := s.Best(j, 1, t.Cuts()); ok {
		return "there is room, which the rule keeps"
	}
	k, _ := s.best(&t, 1, t.Cuts(), math.Inf(1))
	return s.used.shortage(t, k).String()
}

// Schedule is the timeline as a schedule: deployed is every task that ran for a while, with the cut it ran with and what
// that demands, during the time from its admission until it left or was evicted.
func (line Timeline) Schedule(inst Instance) Schedule {
	sched := Schedule{Algorithm: line.Algorithm, Tasks: make([]Assignment, len(inst.Tasks))}
	for j, t := range inst.Tasks {
		sched.Tasks[j].Task = t.Name
	}
	for _, d := range line.Decisions {
		t := inst.Tasks[d.task]
		a := &sched.Tasks[d.task]
		switch d.What {
		case Admitted:
			*a = deploy(t, d.Cut, make([]units.Rate, len(t.At)))
		case Evicted:
			if d.At <= t.Start { // in the moment it came
				*a = Assignment{Task: t.Name}
				continue
			}
			a.During = []Interval{{t.Start, d.At}}
		}
	}
	return sched
}

// About lists the decisions about a task.
func (line Timeline) About(task string) []Decision {
	var about []Decision
	for _, d := range line.Decisions {
		if d.Task == task {
			about = append(about, d)
		}
	}
	return about
}

// Count is how many decisions there are of a kind.
func (line Timeline) Count(what string) int {
	n := 0
	for _, d := range line.Decisions {
		if d.What == what {
			n++
		}
	}
	return n
}
