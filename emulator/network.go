package emulator

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// InitialWindow is how many packets TCP sends before the first acknowledgement (TCP_INIT_CWND in the kernel).
const InitialWindow = 10

// MinRTO is TCP's smallest retransmission timeout (TCP_RTO_MIN in the kernel): virtual time, so that it is dilated
// like everything else.
const MinRTO = units.Virtual(200 * time.Millisecond)

// builder collects a network. Namespaces are made first, so that routes can be added to them by index.
type builder struct {
	run        string
	topo       *topologies.Topology // expanded
	path       [][]int              // the trunks on every edge's way, the nearest first
	opt        Options
	congestion string
	net        link.Network
	at         map[string]int // namespace → index
	reserved   map[string][]reservation
	errs       []error
}

func network(run string, t *topologies.Topology, opt Options, congestion string) (link.Network, error) {
	b := &builder{run: run, topo: t, opt: opt, congestion: congestion, at: map[string]int{}, reserved: map[string][]reservation{}}
	for i := range t.Edges {
		b.path = append(b.path, t.Path(i))
	}
	b.reserve()
	b.namespace(b.router(), "", forwarding())
	if len(t.Trunks) > 0 {
		b.namespace(b.core(), "", forwarding())
	}
	for j := range t.Trunks {
		b.namespace(b.trunk(j), "", forwarding())
	}
	window := b.window()
	for i := range t.Edges {
		b.namespace(t.Edges[i].Name, t.Edges[i].Name, endpoint(window))
	}
	b.namespace(CloudName, CloudName, endpoint(window))

	for j := range t.Trunks {
		b.addTrunk(j)
	}
	for i := range t.Edges {
		b.addEdge(i)
	}
	return b.net, errors.Join(b.errs...)
}

func (b *builder) router() string     { return b.object("_router") }
func (b *builder) core() string       { return b.object("_core") }
func (b *builder) trunk(j int) string { return b.object("_trunk-" + b.topo.Trunks[j].Name) }

// object is the name of something the run makes in the kernel.
func (b *builder) object(name string) string { return "sb-" + b.run + "-" + name }

// above is the namespace at the upper end of trunk j.
func (b *builder) above(j int) string {
	if p := b.topo.TrunkIndex(b.topo.Trunks[j].Trunk); p >= 0 {
		return b.trunk(p)
	}
	return b.core()
}

func (b *builder) namespace(name, node string, sysctls []link.Sysctl) {
	n := link.Namespace{Name: name, Node: node, Sysctls: sysctls}
	if node != "" {
		n.MinRTO, n.Congestion, n.QuickACK = b.opt.Dilation.Wall(MinRTO), b.congestion, true
	}
	b.at[name] = len(b.net.Namespaces)
	b.net.Namespaces = append(b.net.Namespaces, n)
}

// forwarding is set in the hops, quiet everywhere. Both are written before a device exists, so that devices inherit
// them.
func forwarding() []link.Sysctl {
	return append(quiet(), link.Sysctl{Key: "net/ipv4/ip_forward", Value: "1"})
}

// quiet keeps the kernel from dropping packets that return another way, and from sending any of its own.
func quiet() []link.Sysctl {
	return []link.Sysctl{
		{Key: "net/ipv4/conf/all/rp_filter", Value: "0"},
		{Key: "net/ipv4/conf/default/rp_filter", Value: "0"},
		{Key: "net/ipv6/conf/all/disable_ipv6", Value: "1", Optional: true},
		{Key: "net/ipv6/conf/default/disable_ipv6", Value: "1", Optional: true},
	}
}

// endpoint is what TCP is told in a node: nothing that the host's administrator has set shall matter, nothing shall be
// remembered between connections, and acknowledgements shall not wait for timers that do not dilate.
func endpoint(window units.Bytes) []link.Sysctl {
	const initial, least = "131072", "4096"
	max := strconv.FormatInt(int64(window), 10)
	return append(quiet(),
		link.Sysctl{Key: "net/ipv4/tcp_timestamps", Value: "1"},
		link.Sysctl{Key: "net/ipv4/tcp_sack", Value: "1"},
		link.Sysctl{Key: "net/ipv4/tcp_window_scaling", Value: "1"},
		link.Sysctl{Key: "net/ipv4/tcp_ecn", Value: "0"},
		link.Sysctl{Key: "net/ipv4/tcp_slow_start_after_idle", Value: "1"},
		link.Sysctl{Key: "net/ipv4/tcp_no_metrics_save", Value: "1"},
		link.Sysctl{Key: "net/ipv4/tcp_comp_sack_nr", Value: "0", Optional: true},
		link.Sysctl{Key: "net/ipv4/tcp_rmem", Value: least + "\t" + initial + "\t" + max},
		link.Sysctl{Key: "net/ipv4/tcp_wmem", Value: least + "\t" + initial + "\t" + max},
	)
}

// window is the largest TCP buffer a connection may grow to: four times what the longest path holds, so that a
// single flow fills it. The kernel counts its own overhead in, and doubles; its default is the least.
func (b *builder) window() units.Bytes {
	const kernelDefault = 6 << 20
	largest := 0.0
	for i := range b.topo.Edges {
		up, down := b.ways(i)
		var trip units.Virtual
		for _, l := range append(up, down...) {
			trip += l.Delay + 3*l.Jitter
		}
		for _, way := range [][]topologies.Link{up, down} {
			slowest, queue := way[0].Rate, 0.0
			for _, l := range way {
				slowest = min(slowest, l.Rate)
				queue += l.Queue.Seconds() * float64(l.Rate) / 8
			}
			largest = max(largest, float64(slowest)/8*trip.Seconds()+queue)
		}
	}
	return units.Bytes(min(max(4*largest, kernelDefault), 1<<30))
}

// ways are the links from edge i to the cloud and back, its own first.
func (b *builder) ways(i int) (up, down []topologies.Link) {
	e := b.topo.Edges[i]
	up, down = []topologies.Link{b.now(topologies.Uplink(e.Name), e.Uplink)}, []topologies.Link{b.now(topologies.Downlink(e.Name), *e.Downlink)}
	for _, j := range b.path[i] {
		t := b.topo.Trunks[j]
		up, down = append(up, b.now(topologies.Uplink(t.Name), t.Link)), append(down, b.now(topologies.Downlink(t.Name), t.Link))
	}
	return up, down
}

// now is a link as it is now.
func (b *builder) now(name string, planned topologies.Link) topologies.Link {
	if s, ok := b.opt.Links[name]; ok {
		return s.Link
	}
	return planned
}

// slowest are the links on a way from or to edge i as they are at their slowest.
func (b *builder) slowest(i int, way []topologies.Link, name func(string) string) []topologies.Link {
	names := []string{name(b.topo.Edges[i].Name)}
	for _, j := range b.path[i] {
		names = append(names, name(b.topo.Trunks[j].Name))
	}
	var all []topologies.Link
	for n, l := range way {
		if r, ok := b.opt.Slowest[names[n]]; ok && r < l.Rate {
			l = l.AtRate(r)
		}
		all = append(all, l)
	}
	return all
}

// addTrunk adds the pair of devices between a trunk and what is above it, and its two links.
func (b *builder) addTrunk(j int) {
	t := b.topo.Trunks[j]
	lower, upper := link.Place{Namespace: b.trunk(j), Device: trunkLower.device(j)}, link.Place{Namespace: b.above(j), Device: trunkUpper.device(j)}
	b.pair(link.End{Namespace: upper.Namespace, Device: upper.Device, MAC: trunkUpper.mac(j)},
		link.End{Namespace: lower.Namespace, Device: lower.Device, MAC: trunkLower.mac(j)})
	up, down := b.smallestBelow(j)
	b.link(topologies.Uplink(t.Name), lower, t.Link, up)
	b.link(topologies.Downlink(t.Name), upper, t.Link, down)
}

// smallestBelow is the smallest transfer, each way, of the edges whose way leads over trunk j.
func (b *builder) smallestBelow(j int) (up, down units.Bytes) {
	smaller := func(least *units.Bytes, link string) {
		if s := b.opt.SmallestTransfer[link]; s > 0 && (*least == 0 || s < *least) {
			*least = s
		}
	}
	for i, e := range b.topo.Edges {
		if slices.Contains(b.path[i], j) {
			smaller(&up, topologies.Uplink(e.Name))
			smaller(&down, topologies.Downlink(e.Name))
		}
	}
	return up, down
}

// addEdge adds the devices on edge i's way to the cloud, its two links, and the routes in every hop.
func (b *builder) addEdge(i int) {
	e := b.topo.Edges[i]
	d := b.opt.Dilation
	edge, cloud := edgeAddress(i), cloudAddress(i)
	up, down := b.ways(i)
	upSegments, downSegments := shape.GSOSegments(d, append(b.slowest(i, up, topologies.Uplink), b.reservedBy(e.Name)...)...), shape.GSOSegments(d, b.slowest(i, down, topologies.Downlink)...)

	b.pair(link.End{Namespace: b.router(), Device: edgeHop.device(i), MAC: edgeHop.mac(i)},
		link.End{Namespace: e.Name, Device: edgeEnd.device(i), MAC: edgeEnd.mac(i), Addresses: []netip.Addr{edge}, GSOSegments: upSegments})
	b.route(b.router(), edge, edgeHop.device(i), edgeEnd.mac(i), netip.Addr{})

	last, uplinkDevice := b.router(), cloudHop.device(i)
	if path := b.path[i]; len(path) > 0 {
		last, uplinkDevice = b.core(), trunkHop.device(i)
		b.addWay(i, path)
	}

	b.pair(link.End{Namespace: last, Device: cloudHop.device(i), MAC: cloudHop.mac(i)},
		link.End{Namespace: CloudName, Device: cloudEnd.device(i), MAC: cloudEnd.mac(i), Addresses: []netip.Addr{cloud}, GSOSegments: downSegments})
	b.route(last, cloud, cloudHop.device(i), cloudEnd.mac(i), netip.Addr{})

	name := topologies.Uplink(e.Name)
	b.link(name, link.Place{Namespace: b.router(), Device: uplinkDevice}, e.Uplink, b.opt.SmallestTransfer[name])
	out, via := b.delay(sender{link.Place{Namespace: e.Name, Device: edgeEnd.device(i)}, edgeHop.mac(i), b.router(), edgeMouth.device(i), upSegments}, up)
	b.route(e.Name, cloud, out, via, edge)
	name = topologies.Downlink(e.Name)
	b.link(name, link.Place{Namespace: b.router(), Device: edgeHop.device(i)}, *e.Downlink, b.opt.SmallestTransfer[name])
	out, via = b.delay(sender{link.Place{Namespace: CloudName, Device: cloudEnd.device(i)}, cloudHop.mac(i), last, cloudMouth.device(i), downSegments}, down)
	b.route(CloudName, edge, out, via, cloud)
}

// addWay adds what an edge behind trunks needs between the router and the core: a pair of devices into its first
// trunk, and routes both ways in every hop.
func (b *builder) addWay(i int, path []int) {
	edge, cloud := edgeAddress(i), cloudAddress(i)
	first := b.trunk(path[0])
	b.pair(link.End{Namespace: b.router(), Device: trunkHop.device(i), MAC: trunkHop.mac(i)},
		link.End{Namespace: first, Device: accessHop.device(i), MAC: accessHop.mac(i)})
	b.route(b.router(), cloud, trunkHop.device(i), accessHop.mac(i), netip.Addr{})
	b.route(first, edge, accessHop.device(i), trunkHop.mac(i), netip.Addr{})
	for _, j := range path {
		b.route(b.trunk(j), cloud, trunkLower.device(j), trunkUpper.mac(j), netip.Addr{})
		b.route(b.above(j), edge, trunkUpper.device(j), trunkLower.mac(j), netip.Addr{})
	}
}

func (b *builder) pair(a, z link.End) { b.net.Pairs = append(b.net.Pairs, link.Pair{A: a, B: z}) }

func (b *builder) route(namespace string, to netip.Addr, device string, via link.MAC, source netip.Addr) {
	n := &b.net.Namespaces[b.at[namespace]]
	n.Routes = append(n.Routes, link.Route{To: to, Device: device, Via: via, Source: source})
}

func (b *builder) link(name string, at link.Place, l topologies.Link, smallest units.Bytes) {
	l = b.now(name, l)
	egress, err := shape.NewEgress(l, b.opt.Dilation, smallest)
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("%s: %w", name, err))
	}
	k := link.Link{Name: name, At: at, Egress: egress, Down: b.opt.Links[name].Down}
	if err == nil {
		if err := b.divide(&k, l); err != nil {
			b.errs = append(b.errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	b.net.Links = append(b.net.Links, k)
}

// sender is where a node sends into a way: its own end of a pair, the device at the other end, the namespace that is in, and the
// device to send through instead where the way is delayed in user space.
type sender struct {
	at    link.Place
	via   link.MAC
	hop   string
	mouth string

	segments int // its gso_max_segs
}

// delay puts the delays of a way where its sender is, as part of the link added last, and returns what the sender's route
// leads through. Links whose rate or queue is wrong have been reported, and are not reported again.
func (b *builder) delay(s sender, way []topologies.Link) (device string, via link.MAC) {
	device, via = s.at.Device, s.via
	if len(b.errs) > 0 {
		return device, via
	}
	l := &b.net.Links[len(b.net.Links)-1]
	delay, queue, err := b.passage(l.Name, way)
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("%s: %w", l.Name, err))
		return device, via
	}
	if delay == nil {
		return device, via
	}
	l.Delay, l.DelayAt = delay, s.at
	if b.opt.Delay != DelayUserspace {
		return device, via
	}
	l.DelayAt.Device, l.Exit = s.mouth, link.Place{Namespace: s.hop, Device: lineExit.device(0)}
	b.tun(link.Tun{Place: l.DelayAt, Queue: queue, GSOSegments: s.segments})
	b.tun(link.Tun{Place: l.Exit, Queue: tunQueue(0)})
	b.net.Line, b.net.Seed = b.object("_line"), b.opt.Seed
	return s.mouth, link.MAC{}
}

// passage is what delays the packets of a way, and the queue in front of it; nil where nothing does.
func (b *builder) passage(name string, way []topologies.Link) (*shape.Delay, int, error) {
	delay, err := shape.NewDelay(b.opt.Dilation, way...)
	switch {
	case err != nil:
		return nil, 0, err
	case delay != nil:
		return delay, tunQueue(delay.Limit), nil
	case slices.Contains(b.opt.Adjustable, name):
		passage, err := shape.NewPassage(b.opt.Dilation, way...)
		return &passage, tunQueue(math.MaxUint32), err // for whatever is set later
	}
	return nil, 0, nil
}

// DelayedLinks tells of each uplink and downlink of an expanded topology's edges whether its packets are delayed, lost, reordered or
// duplicated, or may be while the network stands. It is the same at every dilation.
func DelayedLinks(t *topologies.Topology, opt Options) (map[string]bool, error) {
	opt.Dilation = 1
	b := &builder{topo: t, opt: opt}
	delayed := map[string]bool{}
	for i, e := range t.Edges {
		b.path = append(b.path, t.Path(i))
		up, down := b.ways(i)
		for name, way := range map[string][]topologies.Link{topologies.Uplink(e.Name): up, topologies.Downlink(e.Name): down} {
			delay, _, err := b.passage(name, way)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			delayed[name] = delay != nil
		}
	}
	return delayed, nil
}

// tunQueue is the queue of a device in front of the delay line. It has room for all that may be under way, so that nothing is lost
// when the line comes late, within bounds: an entry takes eight bytes of kernel memory, and Linux 6.1 refuses 32768 entries (ERANGE);
// later kernels allow 131072.
func tunQueue(limit uint32) int { return int(min(max(limit, 1000), 1<<14)) }

// tun adds a device that is not there yet.
func (b *builder) tun(t link.Tun) {
	if !slices.ContainsFunc(b.net.Tuns, func(o link.Tun) bool { return o.Place == t.Place }) {
		b.net.Tuns = append(b.net.Tuns, t)
	}
}
