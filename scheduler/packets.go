package scheduler

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// TCP is how frames travel in [PredictTCP].
type TCP struct {
	// InitialWindow is how many packets may be sent before the first acknowledgement, and again after a pause.
	InitialWindow int
	// MinRTO is the least variation a retransmission timeout allows for beside the round trip. A pause longer than the timeout
	// closes the window again.
	MinRTO units.Virtual
	// Back is what an acknowledgement takes from the cloud to every edge.
	Back []units.Virtual
	// Borrow lets all flows of a divided hop use what others leave idle, in proportion to their rates.
	Borrow bool
}

// PredictTCP is [Predict] with packets instead of a fluid and a connection for every flow, whose window bounds what is under way:
//
//	frame ready ─▶ connection ─window─▶ uplink ─▶ trunk ─▶ … ─▶ cloud
//	                   ▲                                          │
//	                   └────────────── acknowledgements ──────────┘
//
// A window begins with [TCP.InitialWindow] packets and grows by one with every packet that is acknowledged while the window, and not
// the flow, is what bounds it: it doubles in a round trip. After a pause it is halved for every timeout that
// has passed, as Linux does it (tcp_cwnd_restart, tcp_cwnd_validate and tcp_rtt_estimator in net/ipv4). Every packet is
// acknowledged at once, acknowledgements never wait, and nothing is lost, so that slow start does not end.
//
// [Network.Packet] must be given.
func PredictTCP(net Network, tcp TCP, flows []Flow) ([]Predicted, error) {
	if err := net.validate(flows); err != nil {
		return nil, err
	}
	if err := tcp.validate(net); err != nil {
		return nil, err
	}
	fluid := newFluid(net, flows)
	fluid.compute()
	m := newPackets(net, tcp, flows)
	m.run(fluid.frames)
	return fluid.predicted(), nil
}

func (t TCP) validate(net Network) error {
	switch {
	case net.Packet <= 0:
		return fmt.Errorf("%w: packets of %d bytes; TCP needs a size", ErrNetwork, net.Packet)
	case t.InitialWindow < 1 || t.MinRTO <= 0:
		return fmt.Errorf("%w: an initial window of %d packets and a timeout of %v; both must be positive", ErrNetwork, t.InitialWindow, t.MinRTO)
	case len(t.Back) != len(net.Edges):
		return fmt.Errorf("%w: %d ways back for %d edges", ErrNetwork, len(t.Back), len(net.Edges))
	}
	for i, back := range t.Back {
		if back < 0 {
			return fmt.Errorf("%w: edge %d: a way back of %v", ErrNetwork, i, back)
		}
	}
	return nil
}

// packets is the state of a prediction by packets. Times are seconds.
type packets struct {
	net         Network
	tcp         TCP
	flows       []Flow
	connections []connection
	// shared are the hops as all see them, uplinks and then trunks; own those of flows that have a part for themselves, by flow.
	shared []server
	own    [][]server
	events heap[event]
	frames []fluidFrame
}

// packet is one on its way: a part of a frame, the last one or not.
type packet struct {
	flow, frame int32
	// hop is the one it is at.
	hop  int32
	last bool
	bits float64
	sent float64
}

type event struct {
	at float64
	packet
	kind kind
}

// kind tells what happens. Of what happens in one moment, acknowledgements come last, as they are of what was sent before.
type kind uint8

const (
	arrives kind = iota // a packet, at its hop
	departs             // a packet, from its hop, where the next has to be chosen then
	isAcknowledged
)

func compareEvents(a, b event) int {
	switch {
	case a.at < b.at:
		return -1
	case a.at > b.at:
		return 1
	}
	return int(a.kind) - int(b.kind)
}

func newPackets(net Network, tcp TCP, flows []Flow) *packets {
	m := &packets{net: net, tcp: tcp, flows: flows, own: make([][]server, len(flows)), events: heap[event]{compare: compareEvents}}
	for _, e := range net.Edges {
		m.shared = append(m.shared, newServer(e.Uplink, len(net.Edges)))
	}
	for _, t := range net.Trunks {
		m.shared = append(m.shared, newServer(t, len(net.Edges)))
	}
	for f, flow := range flows {
		m.connections = append(m.connections, newConnection(tcp))
		if flow.Reserved == 0 || tcp.Borrow {
			continue
		}
		for _, s := range m.shared {
			s.rate, s.burst = float64(flow.Reserved), 0
			m.own[f] = append(m.own[f], s)
		}
		m.own[f][flow.Edge].burst = 8 * float64(flow.Burst)
	}
	for n := range m.shared {
		if s := &m.shared[n]; tcp.Borrow {
			s.byWeight = s.reserved > 0
		} else {
			s.rate = s.rest
		}
	}
	return m
}

// run lets everything happen, and notes when each frame's last packet is in the cloud.
func (m *packets) run(frames []fluidFrame) {
	m.frames = frames
	order := make([]int, len(frames))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(frames[a].ready, frames[b].ready) })
	for _, n := range order {
		f := &frames[n]
		m.happen(f.ready)
		m.connections[f.flow].add(packet{flow: int32(f.flow), frame: int32(n)}, m.flows[f.flow].wire(f.n), m.net.Packet)
		m.send(f.flow, f.ready)
	}
	m.happen(math.Inf(1))
}

// happen lets happen what does before a time.
func (m *packets) happen(until float64) {
	for m.events.len() > 0 && m.events.least().at < until {
		e := m.events.pop()
		switch e.kind {
		case arrives:
			m.arrive(e.packet, e.at)
		case departs:
			s := m.at(e.packet)
			s.busy = false
			m.pass(s, e.packet, e.at)
			m.serveByWeight(s, e.at)
		case isAcknowledged:
			m.connections[e.flow].acknowledge(e.at - e.sent)
			m.send(int(e.flow), e.at)
		}
	}
}

// arrive puts a packet in line at its hop.
func (m *packets) arrive(p packet, now float64) {
	s := m.at(p)
	if !s.byWeight {
		m.pass(s, p, s.serve(now, p.bits))
		return
	}
	s.join(p, float64(m.flows[p.flow].Reserved))
	m.serveByWeight(s, now)
}

// at is the server of the hop a packet is at.
func (m *packets) at(p packet) *server {
	if own := m.own[p.flow]; own != nil {
		return &own[p.hop]
	}
	return &m.shared[p.hop]
}

// send sends what a flow's window allows.
func (m *packets) send(flow int, now float64) {
	for _, p := range m.connections[flow].send(now) {
		p.sent, p.hop = now, int32(m.flows[flow].Edge)
		m.arrive(p, now)
	}
}

// pass lets a packet that leaves a server at a time go on to the next hop, or to the cloud.
func (m *packets) pass(s *server, p packet, at float64) {
	at += s.delay
	if s.next >= 0 {
		p.hop = int32(s.next)
		m.events.push(event{at, p, arrives})
		return
	}
	if p.last {
		m.frames[p.frame].now = at
	}
	m.events.push(event{at + m.tcp.Back[m.flows[p.flow].Edge].Seconds(), p, isAcknowledged})
}

// serveByWeight takes the packet whose turn it is, if the server is free.
func (m *packets) serveByWeight(s *server, now float64) {
	if s.busy {
		return
	}
	if s.waiting.len() == 0 {
		return
	}
	next := s.waiting.pop()
	s.busy, s.turn = true, next.tag
	m.events.push(event{s.serve(now, next.bits), next.packet, departs})
}

// server is one hop, or a flow's part of it. Rates are bits/s.
type server struct {
	rate, rest, reserved, delay, burst float64
	// next is the index of the hop behind it; −1 is the cloud.
	next int
	// free is when it will have sent all it has taken, its burst aside.
	free float64
	// Self-clocked fair queueing, where its flows share it by weight: a packet's tag is where its flow would be in a fluid that is
	// shared in proportion to the rates, and the least tag is next. last are the flows' last tags.
	byWeight, busy bool
	turn           float64
	last           map[int32]float64
	waiting        heap[waiting]
}

type waiting struct {
	packet
	tag float64
}

func newServer(h Hop, edges int) server {
	s := server{rate: float64(h.Rate), rest: float64(h.rest()), reserved: float64(h.Reserved), delay: h.Delay.Seconds(), burst: 8 * float64(h.Burst),
		next: h.Next, free: math.Inf(-1), last: map[int32]float64{},
		waiting: heap[waiting]{compare: func(a, b waiting) int { return cmp.Compare(a.tag, b.tag) }}}
	if h.Next >= 0 {
		s.next = edges + h.Next
	}
	return s
}

// serve takes a packet and tells when it leaves: when all of it is sent, or, from a bucket, when those before it do not overdraw it.
func (s *server) serve(now, bits float64) float64 {
	start := max(s.free, now)
	s.free = start + bits/s.rate
	if s.burst == 0 {
		return s.free
	}
	return max(now, start-s.burst/s.rate)
}

// join puts a packet in line. Flows that have reserved nothing are one, with the rest's rate.
func (s *server) join(p packet, rate float64) {
	who := p.flow
	if rate == 0 {
		who, rate = -1, s.rest
	}
	tag := max(s.last[who], s.turn) + p.bits/rate
	s.last[who] = tag
	s.waiting.push(waiting{p, tag})
}
