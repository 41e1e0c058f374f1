package scheduler

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// price deploys tasks at the prices of the Lagrangian dual (see [Bound]): the task that is cheapest with its cheapest
// cut comes first, and each takes its cheapest cut that fits. It does so a few times, balancing the use of resources more or less (see
// [dual.deploy]), and goes on with the best. Then a local search takes a few tasks out, lets others change to the
// cut that leaves the smallest bottleneck, fills what has become free, and keeps the result unless it is worse. Greedy at
// dual prices is the usual primal heuristic beside a Lagrangian relaxation (Fisher, Management Science 27, 1981); making what fills up
// dearer is the exponential price of online routing (Aspnes et al., Journal of the ACM 44, 1997). The search
// draws from a generator of fixed seed and is bounded by the places it looks at, not by time.
type price struct{}

func (price) Name() string { return "price" }

func (p price) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	sched, _, err := p.plan(ctx, inst)
	return sched, err
}

// plan also returns the bound that the prices give.
func (p price) plan(ctx context.Context, inst Instance) (sched Schedule, bound int, err error) {
	if err := inst.Validate(); err != nil {
		return Schedule{}, 0, err
	}
	d := newDual(inst, 1)
	if err := d.solve(ctx); err != nil {
		return Schedule{}, 0, err
	}
	s := NewState(inst)
	for _, balance := range balances {
		other := NewState(inst)
		if d.deploy(other, balance); other.Count() > s.Count() {
			s = other
		}
		if err := ctx.Err(); err != nil {
			return Schedule{}, 0, err
		}
	}
	search := newSearch(s)
	if err := search.run(ctx, d.whole()); err != nil {
		return Schedule{}, 0, err
	}
	return s.Schedule(p.Name()), d.whole(), nil
}

// balances are what deploy is tried with. More than 1 was never better.
var balances = []float64{0, 0.25, 1}

// deploy gives every task, the cheapest first, its cheapest cut that fits. What is scarce where much of it is used already gets dearer
// on the way: the price of a resource of which the part u is used is multiplied by e to the power of balance·u. Without that, all
// tasks of a network would change their cut at once where two cuts cost nearly the same, as at the best prices they often do.
func (d *dual) deploy(s *State, balance float64) {
	pay := d.newTariff(balance)
	cheapest := make([]float64, len(d.tasks))
	for n, j := range d.tasks {
		cheapest[n] = slices.Min(pay.costs(j, d.cuts[n]))
	}
	for _, n := range ascending(cheapest) {
		j := d.tasks[n]
		if k, ok := pay.cheapest(s, j, d.cuts[n]); ok {
			s.Deploy(j, k)
			pay.update(s, j)
		}
	}
}

// tariff is what a bit/s of each uplink and trunk and a FLOP/s of each edge costs in a state.
type tariff struct {
	inst              Instance
	balance           float64
	bit, op, trunk    []float64 // now
	bit0, op0, trunk0 []float64 // where nothing is used
	b, o, cost        []float64
}

func (d *dual) newTariff(balance float64) *tariff {
	inst := d.inst
	y := prices{d.uplink, d.compute, d.trunk}
	mean, count := 0.0, 0
	for _, part := range y.all() {
		for _, v := range part {
			mean += v
			count++
		}
	}
	least := 1e-3 * mean / float64(count)
	if balance == 0 {
		least = 0
	}
	p := &tariff{inst: inst, balance: balance, bit: make([]float64, len(inst.Edges)), op: make([]float64, len(inst.Edges)), trunk: make([]float64, len(inst.Trunks))}
	for i, e := range inst.Edges {
		p.bit[i] = (y.uplink[i] + least) / (d.scale * inst.Threshold * float64(e.Uplink))
		p.op[i] = (y.compute[i] + least) / (d.scale * float64(e.Compute))
	}
	for n, t := range inst.Trunks {
		p.trunk[n] = (y.trunk[n] + least) / (d.scale * inst.Threshold * float64(t.Rate))
	}
	p.bit0, p.op0, p.trunk0 = slices.Clone(p.bit), slices.Clone(p.op), slices.Clone(p.trunk)
	return p
}

// update makes what task j touches as dear as it is with what is used of it.
func (p *tariff) update(s *State, j int) {
	if p.balance == 0 {
		return
	}
	for _, at := range s.inst.Tasks[j].At {
		i := at.Edge
		p.bit[i] = p.bit0[i] * math.Exp(p.balance*s.used.uplink[i]*s.perBit[i])
		p.op[i] = p.op0[i] * math.Exp(p.balance*s.used.compute[i]*s.perOp[i])
		for n := s.inst.Edges[i].Trunk; n >= 0; n = s.inst.Trunks[n].Next {
			p.trunk[n] = p.trunk0[n] * math.Exp(p.balance*s.used.trunk[n]*s.perTrunkBit[n])
		}
	}
}

// costs is what each of the cuts of task j costs; the next call uses the same memory.
func (p *tariff) costs(j int, cuts []int32) []float64 {
	t := &p.inst.Tasks[j]
	p.b = append(p.b[:0], make([]float64, len(t.Costs))...)
	p.o = append(p.o[:0], make([]float64, len(t.Costs))...)
	for _, at := range t.At {
		bit := p.bit[at.Edge]
		for n := p.inst.Edges[at.Edge].Trunk; n >= 0; n = p.inst.Trunks[n].Next {
			bit += p.trunk[n]
		}
		p.b[at.Cost] += at.Input * bit
		p.o[at.Cost] += at.Input * p.op[at.Edge]
	}
	p.cost = p.cost[:0]
	for _, k := range cuts {
		p.cost = append(p.cost, t.weighted(int(k), p.b, p.o))
	}
	return p.cost
}

// cheapest is the cut of task j, one of cuts, that costs least among those that fit.
func (p *tariff) cheapest(s *State, j int, cuts []int32) (k int, ok bool) {
	costs := p.costs(j, cuts)
	for range costs {
		i := 0
		for m, c := range costs {
			if c < costs[i] {
				i = m
			}
		}
		if math.IsInf(costs[i], 1) {
			break
		}
		if k := int(cuts[i]); s.Fits(j, k) {
			return k, true
		}
		costs[i] = math.Inf(1)
	}
	return 0, false
}

const (
	// searchWork bounds the local search by the places it looks at, searchTimes by how often it looks at each.
	searchWork, searchTimes = 12_000_000, 6000
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
