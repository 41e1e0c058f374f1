package scheduler

import (
	"fmt"
	"math"
)

// Shortage says why a cut of a task has no room beside a schedule: what of the resource it is shortest of is missing.
type Shortage struct {
	Cut int `json:"k"`
	// Subject is an edge or trunk, Resource Uplink, OnTrunk or Compute; both are empty where the cut would fit.
	Subject  string `json:"subject,omitempty"`
	Resource string `json:"resource,omitempty"`
	// Asked is what the task needs of it and Free what the schedule leaves, in bit/s or FLOP/s. Asked is +Inf where no
	// rate is enough.
	Asked float64 `json:"-"`
	Free  float64 `json:"-"`
	// More is how many other resources are short, too.
	More int `json:"more,omitempty"`
}

// Explain tells, for each cut 0..N of task j, of what a schedule leaves it too little, by the largest part of what may be used.
// The instance must be valid, and the schedule one for it. A task that is deployed is explained as if it were not.
func Explain(inst Instance, sched Schedule, j int) []Shortage {
	use := newLoad(inst)
	for o, t := range inst.Tasks {
		a := sched.Tasks[o]
		if o == j || !a.Deployed {
			continue
		}
		for n, p := range t.At {
			use.add(int(p.Edge), Demand{a.Rates[n], t.Demand(p, a.Cut).Compute})
		}
	}
	var all []Shortage
	for k := range inst.Tasks[j].Cuts() + 1 {
		all = append(all, use.shortage(inst.Tasks[j], k))
	}
	return all
}

func (l *load) shortage(t Task, k int) Shortage {
	short := Shortage{Cut: k}
	worst := 0.0
	look := func(subject, resource string, asked, used, allowed float64) {
		missing := (used + asked) / allowed
		if !(missing > 1+Tolerance) {
			return
		}
		if short.Subject != "" {
			short.More++
		}
		if missing > worst {
			worst = missing
			short.Subject, short.Resource, short.Asked, short.Free = subject, resource, asked, max(0, allowed-used)
		}
	}
	trunks := make([]float64, len(l.inst.Trunks))
	for _, p := range t.At {
		d := t.Demand(p, k)
		e := l.inst.Edges[p.Edge]
		look(e.Name, Uplink, float64(d.Rate), l.uplink[p.Edge], l.inst.Threshold*float64(e.Uplink))
		look(e.Name, Compute, float64(d.Compute), l.compute[p.Edge], float64(e.Compute))
		for n := e.Trunk; n >= 0; n = l.inst.Trunks[n].Next {
			trunks[n] += float64(d.Rate)
		}
	}
	for n, asked := range trunks {
		if asked > 0 {
			look(l.inst.Trunks[n].Name, OnTrunk, asked, l.trunk[n], l.inst.Threshold*float64(l.inst.Trunks[n].Rate))
		}
	}
	return short
}

// String says what is missing: "k=2: gw-a: uplink: 12 Mb/s needed, 3 Mb/s free (and 2 more)".
func (s Shortage) String() string {
	if s.Subject == "" {
		return fmt.Sprintf("k=%d: fits", s.Cut)
	}
	amount := bits
	if s.Resource == Compute {
		amount = func(x float64) string { return fmt.Sprintf("%.4g GFLOPS", x/1e9) }
	}
	text := fmt.Sprintf("k=%d: %s: %s: %s needed, %s free", s.Cut, s.Subject, s.Resource, amount(s.Asked), amount(s.Free))
	if math.IsInf(s.Asked, 1) {
		text = fmt.Sprintf("k=%d: %s: the delay alone uses up the deadline", s.Cut, s.Subject)
	}
	if s.More > 0 {
		text += fmt.Sprintf(" (and %d more)", s.More)
	}
	return text
}
