package scheduler

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// Interval is the time from From up to, but not at, To. From 0 is the beginning of everything, a warm-up included, and To 0
// the end.
type Interval struct {
	From units.Virtual `json:"from"`
	To   units.Virtual `json:"to,omitempty"`
}

// Forever is later than everything.
const Forever = units.Virtual(math.MaxInt64)

// end is To, or Forever.
func (i Interval) end() units.Virtual {
	if i.To == 0 {
		return Forever
	}
	return i.To
}

// Contains tells whether the moment lies in the interval.
func (i Interval) Contains(at units.Virtual) bool {
	return at < i.end() && (at >= i.From || i.From == 0)
}

// within is the part of the interval that lies in another; false when there is none.
func (i Interval) within(o Interval) (Interval, bool) {
	both := Interval{max(i.From, o.From), min(i.end(), o.end())}
	if both.From >= both.To {
		return Interval{}, false
	}
	if both.To == Forever {
		both.To = 0
	}
	return both, true
}

// checkIntervals refuses intervals that are empty, overlap or are not in order.
func checkIntervals(all []Interval) error {
	last := units.Virtual(0)
	for n, i := range all {
		if i.From < last || i.To < 0 || i.end() <= i.From {
			return fmt.Errorf("interval number %d, %v to %v, must end after it begins, and begin at 0 or later and not before the one before it ends", n+1, i.From, i.end())
		}
		last = i.end()
	}
	return nil
}

// Intervals lists when the schedule has task j of the instance run, ascending and apart; none when it is not deployed.
func (s Schedule) Intervals(inst Instance, j int) []Interval {
	return s.Tasks[j].intervals(inst.Tasks[j])
}

func (a Assignment) intervals(t Task) []Interval {
	if !a.Deployed {
		return nil
	}
	if len(a.During) == 0 {
		return []Interval{t.life()}
	}
	var out []Interval
	for _, i := range a.During {
		if i, ok := i.within(t.life()); ok {
			out = append(out, i)
		}
	}
	return out
}

// Timed tells whether tasks of the instance come or go.
func (inst Instance) Timed() bool {
	return slices.ContainsFunc(inst.Tasks, func(t Task) bool { return t.Start > 0 || t.Stop > 0 })
}

// Peak is the most a schedule assigns at the same time: bit/s of every uplink and trunk, FLOP/s of every edge.
type Peak struct{ Uplink, Compute, Trunk []float64 }

// Peaks computes what the schedule, which must be one for the instance, assigns at most at any moment.
func Peaks(inst Instance, sched Schedule) Peak {
	use := newPeaks(inst)
	var places []placed
	for j, t := range inst.Tasks {
		a := sched.Tasks[j]
		if !a.Deployed {
			continue
		}
		places = places[:0]
		for n, p := range t.At {
			places = append(places, placed{int(p.Edge), Demand{a.Rates[n], t.Demand(p, a.Cut).Compute}})
		}
		use.add(a.intervals(t), places)
	}
	most := use.find()
	figures := func(all []peak) []float64 {
		out := make([]float64, len(all))
		for n, p := range all {
			out[n] = p.most
		}
		return out
	}
	return Peak{figures(most.uplink), figures(most.compute), figures(most.trunk)}
}

// peaks finds the largest sums of what is in use at the same time.
type peaks struct {
	inst Instance
	now  *load // at first, what is there at all times
	// uses come and go with the changes.
	uses    [][]placed
	changes []change
}

func newPeaks(inst Instance) *peaks { return &peaks{inst: inst, now: newLoad(inst)} }

// placed is a demand at an edge.
type placed struct {
	edge int
	Demand
}

// change is the beginning or the end of a use.
type change struct {
	at    units.Virtual
	use   int
	leave bool
}

// add counts what one task uses at its places in some intervals. The slice of places stays the caller's.
func (p *peaks) add(during []Interval, places []placed) {
	for _, i := range during {
		if i == (Interval{}) {
			for _, x := range places {
				p.now.add(x.edge, x.Demand)
			}
			continue
		}
		n := len(p.uses)
		p.uses = append(p.uses, slices.Clone(places))
		p.changes = append(p.changes, change{i.From, n, false})
		if i.To != 0 {
			p.changes = append(p.changes, change{i.To, n, true})
		}
	}
}

// peak is the largest sum, and the first moment it is reached.
type peak struct {
	most float64
	at   units.Virtual
}

func (p *peak) see(sum float64, at units.Virtual) {
	if !(sum <= p.most) { // a NaN is kept, too
		*p = peak{sum, at}
	}
}

type peakLoad struct{ uplink, compute, trunk []peak }

// find sweeps over time. What ends at a moment makes room for what begins at it.
func (p *peaks) find() peakLoad {
	slices.SortStableFunc(p.changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), -compareBool(a.leave, b.leave))
	})
	now := p.now
	most := peakLoad{make([]peak, len(now.uplink)), make([]peak, len(now.compute)), make([]peak, len(now.trunk))}
	for i := range now.uplink {
		most.uplink[i].see(now.uplink[i], 0)
		most.compute[i].see(now.compute[i], 0)
	}
	for n := range now.trunk {
		most.trunk[n].see(now.trunk[n], 0)
	}
	for _, c := range p.changes {
		for _, x := range p.uses[c.use] {
			if c.leave {
				now.remove(x.edge, x.Demand)
				continue
			}
			now.add(x.edge, x.Demand)
			most.uplink[x.edge].see(now.uplink[x.edge], c.at)
			most.compute[x.edge].see(now.compute[x.edge], c.at)
			for n := p.inst.Edges[x.edge].Trunk; n >= 0; n = p.inst.Trunks[n].Next {
				most.trunk[n].see(now.trunk[n], c.at)
			}
		}
	}
	return most
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
