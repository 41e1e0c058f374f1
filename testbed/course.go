package testbed

import (
	"cmp"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
)

// condition is what the model of the network knows of a link: its rate, which is 0 while it is down, and its delay.
type condition struct {
	rate  units.Rate
	delay units.Virtual
}

// courses are the conditions of all links over the run, by name, as events and traces will make them. Losses, jitter and the deaths of
// nodes are not in them.
func (p *Plan) courses() map[string]scheduler.Course[condition] {
	courses := map[string]scheduler.Course[condition]{}
	states := map[string]topologies.State{}
	now := func(s topologies.State) condition {
		if s.Down {
			return condition{0, s.Delay}
		}
		return condition{s.Rate, s.Delay}
	}
	for _, name := range p.Topology.LinkNames() {
		states[name] = p.state(name)
		courses[name] = scheduler.Constant(now(states[name]))
	}
	for _, s := range p.steps() {
		name := s.link()
		if name == "" {
			continue
		}
		states[name] = s.after(states[name])
		c := courses[name]
		c.Steps = append(c.Steps, scheduler.Step[condition]{At: s.at, To: now(states[name])})
		courses[name] = c
	}
	return courses
}

// rates is the course of a link's rate.
func rates(c scheduler.Course[condition]) scheduler.Course[units.Rate] {
	r := scheduler.Constant(c.First.rate)
	for _, s := range c.Steps {
		r.Steps = append(r.Steps, scheduler.Step[units.Rate]{At: s.At, To: s.To.rate})
	}
	return r
}

// along is the course of the delay of links that follow each other, which add up as in [shape.NewDelay]. Where it shall count, nothing
// comes through while one of them is down.
func along(links []scheduler.Course[condition], downCounts bool) scheduler.Course[units.Virtual] {
	type step struct {
		at    units.Virtual
		link  int
		delay units.Virtual
	}
	delay := func(c condition) units.Virtual {
		if downCounts && c.rate == 0 {
			return scheduler.Forever
		}
		return c.delay
	}
	now := make([]units.Virtual, len(links))
	var steps []step
	for n, l := range links {
		now[n] = delay(l.First)
		last := now[n]
		for _, s := range l.Steps {
			if d := delay(s.To); d != last { // and not another rate only, as of a trace
				steps, last = append(steps, step{s.At, n, d}), d
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	sum := func() (all units.Virtual) {
		for _, d := range now {
			if d == scheduler.Forever {
				return scheduler.Forever
			}
			all += d
		}
		return all
	}
	c := scheduler.Constant(sum())
	for _, s := range steps {
		now[s.link] = s.delay
		c.Steps = append(c.Steps, scheduler.Step[units.Virtual]{At: s.at, To: sum()})
	}
	return c
}

// always tells whether a delay is the same at all times.
func always(c scheduler.Course[units.Virtual], delay units.Virtual) bool {
	return c.First == delay && len(c.Steps) == 0
}
