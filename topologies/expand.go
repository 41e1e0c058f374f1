package topologies

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Expand returns the topology with its generator replaced by the edges it draws and every default filled in. The receiver is
// left as it is. Expanding what was expanded changes nothing.
func (t *Topology) Expand() (*Topology, error) {
	out := *t
	if out.Threshold == 0 {
		out.Threshold = DefaultThreshold
	}
	out.Edges = make([]Edge, len(t.Edges))
	for i, e := range t.Edges {
		out.Edges[i] = e.expand()
	}
	out.Trunks = append([]Trunk(nil), t.Trunks...)
	for i := range out.Trunks {
		out.Trunks[i].Link = out.Trunks[i].Link.expand()
	}
	if err := out.Validate(); err != nil {
		return nil, err
	}
	if out.Generate != nil {
		out.Edges = out.Generate.draw()
		// The edges stand in no file.
		out.Generate, out.source = nil, spec.Cursor{}
	}
	return &out, nil
}

func (e Edge) expand() Edge {
	e.Uplink = e.Uplink.expand()
	down := Link{Rate: DefaultDownlink, Delay: e.Uplink.Delay}
	if e.Downlink != nil {
		down = *e.Downlink
	}
	down = down.expand()
	e.Downlink = &down
	return e
}

func (l Link) expand() Link {
	if l.Queue == 0 {
		l.Queue = DefaultQueue
	}
	return l
}

// draw makes edge-01, edge-02, …. Each edge takes the next two numbers of one stream, so that a topology with more edges
// of the same seed begins with the same ones.
func (g *Generate) draw() []Edge {
	random := rand.New(rand.NewPCG(g.Seed, 0))
	// Rates in whole kbit and delays in whole microseconds stay readable, and are finer than any link is shaped.
	draw := func(drawn, low, high float64) float64 {
		const grain = 1e3
		return math.Min(high, math.Max(low, math.Round(drawn/grain)*grain))
	}
	width := max(2, len(fmt.Sprint(g.Edges)))
	edges := make([]Edge, g.Edges)
	for i := range edges {
		rate := draw(g.Rate.Draw(random.Float64()), float64(g.Rate.Low), float64(g.Rate.High))
		delay := draw(g.Delay.Draw(random.Float64()), float64(g.Delay.Low), float64(g.Delay.High))
		edges[i] = Edge{
			Name:    fmt.Sprintf("edge-%0*d", width, i+1),
			Compute: g.Compute,
			Uplink:  Link{Rate: units.Rate(rate), Delay: units.Virtual(delay)},
		}.expand()
	}
	return edges
}
