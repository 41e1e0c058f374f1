package testbed

import (
	"fmt"
	"net/netip"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
)

// planNetwork decides every object of the emulation.
func (p *Plan) planNetwork(s *system) (err error) {
	p.Network, err = emulator.NewPlan(p.Run, s.topology, p.networkOptions())
	return err
}

func (p *Plan) networkOptions() emulator.Options {
	return emulator.Options{
		Dilation:         p.Dilation,
		FLOPSPerCore:     p.Host.FLOPSPerCore(),
		Congestion:       p.Experiment.Emulation.TCP.Congestion,
		SmallestTransfer: p.smallestTransfers(),
		Sharing:          p.sharing(),
		Delay:            p.delays,
		Seed:             p.Experiment.Seed,
		Slowest:          p.slowest(),
		Adjustable:       p.adjustable(),
	}
}

// The ports of streams lie between the privileged ones and those the kernel gives out in a new namespace (from 32768).
const firstPort, endPorts = 10_000, 32_768

// givePorts gives every stream that reserves bandwidth two ports of its own at its edge, by which links know its packets.
func (p *Plan) givePorts() error {
	if p.Experiment.Emulation.Sharing == SharingShared {
		return nil
	}
	next := map[string]int{}
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Assigned == 0 {
			continue
		}
		port := firstPort + next[s.Edge]
		if port >= endPorts {
			return inputError(fmt.Errorf("emulation.sharing: %s has more than %d tasks that reserve bandwidth; use %s", s.Edge, (endPorts-firstPort)/2, SharingShared))
		}
		s.Port = uint16(port)
		next[s.Edge] += 2
	}
	return nil
}

// sharing is what the schedule reserves, where it is to be more than a figure.
func (p *Plan) sharing() emulator.Sharing {
	sharing := emulator.Sharing{Borrow: p.Experiment.Emulation.Sharing == SharingBorrow}
	for _, s := range p.Streams {
		if s.Port != 0 {
			sharing.Reserved = append(sharing.Reserved, emulator.Reservation{
				Edge: s.Edge, Task: s.Task, Rate: s.Assigned, Port: s.Port, Smallest: s.smallestMessage()})
		}
	}
	if len(sharing.Reserved) > 0 {
		sharing.AtOnce = map[string]units.Rate{}
		most := scheduler.Peaks(p.Instance, p.Schedule)
		for i, e := range p.Topology.Edges {
			sharing.AtOnce[uplink(e.Name)] = units.Rate(most.Uplink[i])
		}
		for n, t := range p.Topology.Trunks {
			sharing.AtOnce[uplink(t.Name)] = units.Rate(most.Trunk[n])
		}
	}
	return sharing
}

// smallestTransfers is the smallest message on each uplink that carries any.
func (p *Plan) smallestTransfers() map[string]units.Bytes {
	smallest := map[string]units.Bytes{}
	if p.bare {
		return smallest
	}
	for _, s := range p.Streams {
		name, message := uplink(s.Edge), s.smallestMessage()
		if b, ok := smallest[name]; !ok || message < b {
			smallest[name] = message
		}
	}
	return smallest
}

func uplink(edge string) string { return topologies.Uplink(edge) }

func downlink(edge string) string { return topologies.Downlink(edge) }

// fluid asks the model of the network when every frame of every stream is ready and received. Where round trips take no time,
// no window matters and data are a fluid; elsewhere they are packets of TCP's. Background traffic is not in the model. Bursts are those
// of the plan's shapers; a plan without a network has none. Where links are divided, every deployed stream has its class. Links change
// as events and traces will have them do, see [Plan.courses].
func (p *Plan) fluid(s *system) ([]scheduler.Predicted, error) {
	network := scheduler.Network{Packet: shape.Frame}
	tcp := scheduler.TCP{InitialWindow: emulator.InitialWindow, MinRTO: emulator.MinRTO, Borrow: p.Experiment.Emulation.Sharing == SharingBorrow}
	divided := p.Experiment.Emulation.Sharing != SharingShared
	most := scheduler.Peak{Uplink: make([]float64, len(s.topology.Edges)), Trunk: make([]float64, len(s.topology.Trunks))}
	if divided {
		most = scheduler.Peaks(p.Instance, p.Schedule)
	}
	courses := p.courses()
	for n, t := range s.topology.Trunks {
		network.Trunks = append(network.Trunks, scheduler.Hop{
			Rate: rates(courses[uplink(t.Name)]), Next: s.topology.TrunkIndex(t.Trunk), Reserved: units.Rate(most.Trunk[n])})
	}
	fluid := !tcp.Borrow
	for i, e := range s.topology.Edges {
		var burst units.Bytes
		if p.Network != nil {
			l, ok := p.Network.Link(uplink(e.Name))
			if !ok {
				return nil, fmt.Errorf("the plan has no link %s", uplink(e.Name))
			}
			burst = l.Egress.Burst
		}
		up, down := []scheduler.Course[condition]{courses[uplink(e.Name)]}, []scheduler.Course[condition]{courses[downlink(e.Name)]}
		for _, n := range s.topology.Path(i) {
			trunk := s.topology.Trunks[n].Name
			up, down = append(up, courses[uplink(trunk)]), append(down, courses[downlink(trunk)])
		}
		there, back := along(up, false), along(down, true)
		network.Edges = append(network.Edges, scheduler.NetworkEdge{
			Compute: e.Compute, Delay: there,
			Uplink: scheduler.Hop{Rate: rates(up[0]), Burst: burst, Next: s.topology.TrunkIndex(e.Trunk), Reserved: units.Rate(most.Uplink[i])},
		})
		tcp.Back = append(tcp.Back, back)
		fluid = fluid && always(there, 0) && always(back, 0)
	}
	classes, source := p.classes(), p.addresses()
	var flows []scheduler.Flow
	for _, stream := range p.Streams {
		flow := scheduler.Flow{
			Edge: s.edges[stream.Edge], Captures: stream.Arrivals,
			Operations: stream.FLOPs, Wire: shape.WireBytes(stream.MessageBytes),
		}
		if stream.packets() {
			for n := range stream.Arrivals {
				message, _ := stream.message(n)
				flow.Wires = append(flow.Wires, shape.WireBytes(message))
			}
		}
		if divided {
			flow.Reserved = stream.Assigned
			flow.Burst = classes[netip.AddrPortFrom(source[stream.Edge], stream.Port)].Burst
		}
		flows = append(flows, flow)
	}
	if fluid {
		return scheduler.Predict(network, flows)
	}
	return scheduler.PredictTCP(network, tcp, flows)
}

// classes are the slowest classes of streams on their ways, by where their packets come from; with none where no link is divided.
func (p *Plan) classes() map[netip.AddrPort]link.Class {
	slowest := map[netip.AddrPort]link.Class{}
	if p.Network == nil {
		return slowest
	}
	for _, l := range p.Network.Network.Links {
		for _, c := range l.Classes {
			from := netip.AddrPortFrom(c.Source, c.Port)
			if known, ok := slowest[from]; !ok || c.BytesPerSecond < known.BytesPerSecond {
				slowest[from] = c
			}
		}
	}
	return slowest
}

// addresses are those the edges send from, by name.
func (p *Plan) addresses() map[string]netip.Addr {
	source := map[string]netip.Addr{}
	if p.Network != nil {
		for _, n := range p.Network.Nodes {
			source[n.Name] = n.Peers[0].Local
		}
	}
	return source
}

// predict gives every stream the transfer latency to expect: the median of the model over the window.
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
