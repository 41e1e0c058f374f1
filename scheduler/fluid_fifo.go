package scheduler

import (
	"cmp"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// fluid is the state of a prediction. Times are seconds.
type fluid struct {
	net    Network
	flows  []Flow
	frames []fluidFrame
	// at[i] are the frames of edge i (indices into frames), in the order they reach its next station.
	at [][]int
	// into[n] is the traffic that flows into trunk n, from every hop that feeds it.
	into [][]rateStep
	// through[n] are the frames that pass trunk n.
	through [][]int
	// free[f] is when the class of a flow that has one will have sent all it has.
	free []float64
}

type fluidFrame struct {
	flow, n int
	// now is when the frame's last bit left the station it was at.
	now, ready float64
	// stored is the time it takes to store packets at hops before they are passed on, in all.
	stored float64
	// slowest is the lowest rate among the hops it has passed.
	slowest units.Rate
}

// rateStep changes the rate of the traffic that flows into a trunk, in bit/s.
type rateStep struct{ at, by float64 }

func newFluid(net Network, flows []Flow) *fluid {
	m := &fluid{net: net, flows: flows,
		at:      make([][]int, len(net.Edges)),
		into:    make([][]rateStep, len(net.Trunks)),
		through: make([][]int, len(net.Trunks)),
		free:    slices.Repeat([]float64{math.Inf(-1)}, len(flows)),
	}
	for f, flow := range flows {
		for n, captured := range flow.Captures {
			m.at[flow.Edge] = append(m.at[flow.Edge], len(m.frames))
			m.frames = append(m.frames, fluidFrame{flow: f, n: n, now: captured.Seconds()})
		}
	}
	return m
}

// inOrder sorts an edge's frames by the time they arrive at the next station.
func (m *fluid) inOrder(edge int) []int {
	slices.SortStableFunc(m.at[edge], func(a, b int) int { return cmp.Compare(m.frames[a].now, m.frames[b].now) })
	return m.at[edge]
}

// compute passes the frames of every edge through its worker.
func (m *fluid) compute() {
	for i, edge := range m.net.Edges {
		free := math.Inf(-1)
		for _, x := range m.inOrder(i) {
			frame := &m.frames[x]
			if ops := m.flows[frame.flow].Operations; ops > 0 {
				free = max(free, frame.now) + ops/float64(edge.Compute)
				frame.now = free
			}
			frame.ready = frame.now
		}
	}
}

// uplinks passes the frames of every edge through its uplink, where they arrive all at once.
func (m *fluid) uplinks() {
	for i, edge := range m.net.Edges {
		hop := edge.Uplink
		hop.Rate = hop.rest()
		var out departures
		free := math.Inf(-1) // when the uplink will have sent all it has
		for _, x := range m.inOrder(i) {
			frame := &m.frames[x]
			if m.flows[frame.flow].Reserved > 0 {
				m.reserved(frame, edge.Uplink)
				continue
			}
			wire := m.flows[frame.flow].wire(frame.n)
			start := max(free, frame.now)
			free = start + 8*float64(wire)/float64(hop.Rate)
			out.busy(start, free, float64(hop.Rate))
			frame.slowest = hop.Rate
			frame.now = max(frame.now, free-early(hop.Burst, wire, m.net.Packet)/float64(hop.Rate)) + hop.Delay.Seconds()
			if hop.Next >= 0 {
				m.through[hop.Next] = append(m.through[hop.Next], x)
			}
		}
		m.feed(hop, out)
	}
}

// reserved passes a frame through the classes of its flow, all of one rate, from the uplink on.
func (m *fluid) reserved(frame *fluidFrame, hop Hop) {
	flow := m.flows[frame.flow]
	start := max(m.free[frame.flow], frame.now)
	wire := flow.wire(frame.n)
	free := start + 8*float64(wire)/float64(flow.Reserved)
	m.free[frame.flow] = free
	frame.now = max(frame.now, free-early(flow.Burst, wire, m.net.Packet)/float64(flow.Reserved)) + hop.Delay.Seconds()
	frame.slowest = flow.Reserved
	for n := hop.Next; n >= 0; n = m.net.Trunks[n].Next {
		m.store(frame, flow.Reserved)
		frame.now += m.net.Trunks[n].Delay.Seconds()
	}
}

// store adds what a hop of a rate takes longer because it passes whole packets on, not bits. The hops before it let the frame's packets
// through at the rate of the slowest. One that is faster waits for the end of the last packet and then sends it, or, if that is a
// short one, may still be busy with the one before it; a slower one has nothing to send until it has the first packet.
//
// For hops that carry nothing else this gives, with packets of P bits, s/r of the slowest hop and P/r of every other one, which
// is exact for two hops and, where the last packet is a whole one, for any number.
func (m *fluid) store(frame *fluidFrame, rate units.Rate) {
	wire, packet := m.flows[frame.flow].wire(frame.n), m.net.Packet
	if lastPacket(wire, packet) == 0 {
		return
	}
	last := 8 * float64(lastPacket(wire, packet))
	first := 8 * float64(min(wire, packet))
	r, slowest := float64(rate), float64(frame.slowest)
	switch {
	case r < slowest:
		frame.stored += first / slowest
	case wire <= packet:
		frame.stored += last / r
	default:
		frame.stored += last/r + max(0, first/r-last/slowest)
	}
	frame.slowest = min(frame.slowest, rate)
}

// trunk passes what flows into trunk n through it. A bit that arrives at t finds the backlog of
// that moment before it, so a frame is through when that backlog is.
func (m *fluid) trunk(n int) {
	hop := m.net.Trunks[n]
	hop.Rate = hop.rest()
	rate := float64(hop.Rate)
	steps := m.into[n]
	slices.SortStableFunc(steps, func(a, b rateStep) int { return cmp.Compare(a.at, b.at) })
	frames := m.through[n]
	slices.SortStableFunc(frames, func(a, b int) int { return cmp.Compare(m.frames[a].now, m.frames[b].now) })

	var out departures
	var now, in, backlog float64
	advance := func(to float64) {
		if backlog > 0 && in < rate {
			if empty := now + backlog/(rate-in); empty < to {
				out.busy(now, empty, rate)
				now, backlog = empty, 0
			}
		}
		if backlog > 0 || in > rate {
			out.busy(now, to, rate)
			backlog = max(0, backlog+(in-rate)*(to-now))
		} else {
			out.busy(now, to, in)
		}
		now = to
	}
	next := 0
	// leave lets the frames go whose last bit arrives up to t, the rate being constant until then.
	leave := func(t float64) {
		for ; next < len(frames) && m.frames[frames[next]].now <= t; next++ {
			frame := &m.frames[frames[next]]
			advance(max(now, frame.now))
			wait := max(0, backlog-8*float64(hop.Burst)) / rate
			frame.now += wait + hop.Delay.Seconds()
			m.store(frame, hop.Rate)
		}
	}
	if len(steps) > 0 {
		now = steps[0].at
	}
	for _, s := range steps {
		leave(s.at)
		advance(s.at)
		in += s.by
	}
	leave(math.Inf(1))
	if backlog > 0 {
		out.busy(now, now+backlog/rate, rate)
	}

	if hop.Next >= 0 {
		m.through[hop.Next] = append(m.through[hop.Next], frames...)
	}
	m.feed(hop, out)
}

// feed sends what left a hop on to the trunk behind it.
func (m *fluid) feed(hop Hop, out departures) {
	if hop.Next < 0 {
		return
	}
	delay := hop.Delay.Seconds()
	for _, d := range out {
		m.into[hop.Next] = append(m.into[hop.Next], rateStep{d.from + delay, d.rate}, rateStep{d.to + delay, -d.rate})
	}
}

// departures is what leaves a hop: spans of constant rate, in order, without overlap.
type departures []departure

type departure struct{ from, to, rate float64 }

func (d *departures) busy(from, to, rate float64) {
	if to <= from || rate <= 0 {
		return
	}
	if n := len(*d); n > 0 && (*d)[n-1].to == from && (*d)[n-1].rate == rate {
		(*d)[n-1].to = to
		return
	}
	*d = append(*d, departure{from, to, rate})
}

func (m *fluid) predicted() []Predicted {
	out := make([]Predicted, len(m.flows))
	for f, flow := range m.flows {
		out[f] = Predicted{
			Ready:    make([]units.Virtual, len(flow.Captures)),
			Received: make([]units.Virtual, len(flow.Captures)),
		}
	}
	for _, frame := range m.frames {
		out[frame.flow].Ready[frame.n] = virtual(frame.ready)
		out[frame.flow].Received[frame.n] = virtual(frame.now + frame.stored)
	}
	return out
}

// virtual is a time in seconds as a span, held at the longest one where it does not fit.
func virtual(s float64) units.Virtual {
	ns := math.Round(s * 1e9)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return units.Virtual(ns)
}
