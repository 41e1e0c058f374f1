package testbed

import (
	"fmt"

	"github.com/splitbed/splitbed/internal/units"
)

// saturated is the share of a link from which on TCP's growth decides what frames get.
const saturated = 0.9

// warnings says where the run leaves what is emulated faithfully, although nothing failed.
func (p *Plan) warnings() []string {
	if p.Network == nil {
		return nil
	}
	var all []string
	if p.Dilation > 1 && p.Network.Congestion == "cubic" {
		for _, name := range p.saturatedLinks() {
			all = append(all, fmt.Sprintf("%s is saturated and its flows use cubic at dilation %v: cubic grows by wall-clock seconds, "+
				"so it takes its share faster than in virtual time; use congestion reno or auto", name, p.Dilation))
		}
	}
	if !p.Budget.Fits(p.Host, p.Dilation) {
		all = append(all, fmt.Sprintf("the budgets need %.2f cores and %.2f of %d may be planned for: the run was overcommitted",
			p.Budget.Cores()/float64(p.Dilation), HostShare*float64(p.Host.Cores), p.Host.Cores))
	}
	return all
}

// saturatedLinks lists the links that background flows fill, or frames alone almost do.
func (p *Plan) saturatedLinks() []string {
	load, trunks := map[string]units.Rate{}, p.trunks()
	for _, s := range p.Streams {
		for _, hop := range append([]string{s.Edge}, trunks[s.Edge]...) {
			load[uplink(hop)] += units.Rate(8 * s.meanMessage() * s.Source.FPS)
		}
	}
	filled := map[string]bool{}
	for _, f := range p.Background {
		filled[f.Link] = true
	}
	var names []string
	for _, l := range p.Network.Network.Links {
		if filled[l.Name] || load[l.Name] > units.Rate(saturated*float64(p.Dilation))*l.Egress.Rate() {
			names = append(names, l.Name)
		}
	}
	return names
}
