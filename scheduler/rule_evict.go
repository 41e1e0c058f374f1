package scheduler

import "slices"

// evicting is a baseline of the paper's Fig. 4b: admit every task that fits; when one does not, remove others until it
// does. A task leaves only if it uses an edge or a trunk that is too full for the newcomer.
//
//   - fifo removes the oldest.
//   - lbf ("largest bandwidth first") removes the one with the largest bandwidth at its i*, and rejects the newcomer when none
//     has a larger one than it.
//
// Both keep every task at k*, as Fig. 4b needs; fifo-adaptive and lbf-adaptive take the cut that leaves the smallest
// bottleneck. A task that would not fit were it alone removes nobody.
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
	if _, ok := a.cut(a.alone, j); !ok {
		return
	}
	a.age = slices.DeleteFunc(a.age, func(o int) bool { _, runs := s.Cut(o); return !runs || o == j })
	k, ok := a.cut(s, j)
	for ; !ok; k, ok = a.cut(s, j) {
		victim, found := a.victim(s, j)
		if !found {
			return
		}
		s.Remove(a.age[victim])
		a.age = slices.Delete(a.age, victim, victim+1)
	}
	s.Deploy(j, k)
	a.age = append(a.age, j)
}

// victim is the position in age of the task to remove for task j.
func (a *evictingAdmission) victim(s *State, j int) (int, bool) {
	newcomer := &s.inst.Tasks[j]
	k := kStar(newcomer)
	full := s.crowded(j, k)
	if len(full) == 0 { // k* fits where the cut that adapts does not: cannot be, but must not loop
		return 0, false
	}
	victim, found := 0, false
	most := float64(newcomer.Demand(tested(newcomer), k).Rate)
	for n, o := range a.age {
		t := &s.inst.Tasks[o]
		if !slices.ContainsFunc(t.At, func(p Place) bool { return full[p.Edge] }) {
			continue
		}
		if !a.rule.largest {
			return n, true
		}
		kept, _ := s.Cut(o)
		if b := float64(t.Demand(tested(t), kept).Rate); b > most {
			most, victim, found = b, n, true
		}
	}
	return victim, found
}
