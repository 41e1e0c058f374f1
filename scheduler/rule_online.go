package scheduler

import "math"

// The online algorithm of the paper (section "Layer Scheduling Algorithms") admits a task when the bandwidth it needs is below a bound
// that moves with the use of the edge where its input is largest, i*. It descends from the rule for
// online knapsacks of Chakrabarty, Zhou and Lukose ("Online knapsack problems", WINE 2008). Its formula
// came down damaged; three readings are built.
//
// In all of them the cut is the one that leaves the smallest bottleneck, and a task that fits with no cut is rejected. B
// is the bandwidth the task needs at i* with that cut; Bmin and Bmax are the smallest and largest over all tasks at k*, known
// beforehand; c is the part of i*'s compute that is left, and e Euler's number.
//
//   - online: accept when B ≤ Φ(c) = (Bmin·e/Bmax)^c · (Bmax·e). It is strict while there is room and lenient when
//     there is little left, which is the other way round than the rule it descends from; it gives the paper's Fig. 4b.
//   - online-printed: accept when (b − B)·(c − d·l) ≤ Φ(c), with b what is left of i*'s uplink and d·l the part of its
//     compute that the task takes. It compares bandwidth times capacity with bandwidth, and as long as links are empty
//     accepts next to nothing: it is kept to show that.
//   - online-czl: accept when B ≤ Bmax·e·(Bmin/(e·Bmax))^z, with z the used part of the one resource of an online knapsack.
//     A task here uses several at i*: z is read as the used part of the fullest of them, i*'s compute, its uplink and the trunks
//     behind it. So whichever of them binds, for tasks that are small against it and take of it in
//     proportion to B, it deploys at least 1/(ln(Bmax/Bmin)+1) of the optimum, its source's theorem. Of a resource that tasks take in another
//     proportion it promises nothing; no rule that looks at B alone could.
//
// A task that needs no bandwidth at i* is admitted by online and online-czl when it fits, and does not count for Bmin.
type onlineRule struct {
	name string
	// accept decides with what is known at i*.
	accept func(x onlineTest) bool
}

// onlineTest is what an online rule looks at. Bandwidths are in bit/s.
type onlineTest struct {
	needed    float64 // B
	min, max  float64 // Bmin, Bmax
	left      float64 // c
	used      float64 // z
	takes     float64 // d·l, a part of the edge's compute
	bandwidth float64 // b
}

// phi is Φ(c).
func (x onlineTest) phi() float64 { return math.Pow(x.min*math.E/x.max, x.left) * x.max * math.E }

func onlineRules() []Rule {
	return []Rule{
		onlineRule{"online", func(x onlineTest) bool { return x.needed == 0 || x.needed <= x.phi() }},
		onlineRule{"online-printed", func(x onlineTest) bool { return (x.bandwidth-x.needed)*(x.left-x.takes) <= x.phi() }},
		onlineRule{"online-czl", func(x onlineTest) bool {
			return x.needed == 0 || x.needed <= x.max*math.E*math.Pow(x.min/(math.E*x.max), x.used)
		}},
	}
}

func (r onlineRule) Name() string { return r.name }

func (r onlineRule) Start(inst Instance) Admission {
	a := &onlineAdmission{rule: r, min: math.Inf(1)}
	for j := range inst.Tasks {
		t := &inst.Tasks[j]
		b := float64(t.Demand(tested(t), kStar(t)).Rate)
		if b == 0 || math.IsInf(b, 1) {
			continue
		}
		a.min, a.max = min(a.min, b), max(a.max, b)
	}
	return a
}

type onlineAdmission struct {
	rule     onlineRule
	min, max float64
}

func (a *onlineAdmission) Arrive(s *State, j int) {
	t := &s.inst.Tasks[j]
	k, ok := s.Best(j, 1, t.Cuts())
	if !ok {
		return
	}
	at := tested(t)
	d := t.Demand(at, k)
	edge := s.inst.Edges[at.Edge]
	x := onlineTest{
		needed: float64(d.Rate), min: a.min, max: a.max,
		left:      1 - s.used.compute[at.Edge]*s.perOp[at.Edge],
		used:      s.fullest(at.Edge),
		takes:     float64(d.Compute) * s.perOp[at.Edge],
		bandwidth: s.inst.Threshold*float64(edge.Uplink) - s.used.uplink[at.Edge],
	}
	if a.rule.accept(x) {
		s.Deploy(j, k)
	}
}
