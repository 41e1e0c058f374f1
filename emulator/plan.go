package emulator

import (
	"errors"
	"fmt"

	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// CloudName is the name of the node that runs the upper halves.
const CloudName = topologies.CloudName

// Plan is a testbed on paper: every object and parameter that follows from a topology. All of its times and rates are
// wall time.
type Plan struct {
	Run        string         `json:"run"`
	Dilation   units.Dilation `json:"dilation"`
	Congestion string         `json:"congestion"`
	// Delay says what delays packets, DelayNetem or DelayUserspace; empty where none is.
	Delay string `json:"delay,omitempty"`
	// Nodes are the edges in the topology's order, then the cloud.
	Nodes   []Node       `json:"nodes"`
	Network link.Network `json:"network"`
}

// Node is one machine of the testbed.
type Node struct {
	Name string `json:"name"`
	// Peers[n] is where this node and its n-th peer find each other: an edge has the cloud, the cloud every edge in the
	// topology's order.
	Peers []Peer `json:"peers"`
	// CPU is the node's budget; nil where it may use whatever the host has left.
	CPU *CPU `json:"cpu,omitempty"`
}

// Options are what a plan depends on besides the topology.
type Options struct {
	// Dilation is at least 1; 0 means 1.
	Dilation units.Dilation
	// FLOPSPerCore is what one core of this host computes in wall time.
	FLOPSPerCore units.FLOPS
	// Congestion is TCP's congestion control: "cubic", "reno", or "auto" (or empty) for cubic at dilation 1 and reno above: cubic's
	// growth goes by seconds and cannot be dilated.
	Congestion string
	// SmallestTransfer is the smallest payload, by link ("gw-a.uplink"), whose transfer time matters; it bounds the
	// burst. A trunk goes by the smallest of the edges below it. Links that are not named have no bound.
	SmallestTransfer map[string]units.Bytes
	// Links are those that are not, or no longer, as the topology says, by name ("gw-a.uplink").
	Links map[string]topologies.State
	// Slowest are the lowest rates that links will have in the run, by name, where these are not the topology's: the senders' packets
	// must be small enough for them.
	Slowest map[string]units.Rate
	// Sharing divides uplinks and trunks among tasks; the zero value leaves them whole.
	Sharing Sharing
	// Delay is what delays, loses, reorders and duplicates packets where a link asks for it; empty means DelayNetem.
	Delay string
	// Adjustable lists uplinks and downlinks that get a place for a delay although the topology asks for none, so that one can be
	// set while the network stands.
	Adjustable []string
	// Seed decides what is drawn in user space.
	Seed uint64
}

// What delays packets: the kernel's sch_netem, or a process of splitbed's own, for kernels without it.
const (
	DelayNetem     = "netem"
	DelayUserspace = "userspace"
)

// CPU is a node's budget on this host.
type CPU struct {
	Cores float64 `json:"cores"`
	shape.CPU
}

// NewPlan computes the testbed of a topology, which is expanded first. run is the run's id, part of the name of
// everything that is made.
//
// Errors name the edge, link or trunk and what is allowed; where dilation or this host is the reason, all are joined.
func NewPlan(run string, topo *topologies.Topology, opt Options) (*Plan, error) {
	if opt.Dilation == 0 {
		opt.Dilation = 1
	}
	congestion, err := congestionControl(opt)
	if err != nil {
		return nil, err
	}
	switch opt.Delay {
	case "":
		opt.Delay = DelayNetem
	case DelayNetem, DelayUserspace:
	default:
		return nil, fmt.Errorf("%q is no way to delay packets; use %s or %s", opt.Delay, DelayNetem, DelayUserspace)
	}
	if topo, err = topo.Expand(); err != nil {
		return nil, err
	}
	p := &Plan{Run: run, Dilation: opt.Dilation, Congestion: congestion}
	var errs []error
	if p.Nodes, err = nodes(topo, opt); err != nil {
		errs = append(errs, err)
	}
	if p.Network, err = network(run, topo, opt, congestion); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("topology %s: %w", topo.Name, err)
	}
	if len(p.Delayed()) > 0 {
		p.Delay = opt.Delay
	}
	return p, nil
}

// Relink computes the links of a plan that was made of this topology, which must be expanded, with other [Options.Links]. Errors are
// those of [NewPlan].
func (p *Plan) Relink(topo *topologies.Topology, opt Options) ([]link.Link, error) {
	net, err := network(p.Run, topo, opt, p.Congestion)
	return net.Links, err
}

func congestionControl(opt Options) (string, error) {
	if !(opt.Dilation >= 1) {
		return "", fmt.Errorf("a dilation of %v; it must be at least 1", opt.Dilation)
	}
	switch opt.Congestion {
	case "cubic", "reno":
		return opt.Congestion, nil
	case "", "auto":
		if opt.Dilation == 1 {
			return "cubic", nil
		}
		return "reno", nil
	default:
		return "", fmt.Errorf("congestion control %q is not known; use auto, cubic or reno", opt.Congestion)
	}
}

func nodes(topo *topologies.Topology, opt Options) ([]Node, error) {
	var errs []error
	plan := func(name string, compute units.FLOPS) Node {
		n := Node{Name: name}
		if compute == 0 {
			return n
		}
		cpu, err := newCPU(compute, opt)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: compute: %w", name, err))
		}
		n.CPU = cpu
		return n
	}
	var all []Node
	cloud := plan(CloudName, topo.Cloud.Compute)
	for i, e := range topo.Edges {
		n := plan(e.Name, e.Compute)
		n.Peers = []Peer{{Name: CloudName, Local: edgeAddress(i), Remote: cloudAddress(i)}}
		cloud.Peers = append(cloud.Peers, Peer{Name: e.Name, Local: cloudAddress(i), Remote: edgeAddress(i)})
		all = append(all, n)
	}
	return append(all, cloud), errors.Join(errs...)
}

func newCPU(compute units.FLOPS, opt Options) (*CPU, error) {
	if !(opt.FLOPSPerCore > 0) {
		return nil, fmt.Errorf("a budget of %v needs to know what a core of this host computes; calibrate it first", compute)
	}
	c, err := shape.NewCPU(float64(opt.Dilation.FLOPS(compute)) / float64(opt.FLOPSPerCore))
	if err != nil {
		return nil, err
	}
	return &CPU{Cores: c.Cores(), CPU: c}, nil
}

// Delayed lists the links whose packets are to be delayed, lost, reordered or duplicated.
func (p *Plan) Delayed() []string {
	var names []string
	for _, l := range p.Network.Links {
		if l.Delay != nil {
			names = append(names, l.Name)
		}
	}
	return names
}

// Link finds a link by name ("gw-a.uplink").
func (p *Plan) Link(name string) (link.Link, bool) {
	for _, l := range p.Network.Links {
		if l.Name == name {
			return l, true
		}
	}
	return link.Link{}, false
}
