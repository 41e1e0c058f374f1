package scheduler

import (
	"context"
)

// greedy is the paper's offline algorithm. Tasks come in ascending order of their largest input over
// the edges (ties in the instance's order); each is deployed on all its edges or on none.
//
// The paper starts at a cut k* and, where it does not fit, "changes the value of k"; in which order it does not
// say. This reading tries every cut it may use and takes the one that leaves the smallest bottleneck: the
// highest utilisation, of bandwidth or compute, over all edges and trunks the task touches; ties go to the
// smaller cut. It is the reading under which the paper's Fig. 4a holds, every fixed cut below it.
//
// "layer" may use 1..N and not 0: the paper cuts after a layer, and its figures are about that. Sending frames whole
// is "cloud". "fixed:K" takes N where a network has fewer than K layers.
//
// Cost: one pass over the demands of a task, places × cuts, and a sort of the tasks.
type greedy struct {
	name string
	// cuts gives the first and the last cut that may be used of a network with n layers.
	cuts func(n int) (first, last int)
}

func (g greedy) Name() string { return g.name }

func (g greedy) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	return inTurn(ctx, g.name, inst, byLargestInput, func(s *State, j int) (int, bool) {
		first, last := g.cuts(inst.Tasks[j].Cuts())
		return s.Best(j, first, last)
	})
}

// inTurn deploys tasks one after the other, in an order, each with the cut that choose gives it, if any.
func inTurn(ctx context.Context, name string, inst Instance, order func(Instance) []int, choose func(s *State, j int) (k int, ok bool)) (Schedule, error) {
	if err := inst.Validate(); err != nil {
		return Schedule{}, err
	}
	state := NewState(inst)
	for _, j := range order(inst) {
		if err := ctx.Err(); err != nil {
			return Schedule{}, err
		}
		if k, ok := choose(state, j); ok {
			state.Deploy(j, k)
		}
	}
	return state.Schedule(name), nil
}

// byLargestInput returns the indices of the tasks, ascending by the largest input over their edges.
func byLargestInput(inst Instance) []int {
	largest := make([]float64, len(inst.Tasks))
	for j := range inst.Tasks {
		largest[j] = tested(&inst.Tasks[j]).Input
	}
	return ascending(largest)
}
