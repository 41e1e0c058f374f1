package testbed

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// Event is something that happens in a run: a link becomes another, or a node is killed.
type Event struct {
	// At is counted from the beginning of the window.
	At units.Virtual `yaml:"at" json:"at"`
	// Link and Set say which link becomes what.
	Link string             `yaml:"link,omitempty" json:"link,omitempty"`
	Set  *topologies.Change `yaml:"set,omitempty,flow" json:"set,omitempty"`
	// Kill names a node that ends at once, as in a power cut.
	Kill string `yaml:"kill,omitempty" json:"kill,omitempty"`
}

// Events are in any order; those of the same time happen in that of the list.
type Events []Event

// inOrder lists the events by their times.
func (e Events) inOrder() Events {
	ordered := slices.Clone(e)
	slices.SortStableFunc(ordered, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return ordered
}

// validate checks events against the expanded topology they are to happen to.
func (e Events) validate(c spec.Cursor, topology *topologies.Topology, duration units.Virtual) error {
	order := make([]int, len(e)) // places in the list
	for i := range e {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(e[a].At, e[b].At) })
	states := map[string]topologies.State{}
	for _, i := range order {
		at, event := c.Index(i), e[i]
		if event.At < 0 || event.At > duration {
			return at.Field("at").Errorf(fmt.Sprintf("0s to %v, the duration", duration), "%v is out of range", event.At)
		}
		switch {
		case event.Kill != "" && (event.Link != "" || event.Set != nil):
			return at.Errorf("link and set, or kill", "both a link and a node are to change; use two events")
		case event.Kill != "":
			nodes := []string{emulator.CloudName}
			for _, edge := range topology.Edges {
				nodes = append(nodes, edge.Name)
			}
			if err := at.Field("kill").OneOf(nodes, event.Kill, "there is no node"); err != nil {
				return err
			}
		case event.Link == "":
			return at.Errorf("link and set, or kill", "nothing is to happen")
		default:
			state, known := states[event.Link]
			if !known {
				if err := at.Field("link").OneOf(topology.LinkNames(), event.Link, "there is no link"); err != nil {
					return err
				}
				l, _ := topology.LinkNamed(event.Link)
				state = topologies.State{Link: l}
			}
			var change topologies.Change
			if event.Set != nil {
				change = *event.Set
			}
			if err := state.Check(at.Field("set"), change); err != nil {
				return err
			}
			states[event.Link] = state.After(change)
		}
	}
	return nil
}

// kills tells whether an event kills a node.
func (e Events) kills(node string) bool {
	return slices.ContainsFunc(e, func(event Event) bool { return event.Kill == node })
}

// slowest are the lowest rates that links will have in the run, of those that change.
func (p *Plan) slowest() map[string]units.Rate {
	slowest := map[string]units.Rate{}
	note := func(name string, r units.Rate) {
		if known, ok := slowest[name]; !ok || r < known {
			slowest[name] = r
		}
	}
	for _, name := range p.Topology.LinkNames() {
		if l, _ := p.Topology.LinkNamed(name); l.Trace != nil {
			note(name, l.Trace.Slowest())
		}
	}
	for _, e := range p.Experiment.Events {
		if e.Set != nil && e.Set.Rate != nil {
			note(e.Link, *e.Set.Rate)
		}
	}
	return slowest
}

// state is a link as the topology has it.
func (p *Plan) state(name string) topologies.State {
	l, _ := p.Topology.LinkNamed(name)
	return topologies.State{Link: l}
}

// relink computes the links where some are other than the topology says.
func (p *Plan) relink(states map[string]topologies.State) ([]link.Link, error) {
	o := p.networkOptions()
	o.Links = states
	return p.Network.Relink(p.Topology, o)
}

// checkEvents makes sure, before anything is made, that everything that is to happen can.
func (p *Plan) checkEvents() error {
	states := map[string]topologies.State{}
	for _, e := range p.Experiment.Events.inOrder() {
		if e.Set == nil {
			continue
		}
		if _, known := states[e.Link]; !known {
			states[e.Link] = p.state(e.Link)
		}
		states[e.Link] = states[e.Link].After(*e.Set)
		if err := p.checkLinks(states); err != nil {
			return inputError(fmt.Errorf("events: at %v: %s: %v: %w", e.At, e.Link, *e.Set, err))
		}
	}
	for _, name := range p.Topology.LinkNames() {
		l, _ := p.Topology.LinkNamed(name)
		if l.Trace == nil {
			continue
		}
		slow := map[string]topologies.State{name: {Link: l.AtRate(l.Trace.Slowest())}}
		if _, err := p.relink(slow); err != nil {
			return inputError(fmt.Errorf("%s: trace %s: %w", name, l.Trace.Path, err))
		}
	}
	return nil
}

func (p *Plan) checkLinks(states map[string]topologies.State) error {
	links, err := p.relink(states)
	if err != nil {
		return err
	}
	for _, l := range links {
		if planned, ok := p.Network.Link(l.Name); ok && l.Delay != nil && planned.Delay == nil {
			return fmt.Errorf("%s was planned without a delay, and has no place for one; give it a delay or a loss in the topology, or an event that sets one", l.Name)
		}
	}
	return nil
}

// adjustable are the uplinks and downlinks of edges that events give delays or losses, be it through a trunk behind them.
func (p *Plan) adjustable() []string {
	later := map[string]bool{}
	for _, e := range p.Experiment.Events {
		if e.Set != nil && (e.Set.Delay != nil || e.Set.Jitter != nil || e.Set.Loss != nil) {
			later[e.Link] = true
		}
	}
	var links []string
	trunks := p.trunks()
	for _, e := range p.Topology.Edges {
		for _, name := range []func(string) string{uplink, downlink} {
			if later[name(e.Name)] || slices.ContainsFunc(trunks[e.Name], func(trunk string) bool { return later[name(trunk)] }) {
				links = append(links, name(e.Name))
			}
		}
	}
	return links
}

var errNotReplaying = errors.New("the replay has not begun: links can be changed from its beginning on")
