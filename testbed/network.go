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

// predict asks the fluid model for the transfer latency of every stream: the median over the window, in
// the order of the streams. Background traffic is not in the model.
func (p *Plan) predict(s *system) error {
	network := scheduler.Network{}
	for _, t := range s.topology.Trunks {
		network.Trunks = append(network.Trunks, scheduler.Hop{Rate: t.Rate, Delay: t.Delay, Next: s.topology.TrunkIndex(t.Trunk)})
	}
	for _, e := range s.topology.Edges {
		l, ok := p.Network.Link(uplink(e.Name))
		if !ok {
			return fmt.Errorf("the plan has no link %s", uplink(e.Name))
		}
		network.Edges = append(network.Edges, scheduler.NetworkEdge{
			Compute: e.Compute,
			Uplink:  scheduler.Hop{Rate: e.Uplink.Rate, Delay: e.Uplink.Delay, Burst: l.Egress.Burst, Next: s.topology.TrunkIndex(e.Trunk)},
		})
	}
	var flows []scheduler.Flow
	for _, stream := range p.Streams {
		flows = append(flows, scheduler.Flow{
			Edge: s.edges[stream.Edge], Captures: stream.Arrivals,
			Operations: stream.FLOPs, Wire: shape.WireBytes(stream.MessageBytes),
		})
	}
	predicted, err := scheduler.Predict(network, flows)
	if err != nil {
		return err
	}
	for i := range p.Streams {
		if median, ok := predicted[i].MedianTransfer(p.Streams[i].Arrivals, 0, p.Duration); ok {
			p.Streams[i].Predicted = median
		}
	}
	return nil
}
