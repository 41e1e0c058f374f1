package testbed

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/replay"
)

// Flow is background traffic on a link: so many flows of a kind between its ends.
type Flow struct {
	Link       string            `json:"link"` // "gw-a.uplink"
	Edge       string            `json:"edge"`
	Up         bool              `json:"up"` // edge → cloud
	Traffic    workloads.Traffic `json:"traffic"`
	Flows      int               `json:"flows"`
	Congestion string            `json:"congestion,omitempty"`
	Start      units.Virtual     `json:"start"`
	Stop       units.Virtual     `json:"stop"`
	// Phases is how far each flow of bursts is in one, and the pause after it, when it starts.
	Phases []units.Virtual `json:"phases,omitempty"`
	// Sends is what each flow of web transfers or of a trace sends.
	Sends [][]workloads.Send `json:"-"`
}

// flows lists the workload's background traffic that comes before the end of the window; the workload was checked to name links
// that exist.
func (s *system) flows(duration units.Virtual, seed uint64) []Flow {
	var all []Flow
	for i, b := range s.workload.Background {
		edge, up, _ := topologies.SplitLink(b.Link)
		f := Flow{
			Link: b.Link, Edge: edge, Up: up, Traffic: b.Traffic, Flows: b.Flows, Congestion: b.Congestion,
			Start: b.Start, Stop: b.Stop,
		}
		if f.Stop == 0 || f.Stop > duration {
			f.Stop = duration
		}
		if f.Start >= f.Stop {
			continue
		}
		for n := range b.Flows {
			h := fnv.New64a()
			h.Write([]byte("background " + strconv.Itoa(i) + " " + strconv.Itoa(n))) // a hash never fails to write
			random := rand.New(rand.NewPCG(seed, h.Sum64()))
			switch f.Traffic.Kind {
			case workloads.Web, workloads.Replayed:
				f.Sends = append(f.Sends, b.Traffic.Sends(f.Stop-f.Start, random))
			case workloads.OnOff:
				f.Phases = append(f.Phases, phase(f.Traffic, n, random))
			}
		}
		all = append(all, f)
	}
	return all
}

// phase is where in a burst and the pause after it the n-th flow starts: the first with a burst, so that a flow of its own has
// its bursts at known times, the others anywhere.
func phase(t workloads.Traffic, n int, random *rand.Rand) units.Virtual {
	if n == 0 {
		return 0
	}
	return units.Virtual(random.Float64() * float64(t.On+t.Off))
}

// link is the link a flow loads.
func (s *system) link(f Flow) topologies.Link {
	edge := s.topology.Edges[s.edges[f.Edge]]
	if f.Up {
		return edge.Uplink
	}
	return *edge.Downlink
}

// load is the rate at which full packets would cost the host what the flow's packets do. TCP and a trace take what the link
// gives; datagrams cost as much where the link drops them.
func (s *system) load(f Flow) units.Rate {
	switch f.Traffic.Kind {
	case workloads.UDP, workloads.OnOff:
		return f.Traffic.Rate * units.Rate(float64(f.Flows)*float64(shape.Frame)/float64(f.Traffic.Packet))
	}
	return s.link(f).Rate
}

// flows are the background flows of an edge, or of all edges where edge is empty. Both ends of a flow know
// it by its place in the plan.
func (p *Plan) flows(edge string) []replay.Flow {
	var all []replay.Flow
	id := uint32(0)
	for _, f := range p.Background {
		for n := range f.Flows {
			if edge == "" || f.Edge == edge {
				all = append(all, p.flow(f, n, id, edge == ""))
			}
			id++
		}
	}
	return all
}

// flow is the n-th of a plan's flows as a node replays it, in wall time.
func (p *Plan) flow(f Flow, n int, id uint32, cloud bool) replay.Flow {
	r := replay.Flow{
		ID: id, Link: f.Link, Down: !f.Up, Congestion: f.Congestion, Start: p.wallOffset(f.Start), Stop: p.wallOffset(f.Stop),
		Kind: replay.FlowDatagrams,
	}
	switch f.Traffic.Kind {
	case workloads.Bulk:
		r.Kind = replay.FlowBulk
	case workloads.UDP, workloads.OnOff:
		rate := p.Dilation.Rate(f.Traffic.Rate)
		r.Pace = &replay.Pace{
			Packet: int(f.Traffic.Packet), Every: 8e9 * float64(f.Traffic.Packet) / float64(rate),
			On: int64(p.Dilation.Wall(f.Traffic.On)), Off: int64(p.Dilation.Wall(f.Traffic.Off)),
		}
		if f.Phases != nil {
			r.Pace.Phase = int64(p.Dilation.Wall(f.Phases[n]))
		}
	case workloads.Web:
		r.Kind = replay.FlowTransfers
		if !cloud {
			r.Sends = p.sends(f, n)
		}
	case workloads.Replayed:
		if cloud != f.Up {
			r.Sends = p.sends(f, n)
		}
	}
	return r
}

func (p *Plan) sends(f Flow, n int) *replay.Sends {
	s := &replay.Sends{}
	for _, send := range f.Sends[n] {
		s.At = append(s.At, p.wallOffset(f.Start+send.At))
		s.Bytes = append(s.Bytes, int64(send.Bytes))
	}
	return s
}
