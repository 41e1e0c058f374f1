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
	return &priceAdmission{next: max(1, len(inst.Tasks)/10), expected: len(inst.Tasks)}
}

// caution is the part of the capacities that prices are made for.
const caution = 0.98

type priceAdmission struct {
	seen     []int
	expected int
	next     int     // how many must have come for the next prices
	plain    *tariff // whether a task is worth its price
	balanced *tariff // which cut it takes
	cuts     []int32 // memory for those of the one that arrives
}

func (a *priceAdmission) Arrive(s *State, j int) {
	part := float64(len(a.seen)+1) / float64(max(a.expected, 1))
	if len(a.seen) == a.next {
		d := newDualOf(s.inst, a.seen, 1, caution*min(1, float64(len(a.seen))/float64(a.expected)))
		// Solving ends early with its context only, and this one does not end.
		if err := d.solve(context.Background()); err == nil {
			a.plain, a.balanced = d.newTariff(0), d.newTariff(1)
		}
		a.next *= 2
	}
	a.seen = append(a.seen, j)
	if a.plain == nil {
		const allowance = 0.003 // of every resource, for the first to come
		if k, ok := s.Best(j, 1, s.inst.Tasks[j].Cuts()); ok && s.Bottleneck(j, k) <= part+allowance {
			s.Deploy(j, k)
		}
		return
	}
	a.cuts = a.cuts[:0]
	for k := range s.inst.Tasks[j].Cuts() {
		a.cuts = append(a.cuts, int32(k+1))
	}
	a.balanced.update(s, j) // by what others left and took since
	if k, ok := a.balanced.cheapest(s, j, a.cuts); ok && a.plain.costs(j, []int32{int32(k)})[0] <= 1 {
		s.Deploy(j, k)
	}
}
