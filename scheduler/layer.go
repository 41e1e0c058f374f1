package scheduler

import (
	"context"
	"slices"
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
	if err := inst.Validate(); err != nil {
		return Schedule{}, err
	}
	state := NewState(inst)
	for _, j := range byLargestInput(inst.Tasks) {
		if err := ctx.Err(); err != nil {
			return Schedule{}, err
		}
		first, last := g.cuts(inst.Tasks[j].Cuts())
		if k, ok := state.Best(j, first, last); ok {
			state.Deploy(j, k)
		}
	}
	return state.Schedule(g.name), nil
}

// byLargestInput returns the indices of tasks, ascending by the largest input over their edges.
func byLargestInput(tasks []Task) []int {
	largest := make([]float64, len(tasks))
	order := make([]int, len(tasks))
	for j, t := range tasks {
		order[j] = j
		for _, p := range t.At {
			largest[j] = max(largest[j], p.Input)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case largest[a] < largest[b]:
			return -1
		case largest[a] > largest[b]:
			return 1
		}
		return 0
	})
	return order
}
