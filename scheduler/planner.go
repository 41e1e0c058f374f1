package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/units"
)

// Planner makes a schedule for an instance. The schedule lists the instance's tasks in their order and
// breaks no constraint. A planner is safe for concurrent use and changes nothing of the instance; its
// errors are those of [Instance.Validate] and of the context.
type Planner interface {
	// Name is the algorithm as [ByName] takes it and as the schedule is marked.
	Name() string
	Plan(ctx context.Context, inst Instance) (Schedule, error)
}

// ErrUnknownPlanner is wrapped by the error of [ByName].
var ErrUnknownPlanner = errors.New("unknown scheduling algorithm")

// planners lists the offline algorithms that have a name of their own.
func planners() []Planner {
	return []Planner{
		greedy{name: "layer", cuts: func(n int) (int, int) { return 1, n }},
		layerPrinted{},
		greedy{name: "cloud", cuts: func(int) (int, int) { return 0, 0 }},
		greedy{name: "edge", cuts: func(n int) (int, int) { return n, n }},
		density{},
		price{},
	}
}

// rules lists the online algorithms.
func rules() []Rule { return slices.Concat(onlineRules(), evictingRules(), []Rule{onlinePrice{}}) }

// Known lists the algorithms as [ByName] takes them, K standing for a number.
func Known() []string {
	names := []string{"fixed:K"}
	for _, p := range planners() {
		names = append(names, p.Name())
	}
	for _, r := range rules() {
		names = append(names, r.Name())
	}
	slices.Sort(names)
	return names
}

// ByName returns the planner of a name as [Known] lists them: "layer", "fixed:2". An online algorithm is one for which
// the tasks arrive and leave by their Start and Stop, those of one moment in the instance's order. Other names give an error that wraps [ErrUnknownPlanner] and
// lists the known ones.
func ByName(name string) (Planner, error) {
	if i := slices.IndexFunc(planners(), func(p Planner) bool { return p.Name() == name }); i >= 0 {
		return planners()[i], nil
	}
	if rule, ok := RuleByName(name); ok {
		return inTime{rule}, nil
	}
	if number, ok := strings.CutPrefix(name, "fixed:"); ok {
		k, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: the cut of fixed:K must be a whole number from 0, for example fixed:2", ErrUnknownPlanner, name)
		}
		return greedy{name: name, cuts: func(n int) (int, int) { k := min(int(k), n); return k, k }}, nil
	}
	return nil, fmt.Errorf("%w: %q; known are %s", ErrUnknownPlanner, name, strings.Join(Known(), ", "))
}

// RuleByName returns the online algorithm of a name, for [Admit]; false for names that are not one's.
func RuleByName(name string) (Rule, bool) {
	for _, r := range rules() {
		if r.Name() == name {
			return r, true
		}
	}
	return nil, false
}

// deploy is the assignment that gives every place of the task exactly what cut k demands, in rates, one for each.
func deploy(t Task, k int, rates []units.Rate) Assignment {
	for n, p := range t.At {
		rates[n] = t.Demand(p, k).Rate
	}
	return Assignment{Task: t.Name, Deployed: true, Cut: k, Rates: rates}
}
