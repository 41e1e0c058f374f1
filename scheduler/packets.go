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
	// Back is what an acknowledgement takes from the cloud to every edge; [Forever] while there is no way back.
	Back []Course[units.Virtual]
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
// acknowledged at once, acknowledgements never wait for each other, and nothing is lost, so that slow start does not end.
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
		if err := back.validate(delayed); err != nil {
			return fmt.Errorf("%w: edge %d: way back: %w", ErrNetwork, i, err)
		}
	}
	return nil
}

// packets is the state of a prediction by packets. Times are seconds.
type packets struct {
	net         Network
	flows       []Flow
	connections []connection
	// there are the ways of edges before their uplinks, back those of flows' acknowledgements.
	there, back []way
	// routes are the stations of every flow, from its uplink to the cloud.
	routes [][]*station
	events heap[event]
	frames []fluidFrame
}

// packet is one on its way: a part of a frame, the last one or not.
type packet struct {
	flow, frame int32
	// hop is the place on its route it is at.
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
	m := &packets{net: net, flows: flows, events: heap[event]{compare: compareEvents}}
	trunks := make([]*station, len(net.Trunks))
	for n, t := range net.Trunks {
		trunks[n] = newStation(t, tcp.Borrow)
	}
	shared := make([][]*station, len(net.Edges))
	for i, e := range net.Edges {
		m.there = append(m.there, newWay(e.Delay))
		shared[i] = []*station{newStation(e.Uplink, tcp.Borrow)}
		for n := e.Uplink.Next; n >= 0; n = net.Trunks[n].Next {
			shared[i] = append(shared[i], trunks[n])
		}
	}
	back := make([]way, len(net.Edges))
	for i := range back {
		back[i] = newWay(tcp.Back[i])
	}
	for _, flow := range flows {
		m.connections = append(m.connections, newConnection(tcp))
		m.back = append(m.back, back[flow.Edge])
		route := shared[flow.Edge]
		if flow.Reserved > 0 && !tcp.Borrow {
			route = nil
			for _, s := range flow.parts(net) {
				route = append(route, &station{server: s})
			}
		}
		m.routes = append(m.routes, route)
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
		f.now = math.Inf(1) // until its last packet is there
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
			m.pass(e.packet, e.at)
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
		m.pass(p, s.serve(now, p.bits, p.bits))
		return
	}
	s.join(p, float64(m.flows[p.flow].Reserved))
	m.serveByWeight(s, now)
}

// at is the station a packet is at.
func (m *packets) at(p packet) *station { return m.routes[p.flow][p.hop] }

// send sends what a flow's window allows. What is sent comes to the uplink in that order, so that a FIFO there can be asked at once.
func (m *packets) send(flow int, now float64) {
	way := &m.there[m.flows[flow].Edge]
	for _, p := range m.connections[flow].send(now) {
		p.sent = now
		at := way.pass(now)
		if at > now && m.at(p).byWeight {
			m.events.push(event{at, p, arrives})
		} else {
			m.arrive(p, at)
		}
	}
}

// pass lets a packet that leaves a station at a time go on to the next one, or to the cloud.
func (m *packets) pass(p packet, at float64) {
	p.hop++
	if int(p.hop) < len(m.routes[p.flow]) {
		m.events.push(event{at, p, arrives})
		return
	}
	if p.last {
		m.frames[p.frame].now = at
	}
	m.events.push(event{m.back[p.flow].pass(at), p, isAcknowledged})
}

// serveByWeight takes the packet whose turn it is, if the server is free.
func (m *packets) serveByWeight(s *station, now float64) {
	if s.busy {
		return
	}
	if s.waiting.len() == 0 {
		return
	}
	next := s.waiting.pop()
	s.busy, s.turn = true, next.tag
	m.events.push(event{s.serve(now, next.bits, next.bits), next.packet, departs})
}

// station is one hop, or a flow's part of it.
type station struct {
	server
	// Self-clocked fair queueing, where its flows share it by weight: a packet's tag is where its flow would be in a fluid that is
	// shared in proportion to the rates, and the least tag is next. rest is the rate of all that have reserved nothing; last are the
	// flows' last tags.
	byWeight, busy bool
	rest, turn     float64
	last           map[int32]float64
	waiting        heap[waiting]
}

type waiting struct {
	packet
	tag float64
}

// newStation is a hop as all see it.
func newStation(h Hop, borrow bool) *station {
	if !borrow || h.Reserved == 0 {
		return &station{server: h.shared()}
	}
	return &station{server: h.whole(), byWeight: true, rest: h.rest(h.Rate.First), last: map[int32]float64{},
		waiting: heap[waiting]{compare: func(a, b waiting) int { return cmp.Compare(a.tag, b.tag) }}}
}

// join puts a packet in line. Flows that have reserved nothing are one, with the rest's rate.
func (s *station) join(p packet, rate float64) {
	who := p.flow
	if rate == 0 {
		who, rate = -1, s.rest
	}
	tag := max(s.last[who], s.turn) + p.bits/rate
	s.last[who] = tag
	s.waiting.push(waiting{p, tag})
}
