package scheduler

import (
	"context"
	"math"
	"slices"
)

// density is a greedy heuristic for packing: the tasks that load the edges least come first, and each takes the cut that
// leaves the smallest bottleneck. A task's load is the sum over all resources it touches of the part it takes, at
// the cut where that sum is smallest. Sorting by density is Dantzig's rule for the knapsack problem (Operations Research
// 5, 1957); with many resources the sum stands in for the weight (Toyoda, Management Science 21, 1975).
type density struct{}

func (density) Name() string { return "density" }

func (d density) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	return inTurn(ctx, d.Name(), inst, byLoad, func(s *State, j int) (int, bool) { return s.Best(j, 1, inst.Tasks[j].Cuts()) })
}

// byLoad returns the indices of the tasks, ascending by the smallest sum over all resources of the part they take.
func byLoad(inst Instance) []int {
	capacity := newCapacity(inst)
	loads := make([]float64, len(inst.Tasks))
	var bits, ops []float64
	for j := range inst.Tasks {
		t := &inst.Tasks[j]
		bits, ops = capacity.weigh(t, capacity.perBit, capacity.perOp, bits, ops)
		loads[j] = math.Inf(1)
		for k := 1; k <= t.Cuts(); k++ {
			loads[j] = min(loads[j], t.weighted(k, bits, ops))
		}
	}
	return ascending(loads)
}

// ascending returns the indices of values, the smallest value first and equal ones in their order.
func ascending(values []float64) []int {
	order := make([]int, len(values))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	return order
}
