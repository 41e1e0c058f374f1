package topologies

import (
	"slices"
	"strings"
)

// CloudName is the name of the node all uplinks lead to; an edge or a trunk cannot have it.
const CloudName = "cloud"

const (
	uplinkSuffix   = ".uplink"
	downlinkSuffix = ".downlink"
)

// Uplink is the name of the link from an edge or a trunk towards the cloud: "gw-a.uplink".
func Uplink(of string) string { return of + uplinkSuffix }

// Downlink is the name of the link the other way: "gw-a.downlink".
func Downlink(of string) string { return of + downlinkSuffix }

// SplitLink is the edge or trunk a link's name is made of, and whether it is the uplink; ok is false for what is no link's name.
func SplitLink(name string) (of string, up, ok bool) {
	if of, up = strings.CutSuffix(name, uplinkSuffix); !up {
		of, ok = strings.CutSuffix(name, downlinkSuffix)
	}
	return of, up, (up || ok) && of != ""
}

// LinkNames lists the links of an expanded topology: of every edge and trunk its uplink and its downlink.
func (t *Topology) LinkNames() []string {
	var names []string
	for _, e := range t.Edges {
		names = append(names, Uplink(e.Name), Downlink(e.Name))
	}
	for _, k := range t.Trunks {
		names = append(names, Uplink(k.Name), Downlink(k.Name))
	}
	return names
}

// LinkNamed finds a link of an expanded topology by name ("gw-a.uplink"). Both directions of a trunk are the same link.
func (t *Topology) LinkNamed(name string) (Link, bool) {
	of, up, ok := SplitLink(name)
	if !ok {
		return Link{}, false
	}
	if i := slices.IndexFunc(t.Edges, func(e Edge) bool { return e.Name == of }); i >= 0 {
		if up {
			return t.Edges[i].Uplink, true
		}
		return *t.Edges[i].Downlink, true
	}
	if j := t.TrunkIndex(of); j >= 0 {
		return t.Trunks[j].Link, true
	}
	return Link{}, false
}
