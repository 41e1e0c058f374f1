package link

import (
	"net/netip"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
)

// Network is every namespace, device, route and queue of a run. It is plain data, in the order in which
// it is made.
type Network struct {
	Namespaces []Namespace `json:"namespaces"`
	Pairs      []Pair      `json:"pairs"`
	// Tuns are the devices of the delay line, where there is one.
	Tuns  []Tun  `json:"tuns,omitempty"`
	Links []Link `json:"links"`
	// Line is the name under which a delay line's process is journalled, and Seed decides what it draws.
	Line string `json:"line,omitempty"`
	Seed uint64 `json:"seed,omitempty"`
}

// Namespace is a network namespace and what is set in it. One with a Node belongs to a node and exists already; one
// without is made and removed with the network, under its Name.
type Namespace struct {
	Name    string   `json:"name"`
	Node    string   `json:"node,omitempty"`
	Sysctls []Sysctl `json:"sysctls"`
	// MinRTO is TCP's smallest retransmission timeout (wall): net.ipv4.tcp_rto_min_us, or on kernels without it
	// (before 6.11) a locked rto_min of every route. Zero leaves it alone.
	MinRTO time.Duration `json:"min_rto_ns,omitempty"`
	// Congestion is TCP's congestion control. It is a property of the routes, because a namespace's own default may
	// only be one that the host's administrator allows to everybody (tcp_allowed_congestion_control).
	Congestion string `json:"congestion,omitempty"`
	// QuickACK sends every acknowledgement at once: the delayed ones wait for timers that cannot be dilated.
	QuickACK bool    `json:"quickack,omitempty"`
	Routes   []Route `json:"routes"`
}

// Sysctl is a setting below /proc/sys; where an optional one does not exist it is left out.
type Sysctl struct {
	Key      string `json:"key"` // "net/ipv4/ip_forward"
	Value    string `json:"value"`
	Optional bool   `json:"optional,omitempty"`
}

// Pair is a veth with its two ends. A is in a namespace that Build makes.
type Pair struct {
	A End `json:"a"`
	B End `json:"b"`
}

// End is one device of a pair.
type End struct {
	Namespace string       `json:"namespace"`
	Device    string       `json:"device"`
	MAC       MAC          `json:"mac"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// GSOSegments is the device's gso_max_segs; 0 leaves its default.
	GSOSegments int `json:"gso_segments,omitempty"`
}

// Tun is a device whose other end is the delay line: packets sent through it wait there, and what the line lets go comes out of
// one in the next hop.
type Tun struct {
	Place
	// Queue is how many packets the device holds for the line; it drops what comes when it is full.
	Queue       int `json:"queue"`
	GSOSegments int `json:"gso_segments,omitempty"` // as of an End
}

// Route leads to one address through a device, with a permanent neighbour entry for the device behind it.
type Route struct {
	To     netip.Addr `json:"to"`
	Device string     `json:"device"`
	// Via is the hardware address of the next hop's device; none behind a Tun, which needs none.
	Via MAC `json:"via,omitzero"`
	// Source is the address to send from; invalid in a hop that only forwards.
	Source netip.Addr `json:"source,omitzero"`
}

// Link is one direction of an emulated link.
type Link struct {
	Name string `json:"name"` // "gw-a.uplink"
	// At is the hop's egress that is shaped.
	At     Place        `json:"at"`
	Egress shape.Egress `json:"egress"`
	// Classes are the parts of the link that somebody has reserved, each with a queue of its own. What belongs to none of them
	// goes into Rest, which is there when they are. Without classes the link is one FIFO.
	Classes []Class      `json:"classes,omitempty"`
	Rest    *shape.Class `json:"rest,omitempty"`
	// Down is set while the link loses all that comes to it.
	Down bool `json:"down,omitempty"`
	// Delay is what happens to packets before they reach At, nil where they are neither delayed nor lost. netem does it on
	// the sender's device, DelayAt. Where there is an Exit, the delay line does it: DelayAt and Exit are the devices on either
	// side of it.
	Delay   *shape.Delay `json:"delay,omitempty"`
	DelayAt Place        `json:"delay_at,omitzero"`
	Exit    Place        `json:"exit,omitzero"`
}

// inUserSpace tells whether a delay line delays the link's packets.
func (k Link) inUserSpace() bool { return k.Exit != Place{} }

// Class is a part of a link, for the TCP packets from one address that leave by either of two ports, Port and Port + 1.
type Class struct {
	Name   string     `json:"name"` // "gw-a.uplink/cam-1"
	Source netip.Addr `json:"source"`
	Port   uint16     `json:"port"` // even
	shape.Class
}

// Place is a device in a namespace.
type Place struct {
	Namespace string `json:"namespace"`
	Device    string `json:"device"`
}

func (p Place) String() string { return p.Namespace + "/" + p.Device }
