package scheduler

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// Network is what frames pass on their way to the cloud in [Predict].
type Network struct {
	Edges  []NetworkEdge
	Trunks []Hop
	// Packet is the size of a packet on the links, framing included. A hop passes a packet on when it has all of it, so that a frame is
	// later by about a packet at every hop after the first. 0 leaves that out.
	Packet units.Bytes
}

// NetworkEdge is an edge server: one compute worker and the uplink behind it.
type NetworkEdge struct {
	Compute units.FLOPS
	// Delay is how long what is sent is under way to the cloud beside the time in queues. It comes before the queue of the uplink, where
	// the emulation has it, too: what is sent meets rates that much later. Order is kept where it becomes shorter.
	Delay  Course[units.Virtual]
	Uplink Hop
}

// Hop is a link with one FIFO. Next is the index of the trunk it feeds, or -1 for the cloud.
type Hop struct {
	// Rate is 0 while the link is down: what is there waits, and nothing is lost.
	Rate Course[units.Rate]
	// Burst is the depth of the shaper's token bucket, which lets as much through at once after a pause; 0 is a link that has none. A packet
	// goes whole as soon as those before it no longer overdraw the bucket, so frames arrive earlier by the burst and their last packet.
	Burst units.Bytes
	Next  int
	// Reserved is what is set apart on the link for flows that have reserved a part of it, at most at one moment. While the link is slower
	// than that, each has a smaller part in proportion.
	Reserved units.Rate
}

// leastRest is the part of a link that flows without a reservation get when everything is reserved: what a divided link's rest
// may use while others are idle, see package shape.
const leastRest = 0.01

// rest is the rate for all flows that have reserved nothing, where the link has a rate.
func (h Hop) rest(rate units.Rate) float64 {
	return float64(max(rate-h.Reserved, leastRest*rate))
}

// shared serves all flows that have reserved nothing.
func (h Hop) shared() server { return newServer(newPieces(h.Rate, h.rest), h.Burst) }

// whole serves all flows, where they share all of the link.
func (h Hop) whole() server {
	return newServer(newPieces(h.Rate, func(rate units.Rate) float64 { return float64(rate) }), h.Burst)
}

// part serves a flow that has reserved a part of the link.
func (h Hop) part(reserved units.Rate, burst units.Bytes) server {
	return newServer(newPieces(h.Rate, func(rate units.Rate) float64 {
		return float64(reserved) * min(1, float64(rate/max(h.Reserved, reserved)))
	}), burst)
}

// Flow is the frames of one task at one edge.
type Flow struct {
	Edge int
	// Captures are the frames' capture times, ascending.
	Captures []units.Virtual
	// Operations is what layers 1..k take for a frame, in FLOP.
	Operations float64
	// Wire is a frame's bytes on the link, framing included.
	Wire units.Bytes
	// Wires are the frames' bytes where they differ, one for each of Captures; nil where they do not.
	Wires []units.Bytes
	// Reserved is the rate of a class of the flow's own on every link of its way; 0 is a place in the FIFO with the others.
	Reserved units.Rate
	// Burst is that of the class on the uplink, as [Hop] has one.
	Burst units.Bytes
}

// lastPacket is what is left of a frame after as many whole packets as possible that are not all of it; 0 where data are no packets.
func lastPacket(wire, packet units.Bytes) units.Bytes {
	if packet <= 0 || wire <= 0 {
		return 0
	}
	return wire - (wire-1)/packet*packet
}

// wire is the bytes of frame n.
func (f Flow) wire(n int) units.Bytes {
	if f.Wires != nil {
		return f.Wires[n]
	}
	return f.Wire
}

// parts are those of a flow that has reserved some, from its uplink to the cloud.
func (f Flow) parts(net Network) []server {
	hop := net.Edges[f.Edge].Uplink
	parts := []server{hop.part(f.Reserved, f.Burst)}
	for hop.Next >= 0 {
		hop = net.Trunks[hop.Next]
		parts = append(parts, hop.part(f.Reserved, 0))
	}
	return parts
}

// Predicted is what the fluid model says of a flow, one element a frame.
type Predicted struct {
	// Ready is when the frame's tensor is ready to send; Received when its last byte is in the cloud, or [Forever] when it never is, because
	// a link stays down.
	Ready, Received []units.Virtual
}

// Arrives tells whether frame n ever comes to the cloud.
func (p Predicted) Arrives(n int) bool { return p.Received[n] != Forever }

// Transfer is the transfer latency of frame n, which arrives: waiting to send counts.
func (p Predicted) Transfer(n int) units.Virtual { return p.Received[n] - p.Ready[n] }

// MedianTransfer is the figure a run reports as predicted: the median transfer latency of the frames
// captured in [from, to) that arrive. captures are the flow's. It is false when there is none.
func (p Predicted) MedianTransfer(captures []units.Virtual, from, to units.Virtual) (units.Virtual, bool) {
	var in []units.Virtual
	for n, at := range captures {
		if at >= from && at < to && p.Arrives(n) {
			in = append(in, p.Transfer(n))
		}
	}
	if len(in) == 0 {
		return 0, false
	}
	slices.Sort(in)
	return (in[(len(in)-1)/2] + in[len(in)/2]) / 2, true
}

// ErrNetwork is wrapped by the errors of [Predict].
var ErrNetwork = errors.New("bad network model")

// Predict computes when every frame is ready and received if data were a fluid: no acknowledgements, no loss, unlimited queues, and of
// packets only what it takes to store them at a hop before they are passed on.
//
//	capture ─▶ edge's worker ─ready─▶ uplink FIFO ─▶ trunk FIFO ─▶ … ─▶ cloud
//	           (FIFO, GFLOPS)         (all its flows)  (all its edges)
//
// A worker takes its edge's frames in the order of capture, one at a time; frames without operations (cut 0) do not pass
// it. A hop serves its bits in the order of arrival at its rate of the moment; bits flow on to the next hop as they leave, so
// a fast trunk behind a slow uplink adds nothing and an overloaded one its backlog. The way adds its delay. Ties go in
// the order of flows, then frames. The result is indexed as flows.
//
// A flow that has reserved a rate has a server of its own at that rate on every link, whatever the others do; those that have not
// share the FIFO of what is not reserved.
//
// A hop's burst is exact for frames that arrive at once, which is what a link's first hop sees; what it
// does to the shape of the traffic further on is neglected.
func Predict(net Network, flows []Flow) ([]Predicted, error) {
	if err := net.validate(flows); err != nil {
		return nil, err
	}
	m := newFluid(net, flows)
	m.compute()
	m.transfer()
	return m.predicted(), nil
}

func (net Network) validate(flows []Flow) error {
	if net.Packet < 0 {
		return fmt.Errorf("%w: a packet of %d bytes", ErrNetwork, net.Packet)
	}
	for i, e := range net.Edges {
		if !positive(float64(e.Compute)) {
			return fmt.Errorf("%w: edge %d: compute %v FLOP/s must be finite and above 0", ErrNetwork, i, float64(e.Compute))
		}
		if err := e.Delay.validate(delayed); err != nil {
			return fmt.Errorf("%w: edge %d: %w", ErrNetwork, i, err)
		}
		if err := e.Uplink.validate(len(net.Trunks)); err != nil {
			return fmt.Errorf("%w: uplink of edge %d: %w", ErrNetwork, i, err)
		}
	}
	for n, t := range net.Trunks {
		if err := t.validate(len(net.Trunks)); err != nil {
			return fmt.Errorf("%w: trunk %d: %w", ErrNetwork, n, err)
		}
	}
	if len(net.trunkOrder()) < len(net.Trunks) {
		return fmt.Errorf("%w: the trunks form a circle", ErrNetwork)
	}
	for n, f := range flows {
		if f.Edge < 0 || f.Edge >= len(net.Edges) {
			return fmt.Errorf("%w: flow %d: there is no edge %d", ErrNetwork, n, f.Edge)
		}
		if !(f.Operations >= 0) || math.IsInf(f.Operations, 1) || f.Wire < 0 {
			return fmt.Errorf("%w: flow %d: %v FLOP and %d bytes a frame must be finite and at least 0", ErrNetwork, n, f.Operations, f.Wire)
		}
		if f.Wires != nil && len(f.Wires) != len(f.Captures) || len(f.Wires) > 0 && slices.Min(f.Wires) < 0 {
			return fmt.Errorf("%w: flow %d: %d sizes for %d frames; there must be one for each, at least 0", ErrNetwork, n, len(f.Wires), len(f.Captures))
		}
		if f.Reserved != 0 && !positive(float64(f.Reserved)) {
			return fmt.Errorf("%w: flow %d: a reservation of %v bit/s must be finite and above 0", ErrNetwork, n, float64(f.Reserved))
		}
		if !slices.IsSorted(f.Captures) {
			return fmt.Errorf("%w: flow %d: its captures are not in ascending order", ErrNetwork, n)
		}
	}
	return nil
}

func delayed(d units.Virtual) error {
	if d < 0 {
		return fmt.Errorf("a delay of %v s must be at least 0", d.Seconds())
	}
	return nil
}

func (h Hop) validate(trunks int) error {
	if err := h.Rate.validate(func(r units.Rate) error {
		if !(r >= 0) || math.IsInf(float64(r), 1) {
			return fmt.Errorf("rate %v bit/s must be finite and at least 0", float64(r))
		}
		return nil
	}); err != nil {
		return err
	}
	if !positive(float64(h.Rate.First)) {
		return fmt.Errorf("rate %v bit/s must be above 0 at first", float64(h.Rate.First))
	}
	if h.Burst < 0 {
		return fmt.Errorf("burst %d B must be at least 0", h.Burst)
	}
	if !(h.Reserved >= 0) || math.IsInf(float64(h.Reserved), 1) {
		return fmt.Errorf("reserved %v bit/s must be finite and at least 0", float64(h.Reserved))
	}
	if h.Next < -1 || h.Next >= trunks {
		return fmt.Errorf("next %d is none of the %d trunks (-1 means the cloud)", h.Next, trunks)
	}
	return nil
}

// trunkOrder lists the trunks so that each comes after those that feed it; trunks of a circle are left out.
func (net Network) trunkOrder() []int {
	feeders := make([]int, len(net.Trunks))
	for _, t := range net.Trunks {
		if t.Next >= 0 {
			feeders[t.Next]++
		}
	}
	var order []int
	for n := range net.Trunks {
		if feeders[n] == 0 {
			order = append(order, n)
		}
	}
	for at := 0; at < len(order); at++ {
		if next := net.Trunks[order[at]].Next; next >= 0 {
			if feeders[next]--; feeders[next] == 0 {
				order = append(order, next)
			}
		}
	}
	return order
}
