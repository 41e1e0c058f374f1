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
}

type fluidFrame struct {
	flow, n int
	// now is when the frame's last bit left the station it was at.
	now, ready float64
	// stored is the time it takes to store packets at hops before they are passed on, in all.
	stored float64
	// slowest is the lowest rate among the hops it has passed.
	slowest float64
}

// traffic is what flows from one hop to the next: frames, as indices into those of a fluid, and the changes of the rate of their bits.
type traffic struct {
	frames []int
	rates  []rateStep
}

// rateStep changes a rate, in bit/s.
type rateStep struct{ at, by float64 }

func newFluid(net Network, flows []Flow) *fluid {
	m := &fluid{net: net, flows: flows, at: make([][]int, len(net.Edges))}
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

// transfer passes the frames of every edge through its uplink and the trunks behind it: those of a flow with a part for itself alone, and
// all others together.
func (m *fluid) transfer() {
	into := make([]traffic, len(m.net.Trunks))
	feed := func(trunk int, t traffic) {
		if trunk >= 0 {
			into[trunk].frames = append(into[trunk].frames, t.frames...)
			into[trunk].rates = append(into[trunk].rates, t.rates...)
		}
	}
	own := make([][]int, len(m.flows))
	for i, edge := range m.net.Edges {
		way := newWay(edge.Delay)
		var shared []int
		for _, x := range m.inOrder(i) {
			frame := &m.frames[x]
			frame.now = way.pass(frame.now)
			if f := frame.flow; m.flows[f].Reserved > 0 {
				own[f] = append(own[f], x)
			} else {
				shared = append(shared, x)
			}
		}
		feed(edge.Uplink.Next, m.first(edge.Uplink.shared(), shared))
	}
	for f, flow := range m.flows {
		if flow.Reserved == 0 {
			continue
		}
		parts := flow.parts(m.net)
		t := m.first(parts[0], own[f])
		for _, s := range parts[1:] {
			t = m.next(s, t)
		}
	}
	for _, n := range m.net.trunkOrder() {
		feed(m.net.Trunks[n].Next, m.next(m.net.Trunks[n].shared(), into[n]))
	}
}

// first passes frames through a hop where each arrives all at once.
func (m *fluid) first(s server, frames []int) traffic {
	var out departures
	for _, x := range frames {
		frame := &m.frames[x]
		start := max(s.free, frame.now)
		wire := m.flows[frame.flow].wire(frame.n)
		frame.now = s.serve(frame.now, 8*float64(wire), 8*float64(lastPacket(wire, m.net.Packet)))
		frame.slowest = s.sending(frame.now)
		s.spans(start, s.free, out.busy)
	}
	return m.leaving(frames, out)
}

// leaving is the traffic of frames that leave a hop, as far as they ever do.
func (m *fluid) leaving(frames []int, out departures) traffic {
	t := traffic{rates: make([]rateStep, 0, 2*len(out))}
	for _, x := range frames {
		if !math.IsInf(m.frames[x].now, 1) {
			t.frames = append(t.frames, x)
		}
	}
	for _, d := range out {
		t.rates = append(t.rates, rateStep{d.from, d.rate}, rateStep{d.to, -d.rate})
	}
	return t
}

// store adds what a hop of a rate takes longer because it passes whole packets on, not bits. The hops before it let the frame's packets
// through at the rate of the slowest. One that is faster waits for the end of the last packet and then sends it, or, if that is a
// short one, may still be busy with the one before it; a slower one has nothing to send until it has the first packet.
//
// For hops that carry nothing else this gives, with packets of P bits, s/r of the slowest hop and P/r of every other one, which
// is exact for two hops and, where the last packet is a whole one, for any number.
func (m *fluid) store(frame *fluidFrame, rate float64) {
	wire, packet := m.flows[frame.flow].wire(frame.n), m.net.Packet
	last := 8 * float64(lastPacket(wire, packet))
	if last == 0 {
		return
	}
	first := 8 * float64(min(wire, packet))
	switch slowest := frame.slowest; {
	case rate < slowest:
		frame.stored += first / slowest
	case wire <= packet:
		frame.stored += last / rate
	default:
		frame.stored += last/rate + max(0, first/rate-last/slowest)
	}
	frame.slowest = min(frame.slowest, rate)
}

// next passes through a hop what flows into it. A bit that arrives at t finds the backlog of
// that moment before it, so a frame is through when that backlog is.
func (m *fluid) next(s server, t traffic) traffic {
	steps, frames := t.rates, t.frames
	for _, at := range s.changes() {
		steps = append(steps, rateStep{at: at})
	}
	slices.SortStableFunc(steps, func(a, b rateStep) int { return cmp.Compare(a.at, b.at) })
	slices.SortStableFunc(frames, func(a, b int) int { return cmp.Compare(m.frames[a].now, m.frames[b].now) })

	var out departures
	var now, in, backlog float64
	if len(steps) > 0 {
		now = steps[0].at
	}
	rate := s.rate.value(now)
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
	// leave lets the frames go whose last bit arrives up to t, both rates being constant until then.
	leave := func(t float64) {
		for ; next < len(frames) && m.frames[frames[next]].now <= t; next++ {
			frame := &m.frames[frames[next]]
			advance(max(now, frame.now))
			frame.now = max(s.up(frame.now), s.after(frame.now, backlog-s.burst))
			m.store(frame, s.sending(frame.now))
		}
	}
	for _, step := range steps {
		leave(step.at)
		advance(step.at)
		in += step.by
		rate = s.rate.value(now)
	}
	leave(math.Inf(1))
	if backlog > 0 {
		out.busy(now, now+backlog/rate, rate)
	}
	return m.leaving(frames, out)
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
