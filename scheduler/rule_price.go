package scheduler

import "context"

// onlinePrice admits a task when it is worth its price: when its cheapest cut that fits costs at most one task at the dual
// prices of what has arrived so far. It knows how many tasks will come. After 10, 20, 40 and 80 % of them it solves the dual of those it has seen
// (see [Bound]) with that part of all capacities, less two percent for what sampling may miss; the scheme is that of Agrawal, Wang and Ye
// ("A dynamic near-optimal algorithm for online linear programming", Operations Research 62, 2014). Before the first prices it admits a
// task as long as the bottleneck stays below the part of the tasks that have come.
type onlinePrice struct{}

func (onlinePrice) Name() string { return "online-price" }

func (onlinePrice) Start(inst Instance) Admission {
	return &priceAdmission{next: max(1, len(inst.Tasks)/10), expected: len(inst.Tasks), newcomer: newDualOf(inst, nil, 1, 1)}
}

// caution is the part of the capacities that prices are made for.
const caution = 0.98

type priceAdmission struct {
	seen     []int
	expected int
	next     int // how many must have come for the next prices
	bit, op  []float64
	newcomer *dual // of one task, the one that arrives
}

func (a *priceAdmission) Arrive(s *State, j int) {
	part := float64(len(a.seen)+1) / float64(max(a.expected, 1))
	if len(a.seen) == a.next {
		d := newDualOf(s.inst, a.seen, 1, caution*min(1, float64(len(a.seen))/float64(a.expected)))
		// Solving ends early with its context only, and this one does not end.
		if err := d.solve(context.Background()); err == nil {
			a.bit, a.op = d.perUnit(prices{d.uplink, d.compute, d.trunk})
		}
		a.next *= 2
	}
	a.seen = append(a.seen, j)
	if a.bit == nil {
		const allowance = 0.003 // of every resource, for the first to come
		if k, ok := s.Best(j, 1, s.inst.Tasks[j].Cuts()); ok && s.Bottleneck(j, k) <= part+allowance {
			s.Deploy(j, k)
		}
		return
	}
	d := a.newcomer
	d.tasks, d.cuts = d.tasks[:0], d.cuts[:0]
	d.add(j, 1, func(int) bool { return true })
	if k, ok := d.cheapest(s, 0, a.bit, a.op); ok && d.cost(0, k, a.bit, a.op) <= 1 {
		s.Deploy(j, k)
	}
}
