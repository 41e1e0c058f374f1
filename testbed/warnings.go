package testbed

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
)

// saturated is the share of a link from which on TCP's growth decides what frames get.
const saturated = 0.9

// warnings says where the run leaves what is emulated faithfully, although nothing failed.
func (p *Plan) warnings() []string {
	if p.Network == nil {
		return nil
	}
	var all []string
	if p.Dilation > 1 {
		uses := p.uses()
		for _, l := range p.Network.Network.Links {
			used := uses[l.Name]
			if used.load <= units.Rate(saturated*float64(p.Dilation))*l.Egress.Rate() {
				continue
			}
			for _, control := range slices.Sorted(maps.Keys(used.controls)) {
				all = append(all, fmt.Sprintf("%s is saturated and %s is used there at dilation %v: it goes by wall-clock seconds, "+
					"so it takes its share faster than in virtual time; use congestion reno or auto", l.Name, control, p.Dilation))
			}
		}
	}
	if !p.Budget.Fits(p.Host, p.Dilation) {
		all = append(all, fmt.Sprintf("the run was overcommitted: %s", p.Budget.need(p.Host, p.Dilation)))
	}
	return all
}

// use is what an edge or a link has to carry in one direction: frames on average and background traffic at its most, in virtual time, and
// which congestion controls that cannot be dilated are at work there.
type use struct {
	load     units.Rate
	controls map[string]bool
}

// add adds what a source of traffic brings; control is empty for datagrams.
func (u *use) add(load units.Rate, controls ...string) {
	if u.controls == nil {
		u.controls = map[string]bool{}
	}
	u.load += load
	for _, control := range controls {
		if control == "cubic" || control == "bbr" {
			u.controls[control] = true
		}
	}
}

// uses are those of all links by name. Answers on the way back are small and left out. What an edge sends or gets is no more on any link than
// the narrowest on its way carries.
func (p *Plan) uses() map[string]*use {
	rates, links := map[string]units.Rate{}, map[string]*use{}
	for _, l := range p.Network.Network.Links {
		rates[l.Name], links[l.Name] = units.Rate(p.Dilation)*l.Egress.Rate(), &use{}
	}
	trunks := p.trunks()
	for _, e := range p.Topology.Edges {
		up, down := p.edgeUses(e.Name)
		for total, link := range map[*use]func(string) string{up: uplink, down: downlink} {
			way := []string{link(e.Name)}
			for _, trunk := range trunks[e.Name] {
				way = append(way, link(trunk))
			}
			load := total.load
			for _, l := range way {
				load = min(load, rates[l])
			}
			for _, l := range way {
				links[l].add(load, slices.Collect(maps.Keys(total.controls))...)
			}
		}
	}
	return links
}

// edgeUses are what an edge sends and what it gets.
func (p *Plan) edgeUses(edge string) (up, down *use) {
	up, down = &use{}, &use{}
	for _, s := range p.Streams {
		if s.Edge == edge {
			up.add(units.Rate(8*s.meanMessage()*s.Source.FPS), p.Network.Congestion)
		}
	}
	for _, f := range p.Background {
		if f.Edge != edge {
			continue
		}
		direction, control := down, ""
		if f.Up {
			direction = up
		}
		if f.Traffic.Kind == workloads.Bulk || f.Traffic.Kind == workloads.Web {
			control = cmp.Or(f.Congestion, p.Network.Congestion)
		}
		direction.add(f.most(), control)
	}
	return up, down
}

// most is the rate at which flows send while nothing holds them up.
func (f Flow) most() units.Rate {
	switch f.Traffic.Kind {
	case workloads.Bulk:
		return units.Rate(math.Inf(1))
	case workloads.UDP, workloads.OnOff:
		return units.Rate(f.Flows) * f.Traffic.Rate
	}
	bits := 0.0
	for _, sends := range f.Sends {
		for _, s := range sends {
			bits += 8 * float64(s.Bytes)
		}
	}
	return units.Rate(bits / (f.Stop - f.Start).Seconds())
}
