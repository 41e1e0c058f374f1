package scheduler

import (
	"context"
	"errors"
	"fmt"
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

// Known lists the algorithms as [ByName] takes them, K standing for a number.
func Known() []string { return []string{"layer", "fixed:K", "cloud", "edge"} }

// ByName returns the planner of a name: "layer", "fixed:K" with K ≥ 0, "cloud" or "edge". Other names
// give an error that wraps [ErrUnknownPlanner] and lists the known ones.
func ByName(name string) (Planner, error) {
	switch name {
	case "layer":
		return greedy{name: name, cuts: func(n int) (int, int) { return 1, n }}, nil
	case "cloud":
		return greedy{name: name, cuts: func(int) (int, int) { return 0, 0 }}, nil
	case "edge":
		return greedy{name: name, cuts: func(n int) (int, int) { return n, n }}, nil
	}
	if rule, ok := RuleByName(name); ok {
		return inOrder{rule}, nil
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

// deploy is the assignment that gives every place of the task exactly what cut k demands.
func deploy(t Task, k int) Assignment {
	rates := make([]units.Rate, len(t.At))
	for n, p := range t.At {
		rates[n] = t.Demand(p, k).Rate
	}
	return Assignment{Task: t.Name, Deployed: true, Cut: k, Rates: rates}
}

// rules lists the online algorithms.
func rules() []Rule { return nil }

// RuleByName returns the online algorithm of a name, for [Admit]; false for names that are not one's.
func RuleByName(name string) (Rule, bool) {
	for _, r := range rules() {
		if r.Name() == name {
			return r, true
		}
	}
	return nil, false
}
