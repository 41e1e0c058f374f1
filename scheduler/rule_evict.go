package scheduler

import "slices"

// evicting is a baseline of the paper's Fig. 4b: admit every task that fits; when one does not, remove others until it
// does. A task leaves only if it uses an edge or a trunk that is too full for the newcomer.
//
//   - fifo removes the oldest.
//   - lbf ("largest bandwidth first") removes the one with the largest bandwidth at its i*, and rejects the newcomer when none
//     has a larger one than it.
//
// Both keep every task at k*, as Fig. 4b needs. fifo-adaptive and lbf-adaptive take the cut that leaves the smallest
// bottleneck; where none fits, those leave that are in the way of the cut with the smallest were the task alone.
//
// Nobody leaves in vain: a newcomer that is rejected, because it would not fit were it alone or because those that may leave for it
// are not enough, changes nothing. The source is the description of the two baselines in the paper's section "Performance
// Evaluation"; it does not say which tasks may be removed, nor what becomes of those removed for nothing.
type evicting struct {
	name            string
	largest, adapts bool
}

func evictingRules() []Rule {
	return []Rule{
		evicting{name: "fifo"}, evicting{name: "fifo-adaptive", adapts: true},
		evicting{name: "lbf", largest: true}, evicting{name: "lbf-adaptive", largest: true, adapts: true},
	}
}

func (r evicting) Name() string { return r.name }

func (r evicting) Start(inst Instance) Admission {
	return &evictingAdmission{rule: r, alone: NewState(inst)}
}

type evictingAdmission struct {
	rule  evicting
	alone *State // nothing ever runs here
	age   []int  // those that were admitted, the oldest first; some may have left
}

// cut is the one a task would run with, and whether there is room for it.
func (a *evictingAdmission) cut(s *State, j int) (int, bool) {
	t := &s.inst.Tasks[j]
	if a.rule.adapts {
		return s.Best(j, 1, t.Cuts())
	}
	k := kStar(t)
	return k, s.Fits(j, k)
}

func (a *evictingAdmission) Arrive(s *State, j int) {
	k, ok := a.cut(a.alone, j)
	if !ok {
		return
	}
	gone := func(o int) bool { _, runs := s.Cut(o); return !runs }
	a.age = slices.DeleteFunc(a.age, gone)
	admitted := s.try(func() bool {
		for {
			if fitting, ok := a.cut(s, j); ok {
				s.Deploy(j, fitting)
				return true
			}
			victim, found := a.victim(s, j, k)
			if !found {
				return false
			}
			s.Remove(victim)
		}
	})
	if admitted {
		a.age = append(slices.DeleteFunc(a.age, gone), j)
	}
}

// victim is the task to remove so that task j has room with cut k, which it has not.
func (a *evictingAdmission) victim(s *State, j, k int) (task int, found bool) {
	newcomer := &s.inst.Tasks[j]
	full := s.crowded(j, k)
	most := float64(newcomer.Demand(tested(newcomer), k).Rate)
	for _, o := range a.age {
		t := &s.inst.Tasks[o]
		cut, runs := s.Cut(o)
		if !runs || !slices.ContainsFunc(t.At, func(p Place) bool { return full[p.Edge] }) {
			continue
		}
		if !a.rule.largest {
			return o, true
		}
		if b := float64(t.Demand(tested(t), cut).Rate); b > most {
			most, task, found = b, o, true
		}
	}
	return task, found
}
