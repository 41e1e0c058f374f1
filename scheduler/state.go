package scheduler

import (
	"fmt"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// State is what runs at some moment: the tasks that are deployed, with their cuts, and what they use. Planners
// and admission rules work on one. It is not safe for concurrent use.
type State struct {
	inst Instance
	// cut[j] is the cut of task j, or notDeployed.
	cut   []int32
	count int
	used  *load
	// perBit, perOp and perTrunkBit turn bit/s and FLOP/s into shares of what may be used.
	perBit, perOp, perTrunkBit []float64
	// worst[k] is the highest utilisation cut k leaves; extra[n][k] what the task adds to trunk n.
	worst   []float64
	extra   [][]float64
	touched []int
	// changes lists what Deploy and Remove did since it was last emptied, where recorded is true.
	changes  []move
	recorded bool
	// mistake is the first call that made no sense; it changed nothing.
	mistake error
	// before is memory for what try may have to take back.
	before *load
}

// move is a change of one task: before is its cut until then, or notDeployed.
type move struct{ task, before int }

const notDeployed = -1

// planTolerance lets a link be filled to the last bit in spite of rounding, and stays below
// Tolerance so that Check, which sums in another order, agrees.
const planTolerance = Tolerance / 2

// NewState is a state in which nothing runs. The instance must be valid.
func NewState(inst Instance) *State {
	s := &State{inst: inst, used: newLoad(inst), cut: make([]int32, len(inst.Tasks)), extra: make([][]float64, len(inst.Trunks))}
	for j := range s.cut {
		s.cut[j] = notDeployed
	}
	for _, e := range inst.Edges {
		s.perBit = append(s.perBit, 1/(inst.Threshold*float64(e.Uplink)))
		s.perOp = append(s.perOp, 1/float64(e.Compute))
	}
	for _, t := range inst.Trunks {
		s.perTrunkBit = append(s.perTrunkBit, 1/(inst.Threshold*float64(t.Rate)))
	}
	return s
}

// Count is the number of tasks that run.
func (s *State) Count() int { return s.count }

// Cut is the cut of task j, and whether it runs.
func (s *State) Cut(j int) (k int, deployed bool) { return int(s.cut[j]), s.cut[j] != notDeployed }

// Deploy has task j, which must not run, run with cut k, one of 0..N, whether it fits or not. Calls that are not like this
// change nothing, and [Admit] reports them.
func (s *State) Deploy(j, k int) {
	if j < 0 || j >= len(s.inst.Tasks) || s.cut[j] != notDeployed || k < 0 || k > s.inst.Tasks[j].Cuts() {
		s.mistaken("deploys task number %d with cut %d, but there is no such task or cut, or it runs already", j, k)
		return
	}
	t := &s.inst.Tasks[j]
	for _, p := range t.At {
		s.used.add(int(p.Edge), t.Demand(p, k))
	}
	s.cut[j] = int32(k)
	s.count++
	s.record(move{j, notDeployed})
}

// Remove ends task j, which must run. Where it does not, nothing changes, and [Admit] reports it.
func (s *State) Remove(j int) {
	if j < 0 || j >= len(s.inst.Tasks) || s.cut[j] == notDeployed {
		s.mistaken("removes task number %d, which does not run", j)
		return
	}
	t := &s.inst.Tasks[j]
	k := int(s.cut[j])
	for _, p := range t.At {
		s.used.remove(int(p.Edge), t.Demand(p, k))
	}
	s.cut[j] = notDeployed
	s.count--
	s.record(move{j, k})
}

func (s *State) mistaken(format string, args ...any) {
	if s.mistake == nil {
		s.mistake = fmt.Errorf(format, args...)
	}
}

func (s *State) record(m move) {
	if s.recorded {
		s.changes = append(s.changes, m)
	}
}

// try lets attempt change the state, and takes back everything it did where it returns false: to the last bit, which
// removing what was added would not.
func (s *State) try(attempt func() bool) bool {
	if s.before == nil {
		s.before = newLoad(s.inst)
	}
	s.before.copy(s.used)
	recorded, first := s.recorded, len(s.changes)
	s.recorded = true
	ok := attempt()
	s.recorded = recorded
	if !ok {
		for _, m := range slices.Backward(s.changes[first:]) {
			if m.before == notDeployed {
				s.count--
			} else {
				s.count++
			}
			s.cut[m.task] = int32(m.before)
		}
		s.used, s.before = s.before, s.used
	}
	if !ok || !recorded {
		s.changes = s.changes[:first]
	}
	return ok
}

// Fits tells whether task j, which does not run, has room with cut k.
func (s *State) Fits(j, k int) bool { _, ok := s.Best(j, k, k); return ok }

// Best is the cut in first..last with which task j, which does not run, leaves the smallest bottleneck: the highest
// utilisation, of bandwidth or compute, over all edges and trunks it touches; ties go to the smaller cut. ok is
// false when no cut has room.
func (s *State) Best(j, first, last int) (k int, ok bool) {
	k, bottleneck := s.best(&s.inst.Tasks[j], first, last, 1+planTolerance)
	return k, bottleneck <= 1+planTolerance
}

// Bottleneck is the highest utilisation that task j, which does not run, would leave with cut k over what it touches.
func (s *State) Bottleneck(j, k int) float64 {
	_, u := s.best(&s.inst.Tasks[j], k, k, math.Inf(1))
	return u
}

// best is the cut with the smallest bottleneck, and that bottleneck; it may give up, with any figure above limit, when
// all cuts are above it.
func (s *State) best(t *Task, first, last int, limit float64) (int, float64) {
	s.worst = append(s.worst[:0], make([]float64, last-first+1)...)
	worst := s.worst
	const stride = 16 // places between two looks at whether there is any use in going on
	for n, p := range t.At {
		if n%stride == stride-1 && slices.Min(worst) > limit {
			break
		}
		i, costs := p.Edge, t.Costs[p.Cost][first:last+1]
		perBit, perOp := s.perBit[i], s.perOp[i]
		uplink, compute := s.used.uplink[i]*perBit, s.used.compute[i]*perOp
		perBit, perOp = perBit*p.Input, perOp*p.Input
		for n, d := range costs {
			// Comparisons instead of max, which also orders NaN and zeros: this is the innermost loop.
			if u := uplink + float64(d.Rate)*perBit; u > worst[n] {
				worst[n] = u
			}
			if u := compute + float64(d.Compute)*perOp; u > worst[n] {
				worst[n] = u
			}
		}
		for n := s.inst.Edges[i].Trunk; n >= 0; n = s.inst.Trunks[n].Next {
			s.touch(n, p.Input, costs)
		}
	}
	for _, n := range s.touched {
		for k, r := range s.extra[n] {
			s.worst[k] = max(s.worst[k], (s.used.trunk[n]+r)*s.perTrunkBit[n])
		}
		s.extra[n] = s.extra[n][:0]
	}
	s.touched = s.touched[:0]

	bottleneck, k := math.Inf(1), first
	for n, u := range s.worst {
		if u < bottleneck {
			bottleneck, k = u, first+n
		}
	}
	return k, bottleneck
}

// touch adds what each cut sends through trunk n from one more edge.
func (s *State) touch(n int, input float64, costs []Demand) {
	if len(s.extra[n]) == 0 {
		s.touched = append(s.touched, n)
		s.extra[n] = append(s.extra[n], make([]float64, len(costs))...)
	}
	for k, d := range costs {
		s.extra[n][k] += input * float64(d.Rate)
	}
}

// Schedule is what runs now as a schedule: every task of the instance, those that run assigned exactly what their
// cut demands.
func (s *State) Schedule(algorithm string) Schedule {
	sched := Schedule{Algorithm: algorithm, Tasks: make([]Assignment, len(s.inst.Tasks))}
	places := 0
	for j, t := range s.inst.Tasks {
		if _, ok := s.Cut(j); ok {
			places += len(t.At)
		}
	}
	rates := make([]units.Rate, places) // of all tasks: one piece of memory instead of many
	for j, t := range s.inst.Tasks {
		sched.Tasks[j].Task = t.Name
		if k, ok := s.Cut(j); ok {
			n := len(t.At)
			sched.Tasks[j] = deploy(t, k, rates[:n:n])
			rates = rates[n:]
		}
	}
	return sched
}

// fullest is the highest utilisation of what input at an edge uses: its compute, its uplink and the trunks behind it.
func (s *State) fullest(edge int32) float64 {
	u := max(s.used.compute[edge]*s.perOp[edge], s.used.uplink[edge]*s.perBit[edge])
	for n := s.inst.Edges[edge].Trunk; n >= 0; n = s.inst.Trunks[n].Next {
		u = max(u, s.used.trunk[n]*s.perTrunkBit[n])
	}
	return u
}

// overloaded names the resources task j, which runs, touches and of which more is used than there is, with how much.
func (s *State) overloaded(j int) []Violation {
	var broken []Violation
	t := &s.inst.Tasks[j]
	trunks := map[int]bool{}
	for _, p := range t.At {
		e := s.inst.Edges[p.Edge]
		broken = exceeds(broken, e.Name, Uplink, s.used.uplink[p.Edge], s.inst.Threshold*float64(e.Uplink))
		broken = exceeds(broken, e.Name, Compute, s.used.compute[p.Edge], float64(e.Compute))
		for n := e.Trunk; n >= 0 && !trunks[n]; n = s.inst.Trunks[n].Next {
			trunks[n] = true
			broken = exceeds(broken, s.inst.Trunks[n].Name, OnTrunk, s.used.trunk[n], s.inst.Threshold*float64(s.inst.Trunks[n].Rate))
		}
	}
	return broken
}

// crowded is the set of edges that stand in the way of task j with cut k: those too full for it, and those that share a
// trunk too full for it.
func (s *State) crowded(j, k int) map[int32]bool {
	t := &s.inst.Tasks[j]
	full := map[int32]bool{}
	trunks := make([]float64, len(s.inst.Trunks))
	for _, p := range t.At {
		d := t.Demand(p, k)
		uplink := (s.used.uplink[p.Edge] + float64(d.Rate)) * s.perBit[p.Edge]
		compute := (s.used.compute[p.Edge] + float64(d.Compute)) * s.perOp[p.Edge]
		if uplink > 1+planTolerance || compute > 1+planTolerance {
			full[p.Edge] = true
		}
		for n := s.inst.Edges[p.Edge].Trunk; n >= 0; n = s.inst.Trunks[n].Next {
			trunks[n] += float64(d.Rate)
		}
	}
	for i, e := range s.inst.Edges {
		for n := e.Trunk; n >= 0; n = s.inst.Trunks[n].Next {
			if trunks[n] > 0 && (s.used.trunk[n]+trunks[n])*s.perTrunkBit[n] > 1+planTolerance {
				full[int32(i)] = true
			}
		}
	}
	return full
}

// load is what has been assigned so far: bit/s of every uplink and trunk, FLOP/s of every edge.
type load struct {
	inst                   Instance
	uplink, compute, trunk []float64
	// edgeUsers and trunkUsers count the tasks' places: what nobody uses is used by exactly 0, whatever
	// rounding left over.
	edgeUsers, trunkUsers []int
}

func newLoad(inst Instance) *load {
	return &load{
		inst:       inst,
		uplink:     make([]float64, len(inst.Edges)),
		compute:    make([]float64, len(inst.Edges)),
		trunk:      make([]float64, len(inst.Trunks)),
		edgeUsers:  make([]int, len(inst.Edges)),
		trunkUsers: make([]int, len(inst.Trunks)),
	}
}

// copy makes l, which must be of the same instance, what from is.
func (l *load) copy(from *load) {
	copy(l.uplink, from.uplink)
	copy(l.compute, from.compute)
	copy(l.trunk, from.trunk)
	copy(l.edgeUsers, from.edgeUsers)
	copy(l.trunkUsers, from.trunkUsers)
}

// add puts a demand on the edge and on every trunk between it and the cloud.
func (l *load) add(edge int, d Demand) {
	l.uplink[edge] += float64(d.Rate)
	l.compute[edge] += float64(d.Compute)
	l.edgeUsers[edge]++
	for n := l.inst.Edges[edge].Trunk; n >= 0; n = l.inst.Trunks[n].Next {
		l.trunk[n] += float64(d.Rate)
		l.trunkUsers[n]++
	}
}

// remove takes back what add put.
func (l *load) remove(edge int, d Demand) {
	l.uplink[edge] -= float64(d.Rate)
	l.compute[edge] -= float64(d.Compute)
	if l.edgeUsers[edge]--; l.edgeUsers[edge] == 0 {
		l.uplink[edge], l.compute[edge] = 0, 0
	}
	for n := l.inst.Edges[edge].Trunk; n >= 0; n = l.inst.Trunks[n].Next {
		l.trunk[n] -= float64(d.Rate)
		if l.trunkUsers[n]--; l.trunkUsers[n] == 0 {
			l.trunk[n] = 0
		}
	}
}
