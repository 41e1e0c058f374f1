package testbed

import (
	"strings"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// Flow is background traffic on a link: so many bulk TCP flows between its ends.
type Flow struct {
	Link  string        `json:"link"` // "gw-a.uplink"
	Edge  string        `json:"edge"`
	Up    bool          `json:"up"` // edge → cloud
	Flows int           `json:"flows"`
	Start units.Virtual `json:"start"`
	Stop  units.Virtual `json:"stop"`
}

// flows lists the workload's background traffic; the workload was checked to name links that exist.
func (s *system) flows(duration units.Virtual) []Flow {
	var all []Flow
	for _, b := range s.workload.Background {
		edge, direction, _ := strings.Cut(b.Link, ".")
		stop := b.Stop
		if stop == 0 || stop > duration {
			stop = duration
		}
		all = append(all, Flow{Link: b.Link, Edge: edge, Up: direction == "uplink", Flows: b.Flows, Start: b.Start, Stop: stop})
	}
	return all
}

// link is the link a flow loads.
func (s *system) link(f Flow) topologies.Link {
	edge := s.topology.Edges[s.edges[f.Edge]]
	if f.Up {
		return edge.Uplink
	}
	return *edge.Downlink
}
