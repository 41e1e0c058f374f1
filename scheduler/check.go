package scheduler

import (
	"fmt"
	"math"

	"github.com/splitbed/splitbed/internal/units"
)

// Tolerance is the relative excess over a constraint that [Check] forgives: sums of a thousand
// assignments in another order differ by rounding.
const Tolerance = 1e-9

// The resources a [Violation] names. The first three are sums over all tasks that run at the same time; the others concern one task.
const (
	Uplink  = "uplink"
	OnTrunk = "trunk"
	Compute = "compute"
	// Latency: the assignment is below the demand of the task's cut. Asked is that demand, Allowed
	// what is assigned.
	Latency = "latency"
	// Cut: the network has no such cut. Asked is the cut, Allowed the number of layers.
	Cut = "cut"
	// Order: the schedule's task at this position is not the instance's.
	Order = "order"
)

// Check names every constraint the schedule breaks, in the order: tasks (in the instance's order),
// then edges, then trunks. The schedule holds when the result is empty. Constraints, from section
// "The Problem of Scheduling IoT Deep Learning Network Layers" of the paper: on every edge the
// assignments are at most V·b_i, likewise on every trunk on the way; the operations are at most c_i; and no
// assignment is below the demand of its cut. They are checked at every moment: tasks whose lives or intervals do not overlap may use
// the same room one after the other. The instance must be valid; tasks are matched by position.
func Check(inst Instance, sched Schedule) []Violation {
	var out []Violation
	use := newPeaks(inst)
	var places []placed
	for j, t := range inst.Tasks {
		if j >= len(sched.Tasks) || sched.Tasks[j].Task != t.Name {
			out = append(out, Violation{Task: t.Name, Subject: t.Name, Resource: Order})
			continue
		}
		a := sched.Tasks[j]
		if !a.Deployed {
			continue
		}
		if a.Cut < 0 || a.Cut > t.Cuts() {
			out = append(out, Violation{Task: t.Name, Subject: t.Name, Resource: Cut, Asked: float64(a.Cut), Allowed: float64(t.Cuts())})
			continue
		}
		places = places[:0]
		for n, p := range t.At {
			var assigned units.Rate // an assignment left out is none
			if n < len(a.Rates) {
				assigned = a.Rates[n]
			}
			d := t.Demand(p, a.Cut)
			// Written so that NaN, negative and infinite assignments break the constraint too. An infinite demand
			// can't be met by any assignment.
			if math.IsInf(float64(assigned), 0) || math.IsInf(float64(d.Rate), 1) || !(assigned >= 0 && float64(assigned) >= float64(d.Rate)*(1-Tolerance)) {
				out = append(out, Violation{Task: t.Name, Subject: inst.Edges[p.Edge].Name, Resource: Latency,
					Asked: float64(d.Rate), Allowed: float64(assigned)})
			}
			places = append(places, placed{int(p.Edge), Demand{Rate: assigned, Compute: d.Compute}})
		}
		use.add(a.intervals(t), places)
	}
	for j := len(inst.Tasks); j < len(sched.Tasks); j++ {
		out = append(out, Violation{Task: sched.Tasks[j].Task, Subject: sched.Tasks[j].Task, Resource: Order})
	}
	most := use.find()
	for i, e := range inst.Edges {
		out = exceedsAt(out, e.Name, Uplink, most.uplink[i], inst.Threshold*float64(e.Uplink))
		out = exceedsAt(out, e.Name, Compute, most.compute[i], float64(e.Compute))
	}
	for n, t := range inst.Trunks {
		out = exceedsAt(out, t.Name, OnTrunk, most.trunk[n], inst.Threshold*float64(t.Rate))
	}
	return out
}

func exceedsAt(out []Violation, subject, resource string, asked peak, allowed float64) []Violation {
	n := len(out)
	if out = exceeds(out, subject, resource, asked.most, allowed); len(out) > n {
		out[n].At = asked.at
	}
	return out
}

func exceeds(out []Violation, subject, resource string, asked, allowed float64) []Violation {
	if asked <= allowed*(1+Tolerance) {
		return out
	}
	return append(out, Violation{Subject: subject, Resource: resource, Asked: asked, Allowed: allowed})
}

// String says what is broken and by how much, for example
// "gw-b: uplink: 12 Mb/s assigned, 10 Mb/s allowed".
func (v Violation) String() string {
	if v.At > 0 {
		return fmt.Sprintf("%s (at %v)", v.text(), v.At)
	}
	return v.text()
}

func (v Violation) text() string {
	switch v.Resource {
	case Uplink, OnTrunk:
		return fmt.Sprintf("%s: %s: %s assigned, %s allowed", v.Subject, v.Resource, bits(v.Asked), bits(v.Allowed))
	case Compute:
		return fmt.Sprintf("%s: compute: %.4g GFLOPS asked, %.4g GFLOPS available", v.Subject, v.Asked/1e9, v.Allowed/1e9)
	case Latency:
		return fmt.Sprintf("task %s at %s: latency: %s assigned, its deadline needs %s", v.Task, v.Subject, bits(v.Allowed), bits(v.Asked))
	case Cut:
		return fmt.Sprintf("task %s: cut %g does not exist, its network has %g layers", v.Task, v.Asked, v.Allowed)
	case Order:
		return fmt.Sprintf("task %s: the schedule does not list the instance's tasks in their order", v.Task)
	}
	return fmt.Sprintf("%s: %s: %g asked, %g allowed", v.Subject, v.Resource, v.Asked, v.Allowed)
}

func bits(r float64) string {
	if math.IsInf(r, 1) {
		return "more than any rate"
	}
	return fmt.Sprintf("%.4g Mb/s", r/1e6)
}
