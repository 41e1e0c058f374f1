package scheduler

import (
	"context"
	"math"
)

// Bound is an upper bound on the number of tasks that any schedule deploys which cuts at first or later: 1 for the
// algorithms that cut after a layer, 0 for those that may send frames whole. A schedule that reaches it is optimal.
//
// It is the value of the Lagrangian dual (Fisher, Management Science 27, 1981): every constraint, "the parts of
// resource r that the tasks take add up to at most 1", gets a price y_r ≥ 0, and tasks are then free to break it
// at that price:
//
//	D(y) = Σ_r y_r + Σ_j max(0, 1 − min_k Σ_r y_r·a_jkr)
//
// For every y this is at least the optimum: a schedule that keeps the constraints pays Σ_r y_r·(use of r) ≤ Σ_r y_r. So
// every iterate is a valid bound, however far the search for the best prices went. Cuts with which a task would not even fit
// alone take no part. Prices are improved by exponentiated subgradient steps that become shorter (Kivinen and Warmuth, Information and
// Computation 132, 1997): a price is multiplied by more than 1 where too much of its resource is asked, and by less where not all
// is. That suits prices which differ by orders of magnitude, as those of many edges do. Each step costs a look at every non-zero share
// of the instance. The smallest D(y) is the optimum of the linear relaxation; what is found is above it by the tolerance of
// the search, up to some tenths of a percent. A number of tasks being whole, it is rounded down.
//
// Errors are those of [Instance.Validate] and of the context.
func Bound(ctx context.Context, inst Instance, first int) (int, error) {
	if err := inst.Validate(); err != nil {
		return 0, err
	}
	d := newDual(inst, first)
	if err := d.solve(ctx); err != nil {
		return 0, err
	}
	return d.whole(), nil
}

// forgiven is the part by which a schedule that [Check] accepts may exceed a capacity, with what its assignments may
// lack, and rounding. A bound must hold for such schedules too.
const forgiven = 4 * Tolerance

// whole is the bound as a number of tasks. The sum of all prices is at most D, so exceeding every
// capacity by a part adds at most that part of D.
func (d *dual) whole() int { return int(math.Floor(d.bound * (1 + forgiven))) }

// dual is the search for prices. Prices are of whole resources: what all of an uplink, a trunk or an edge's compute costs, in tasks.
type dual struct {
	capacity
	tasks []int // those of the instance that count
	// cuts[n] lists the cuts with which tasks[n] fits alone.
	cuts [][]int32
	// scale is the part of all capacities there is.
	scale float64
	// uplink, compute and trunk are the best prices found, and bound their D.
	uplink, compute, trunk []float64
	bound                  float64
}

// newDual prepares the dual of an instance for the cuts from first on.
func newDual(inst Instance, first int) *dual {
	tasks := make([]int, len(inst.Tasks))
	for j := range tasks {
		tasks[j] = j
	}
	return newDualOf(inst, tasks, first, 1)
}

// newDualOf is the dual of some of the tasks, with a part of all capacities.
func newDualOf(inst Instance, tasks []int, first int, scale float64) *dual {
	d := &dual{capacity: newCapacity(inst), scale: scale, bound: math.Inf(1)}
	empty := NewState(inst)
	for _, j := range tasks {
		t := &inst.Tasks[j]
		empty.best(t, first, t.Cuts(), math.Inf(1))
		d.add(j, first, func(k int) bool { return empty.worst[k-first] <= 1+forgiven })
		if last := len(d.tasks) - 1; len(d.cuts[last]) == 0 {
			d.tasks, d.cuts = d.tasks[:last], d.cuts[:last]
		}
	}
	return d
}

// add takes in task j with those of its cuts from first on that fit.
func (d *dual) add(j, first int, fits func(k int) bool) {
	var cuts []int32
	for k := first; k <= d.inst.Tasks[j].Cuts(); k++ {
		if fits(k) {
			cuts = append(cuts, int32(k))
		}
	}
	d.tasks, d.cuts = append(d.tasks, j), append(d.cuts, cuts)
}

const (
	// dualWork bounds the search by the places it visits, and so does not depend on the machine.
	dualWork            = 120_000_000
	leastDual, mostDual = 40, 600
	// A step multiplies a price by up to e to the power of firstStep, at last of lastStep.
	firstStep, lastStep = 1, 0.001
)

// solve improves the prices, with as many steps as its work allows.
func (d *dual) solve(ctx context.Context) error {
	inst := d.inst
	edges, trunks := len(inst.Edges), len(inst.Trunks)
	places := 1
	for _, j := range d.tasks {
		places += len(inst.Tasks[j].At)
	}
	y, best, slack := newPrices(edges, trunks), newPrices(edges, trunks), newPrices(edges, trunks)
	for _, part := range y.all() {
		for i := range part {
			part[i] = float64(len(d.tasks)) / float64(4*edges)
		}
	}
	rounds := min(max(dualWork/places, leastDual), mostDual)
	shorter := math.Pow(lastStep/firstStep, 1/float64(rounds-1))
	for n, step := 0, float64(firstStep); n < rounds; n, step = n+1, step*shorter {
		if err := ctx.Err(); err != nil {
			return err
		}
		if value := d.evaluate(y, slack); value < d.bound {
			d.bound = value
			best.copy(y)
		}
		y.descend(slack, step)
	}
	d.uplink, d.compute, d.trunk = best.uplink, best.compute, best.trunk
	// Without prices everything is deployed.
	if all := float64(len(d.tasks)); all <= d.bound {
		d.bound = all
	}
	return nil
}

// prices are one number for every resource.
type prices struct{ uplink, compute, trunk []float64 }

func newPrices(edges, trunks int) prices {
	return prices{make([]float64, edges), make([]float64, edges), make([]float64, trunks)}
}

func (p prices) all() [3][]float64 { return [3][]float64{p.uplink, p.compute, p.trunk} }

func (p prices) copy(from prices) {
	for n, to := range p.all() {
		copy(to, from.all()[n])
	}
}

// descend multiplies the price of each resource by e to the power of step times what of it is asked too much, in parts of all
// of it and at most 1.
func (p prices) descend(slack prices, step float64) {
	for n, part := range p.all() {
		for i, s := range slack.all()[n] {
			part[i] *= math.Exp(-step * max(s, -1))
		}
	}
}

// perUnit turns prices of whole resources into what a bit/s and a FLOP/s at each edge cost.
func (d *dual) perUnit(y prices) (bit, op []float64) {
	inst := d.inst
	bit, op = make([]float64, len(inst.Edges)), make([]float64, len(inst.Edges))
	for i, e := range inst.Edges {
		op[i] = y.compute[i] / (d.scale * float64(e.Compute))
		bit[i] = y.uplink[i] / (d.scale * inst.Threshold * float64(e.Uplink))
		for n := e.Trunk; n >= 0; n = inst.Trunks[n].Next {
			bit[i] += y.trunk[n] / (d.scale * inst.Threshold * float64(inst.Trunks[n].Rate))
		}
	}
	return bit, op
}

// evaluate is D(y); slack becomes the subgradient, what of each resource they leave.
func (d *dual) evaluate(y, slack prices) (value float64) {
	inst := d.inst
	bit, op := d.perUnit(y)
	bits, ops := make([]float64, len(inst.Edges)), make([]float64, len(inst.Edges)) // bit/s and FLOP/s taken
	var b, o []float64
	for n, part := range y.all() {
		for i, v := range part {
			value += v
			slack.all()[n][i] = 1
		}
	}
	for n, j := range d.tasks {
		t := &inst.Tasks[j]
		b, o = d.weigh(t, bit, op, b, o)
		cheapest, cut := 1.0, int32(-1)
		for _, k := range d.cuts[n] {
			if c := t.weighted(int(k), b, o); c < cheapest {
				cheapest, cut = c, k
			}
		}
		if cut < 0 {
			continue
		}
		value += 1 - cheapest
		for _, p := range t.At {
			table := t.Costs[p.Cost][cut]
			bits[p.Edge] += p.Input * float64(table.Rate)
			ops[p.Edge] += p.Input * float64(table.Compute)
		}
	}
	for i, e := range inst.Edges {
		slack.uplink[i] -= bits[i] / (d.scale * inst.Threshold * float64(e.Uplink))
		slack.compute[i] -= ops[i] / (d.scale * float64(e.Compute))
		for n := e.Trunk; n >= 0; n = inst.Trunks[n].Next {
			slack.trunk[n] -= bits[i] / (d.scale * inst.Threshold * float64(inst.Trunks[n].Rate))
		}
	}
	return value
}
