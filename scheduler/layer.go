package scheduler

import (
	"context"
	"math"
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
	sched := Schedule{Algorithm: g.name, Tasks: make([]Assignment, len(inst.Tasks))}
	fit := newFitter(inst)
	for _, j := range byLargestInput(inst.Tasks) {
		if err := ctx.Err(); err != nil {
			return Schedule{}, err
		}
		t := inst.Tasks[j]
		first, last := g.cuts(t.Cuts())
		k, ok := fit.best(t, first, last)
		if !ok {
			sched.Tasks[j] = Assignment{Task: t.Name}
			continue
		}
		sched.Tasks[j] = deploy(t, k)
		for _, p := range t.At {
			fit.used.add(p.Edge, p.Demand[k])
		}
	}
	return sched, nil
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

// fitter finds the cut of a task that fits best beside what is used already.
type fitter struct {
	inst Instance
	used *load
	// perBit, perOp and perTrunkBit turn bit/s and FLOP/s into shares of what may be used.
	perBit, perOp, perTrunkBit []float64
	// worst[k] is the highest utilisation cut k leaves; extra[n][k] what the task adds to trunk n.
	worst   []float64
	extra   [][]float64
	touched []int
}

// planTolerance lets a link be filled to the last bit in spite of rounding, and stays below
// Tolerance so that Check, which sums in another order, agrees.
const planTolerance = Tolerance / 2

func newFitter(inst Instance) *fitter {
	f := &fitter{inst: inst, used: newLoad(inst), extra: make([][]float64, len(inst.Trunks))}
	for _, e := range inst.Edges {
		f.perBit = append(f.perBit, 1/(inst.Threshold*float64(e.Uplink)))
		f.perOp = append(f.perOp, 1/float64(e.Compute))
	}
	for _, t := range inst.Trunks {
		f.perTrunkBit = append(f.perTrunkBit, 1/(inst.Threshold*float64(t.Rate)))
	}
	return f
}

// best returns the cut in first..last that leaves the smallest bottleneck, and whether any fits.
func (f *fitter) best(t Task, first, last int) (int, bool) {
	f.worst = append(f.worst[:0], make([]float64, last-first+1)...)
	worst := f.worst
	for _, p := range t.At {
		i := p.Edge
		perBit, perOp := f.perBit[i], f.perOp[i]
		uplink, compute := f.used.uplink[i], f.used.compute[i]
		for n, d := range p.Demand[first : last+1] {
			// Comparisons instead of max, which also orders NaN and zeros: this is the innermost loop.
			if u := (uplink + float64(d.Rate)) * perBit; u > worst[n] {
				worst[n] = u
			}
			if u := (compute + float64(d.Compute)) * perOp; u > worst[n] {
				worst[n] = u
			}
		}
		for n := f.inst.Edges[i].Trunk; n >= 0; n = f.inst.Trunks[n].Next {
			f.touch(n, p.Demand[first:last+1])
		}
	}
	for _, n := range f.touched {
		for k, r := range f.extra[n] {
			f.worst[k] = max(f.worst[k], (f.used.trunk[n]+r)*f.perTrunkBit[n])
		}
		f.extra[n] = f.extra[n][:0]
	}
	f.touched = f.touched[:0]

	bottleneck, k := math.Inf(1), -1
	for n, u := range f.worst {
		if u < bottleneck {
			bottleneck, k = u, first+n
		}
	}
	return k, bottleneck <= 1+planTolerance
}

// touch adds what each cut sends through trunk n from one more edge.
func (f *fitter) touch(n int, demand []Demand) {
	if len(f.extra[n]) == 0 {
		f.touched = append(f.touched, n)
		f.extra[n] = append(f.extra[n], make([]float64, len(demand))...)
	}
	for k, d := range demand {
		f.extra[n][k] += float64(d.Rate)
	}
}
