package testbed

import (
	"fmt"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
)

// planNetwork decides every object of the emulation.
func (p *Plan) planNetwork(s *system) (err error) {
	p.Network, err = emulator.NewPlan(p.Run, s.topology, emulator.Options{
		Dilation:         p.Dilation,
		FLOPSPerCore:     p.Host.FLOPSPerCore(),
		Congestion:       p.Experiment.Emulation.TCP.Congestion,
		SmallestTransfer: p.smallestTransfers(),
	})
	return err
}

// smallestTransfers is the smallest message on each uplink that carries any.
func (p *Plan) smallestTransfers() map[string]units.Bytes {
	smallest := map[string]units.Bytes{}
	for _, s := range p.Streams {
		name := uplink(s.Edge)
		if b, ok := smallest[name]; !ok || s.MessageBytes < b {
			smallest[name] = s.MessageBytes
		}
	}
	return smallest
}

func uplink(edge string) string { return edge + ".uplink" }

// fluid asks the fluid model when every frame of every stream is ready and received. Background traffic is not in the
// model. Bursts are those of the plan's shapers; a plan without a network has none.
func (p *Plan) fluid(s *system) ([]scheduler.Predicted, error) {
	network := scheduler.Network{}
	for _, t := range s.topology.Trunks {
		network.Trunks = append(network.Trunks, scheduler.Hop{Rate: t.Rate, Delay: t.Delay, Next: s.topology.TrunkIndex(t.Trunk)})
	}
	for _, e := range s.topology.Edges {
		var burst units.Bytes
		if p.Network != nil {
			l, ok := p.Network.Link(uplink(e.Name))
			if !ok {
				return nil, fmt.Errorf("the plan has no link %s", uplink(e.Name))
			}
			burst = l.Egress.Burst
		}
		network.Edges = append(network.Edges, scheduler.NetworkEdge{
			Compute: e.Compute,
			Uplink:  scheduler.Hop{Rate: e.Uplink.Rate, Delay: e.Uplink.Delay, Burst: burst, Next: s.topology.TrunkIndex(e.Trunk)},
		})
	}
	var flows []scheduler.Flow
	for _, stream := range p.Streams {
		flows = append(flows, scheduler.Flow{
			Edge: s.edges[stream.Edge], Captures: stream.Arrivals,
			Operations: stream.FLOPs, Wire: shape.WireBytes(stream.MessageBytes),
		})
	}
	return scheduler.Predict(network, flows)
}

// predict gives every stream the transfer latency to expect: the median of the fluid model over the window.
func (p *Plan) predict(s *system) error {
	predicted, err := p.fluid(s)
	if err != nil {
		return err
	}
	p.expect(predicted)
	return nil
}

// expect notes the median over the window of what the fluid model says of every stream.
func (p *Plan) expect(predicted []scheduler.Predicted) {
	for i := range p.Streams {
		if median, ok := predicted[i].MedianTransfer(p.Streams[i].Arrivals, 0, p.Duration); ok {
			p.Streams[i].Predicted = median
		}
	}
}
