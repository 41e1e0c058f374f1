package scheduler

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// price deploys tasks at the prices of the Lagrangian dual (see [Bound]): the task that is cheapest with its cheapest
// cut comes first, and each takes its cheapest cut that fits. Then a local search takes a few tasks out, lets others change to the
// cut that leaves the smallest bottleneck, fills what has become free, and keeps the result unless it is worse. Greedy at
// dual prices is the usual primal heuristic beside a Lagrangian relaxation (Fisher, Management Science 27, 1981). The search
// draws from a generator of fixed seed and is bounded by the places it looks at, not by time.
type price struct{}

func (price) Name() string { return "price" }

func (p price) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	if err := inst.Validate(); err != nil {
		return Schedule{}, err
	}
	d := newDual(inst, 1)
	if err := d.solve(ctx); err != nil {
		return Schedule{}, err
	}
	s := NewState(inst)
	d.deploy(s)
	search := newSearch(s)
	if err := search.run(ctx, d.whole()); err != nil {
		return Schedule{}, err
	}
	return s.Schedule(p.Name()), nil
}

// deploy gives every task, the cheapest first, its cheapest cut that fits.
func (d *dual) deploy(s *State) {
	bit, op := d.perUnit(prices{d.uplink, d.compute, d.trunk})
	cheapest := make([]float64, len(d.tasks))
	var b, o []float64
	for n, j := range d.tasks {
		t := &d.inst.Tasks[j]
		b, o = d.weigh(t, bit, op, b, o)
		cheapest[n] = math.Inf(1)
		for _, k := range d.cuts[n] {
			cheapest[n] = min(cheapest[n], t.weighted(int(k), b, o))
		}
	}
	for _, n := range ascending(cheapest) {
		j := d.tasks[n]
		if k, ok := d.cheapest(s, n, bit, op); ok {
			s.Deploy(j, k)
		}
	}
}

// cheapest is the cut of tasks[n] that costs least among those that fit.
func (d *dual) cheapest(s *State, n int, bit, op []float64) (int, bool) {
	j := d.tasks[n]
	t := &d.inst.Tasks[j]
	b, o := d.weigh(t, bit, op, nil, nil)
	costs := make([]float64, len(d.cuts[n]))
	for i, k := range d.cuts[n] {
		costs[i] = t.weighted(int(k), b, o)
	}
	for _, i := range ascending(costs) {
		if k := int(d.cuts[n][i]); s.Fits(j, k) {
			return k, true
		}
	}
	return 0, false
}

const (
	// searchWork bounds the local search by the places it looks at, searchTimes by how often it looks at each.
	searchWork, searchTimes = 60_000_000, 1200
	// ejected and rechosen are how many tasks a round takes out at most, and how many others it lets choose again.
	ejected, rechosen = 4, 40
	// tried is how many of the tasks that are left out a round tries to bring in.
	tried = 200
)

// search is a local search over what runs.
type search struct {
	s    *State
	rand *rand.Rand
	// work is how many places were looked at, places how many there are.
	work, places int
	// in and out list what runs and what does not; at[j] is task j's position in its list.
	in, out []int
	at      []int
	// undo lists what a round did: task, and its cut before.
	undo []move
}

func newSearch(s *State) *search {
	x := &search{s: s, rand: rand.New(rand.NewPCG(1, 1)), at: make([]int, len(s.inst.Tasks))}
	for j := range s.inst.Tasks {
		_, runs := s.Cut(j)
		list := &x.out
		if runs {
			list = &x.in
		}
		x.at[j] = len(*list)
		*list = append(*list, j)
		x.places += len(s.inst.Tasks[j].At)
	}
	return x
}

// run searches until the work is done or the bound is reached.
func (x *search) run(ctx context.Context, bound int) error {
	budget := min(searchWork, searchTimes*x.places)
	for x.work < budget && x.s.Count() < bound && len(x.out) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		x.round()
	}
	return nil
}

func (x *search) round() {
	before := x.s.Count()
	x.undo = x.undo[:0]
	for range 1 + x.rand.IntN(ejected) {
		if len(x.in) > 0 {
			x.leave(x.in[x.rand.IntN(len(x.in))])
		}
	}
	for range min(rechosen, len(x.in)) {
		j := x.in[x.rand.IntN(len(x.in))]
		k, _ := x.s.Cut(j)
		x.leave(j)
		if better, ok := x.best(j); ok {
			k = better
		}
		x.enter(j, k)
	}
	// Those that just left come last, so that others have their chance.
	start := x.rand.IntN(len(x.out))
	candidates := make([]int, 0, tried)
	for n := range min(tried, len(x.out)) {
		candidates = append(candidates, x.out[(start+n)%len(x.out)])
	}
	for _, j := range candidates {
		if k, ok := x.best(j); ok {
			x.enter(j, k)
		}
	}
	if x.s.Count() >= before {
		return
	}
	for _, m := range slices.Backward(x.undo) {
		if _, runs := x.s.Cut(m.task); runs {
			x.take(m.task)
		}
		if m.before != notDeployed {
			x.put(m.task, m.before)
		}
	}
}

func (x *search) best(j int) (int, bool) {
	t := &x.s.inst.Tasks[j]
	x.work += len(t.At)
	return x.s.Best(j, 1, t.Cuts())
}

func (x *search) leave(j int) {
	k, _ := x.s.Cut(j)
	x.undo = append(x.undo, move{j, k})
	x.take(j)
}

func (x *search) enter(j, k int) {
	x.undo = append(x.undo, move{j, notDeployed})
	x.put(j, k)
}

func (x *search) take(j int) {
	x.work += len(x.s.inst.Tasks[j].At)
	x.s.Remove(j)
	x.move(&x.in, &x.out, j)
}

func (x *search) put(j, k int) {
	x.work += len(x.s.inst.Tasks[j].At)
	x.s.Deploy(j, k)
	x.move(&x.out, &x.in, j)
}

// move takes task j from one list to the end of another.
func (x *search) move(from, to *[]int, j int) {
	last := (*from)[len(*from)-1]
	(*from)[x.at[j]], x.at[last] = last, x.at[j]
	*from = (*from)[:len(*from)-1]
	x.at[j] = len(*to)
	*to = append(*to, j)
}

// cost is what cut k of tasks[n] costs.
func (d *dual) cost(n, k int, bit, op []float64) float64 {
	t := &d.inst.Tasks[d.tasks[n]]
	b, o := d.weigh(t, bit, op, nil, nil)
	return t.weighted(k, b, o)
}
