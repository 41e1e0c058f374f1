package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Live is a network that exists. Its methods may be called concurrently, but not during or after Close.
type Live struct {
	// mu guards held and net.Links, which change while the network stands; rates follow them.
	mu     sync.Mutex
	rates  atomic.Pointer[map[string]units.Rate]
	net    Network
	spaces map[string]*space
	made   []string // namespaces, in the order they were made

	command delayline.Command
	line    *delayline.Line // nil unless packets are delayed in user space
	held    bool            // no packet is delayed yet

	// shaping is what Counters reads.
	shaping []shaping
}

// Build makes a network. nodeNS gives the path of every node's network namespace ("/run/netns/…", "/proc/PID/ns/net"), which
// must be empty but for lo. Every namespace is journalled before it is made.
//
// On error nothing that Build made is left. Where the network asks for delay or loss and the kernel lacks what it is to be done
// with, the error wraps [features.ErrNotSupported] and nothing has been made at all.
func Build(ctx context.Context, network Network, nodeNS map[string]string, journal object.Journal, options ...Option) (*Live, error) {
	if err := supported(network); err != nil {
		return nil, err
	}
	network.Links = slices.Clone(network.Links) // these change, the caller's do not
	l := &Live{net: network, spaces: map[string]*space{}}
	for _, o := range options {
		o(l)
	}
	l.noteRates()
	if err := l.build(ctx, nodeNS, journal); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("build the network: %w", err), l.Close(cleanup))
	}
	return l, nil
}

func (l *Live) build(ctx context.Context, nodeNS map[string]string, journal object.Journal) error {
	for _, n := range l.net.Namespaces {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.open(n, nodeNS, journal); err != nil {
			return err
		}
	}
	// Settings come before devices, which inherit them.
	if err := l.each(ctx, (*space).writeSysctls); err != nil {
		return err
	}
	for i, p := range l.net.Pairs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.addPair(firstIndex+i, p); err != nil {
			return fmt.Errorf("%s/%s to %s/%s: %w", p.A.Namespace, p.A.Device, p.B.Namespace, p.B.Device, err)
		}
	}
	if err := l.startLine(ctx, journal); err != nil {
		return err
	}
	if err := l.each(ctx, (*space).learnDevices); err != nil {
		return err
	}
	if err := l.configure(ctx); err != nil {
		return err
	}
	if err := l.each(ctx, (*space).addRoutes); err != nil {
		return err
	}
	l.indexLinks()
	if err := l.each(ctx, func(s *space) error { return s.awaitCarriers(ctx) }); err != nil || l.held {
		return err
	}
	return l.Engage(ctx)
}

// open makes the namespace, or finds that of its node.
func (l *Live) open(n Namespace, nodeNS map[string]string, journal object.Journal) error {
	path := netns.Path(n.Name)
	if n.Node != "" {
		if path = nodeNS[n.Node]; path == "" {
			return fmt.Errorf("node %s has no network namespace", n.Node)
		}
	} else {
		if err := journal.Add(object.Object{Kind: object.NetNS, Name: n.Name}); err != nil {
			return fmt.Errorf("journal network namespace %s: %w", n.Name, err)
		}
		if err := netns.Make(n.Name); err != nil {
			return err
		}
		l.made = append(l.made, n.Name)
	}
	s, err := openSpace(n, path)
	if err != nil {
		return err
	}
	l.spaces[n.Name] = s
	return nil
}

// each does something in every namespace, in some at a time.
func (l *Live) each(ctx context.Context, do func(*space) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, n := range l.net.Namespaces {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(l.spaces[n.Name])
		})
	}
	return group.Wait()
}

const (
	// txQueueLen is what a device's default queues are made for; none of ours goes by it.
	txQueueLen = 1000

	// firstIndex keeps the two ends of a pair from having the same index, each in its namespace. To the kernel such a
	// device looks like one without a peer, and the carrier of those is looked at once a second only
	// (linkwatch_urgent_event): until then it drops everything.
	firstIndex = 1 << 20
)

func (l *Live) addPair(index int, p Pair) error {
	a, b := l.spaces[p.A.Namespace], l.spaces[p.B.Namespace]
	if a == nil || b == nil {
		return errors.New("the network does not list both namespaces")
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Index, attrs.Name, attrs.HardwareAddr, attrs.MTU, attrs.TxQLen = index, p.A.Device, p.A.MAC[:], int(shape.MTU), txQueueLen
	return a.handle.LinkAdd(&netlink.Veth{
		LinkAttrs:        attrs,
		PeerName:         p.B.Device,
		PeerHardwareAddr: p.B.MAC[:],
		PeerMTU:          uint32(shape.MTU),
		PeerTxQLen:       txQueueLen,
		PeerNamespace:    netlink.NsFd(b.file.Fd()),
	})
}

// configure gives every device its addresses and queues and brings it up. Queues come first, so that no packet ever
// passes unshaped.
func (l *Live) configure(ctx context.Context) error {
	ends := map[string][]End{}
	for _, p := range l.net.Pairs {
		for _, e := range []End{p.A, p.B} {
			ends[e.Namespace] = append(ends[e.Namespace], e)
		}
	}
	tuns := map[string][]Tun{}
	for _, t := range l.net.Tuns {
		tuns[t.Namespace] = append(tuns[t.Namespace], t)
	}
	shaped := map[string][]Link{}
	for _, k := range l.net.Links {
		shaped[k.At.Namespace] = append(shaped[k.At.Namespace], k)
	}
	return l.each(ctx, func(s *space) error {
		for _, k := range shaped[s.Name] {
			if err := s.addShaper(k); err != nil {
				return fmt.Errorf("%s: shape %s: %w", k.Name, k.At, err)
			}
		}
		for _, e := range ends[s.Name] {
			if err := s.bringUp(e); err != nil {
				return fmt.Errorf("%s/%s: %w", s.Name, e.Device, err)
			}
		}
		for _, t := range tuns[s.Name] {
			if err := s.bringUpTun(t); err != nil {
				return fmt.Errorf("%s: %w", t.Place, err)
			}
		}
		return s.handle.LinkSetUp(s.device("lo"))
	})
}

func (s *space) bringUp(e End) error {
	device := s.device(e.Device)
	for _, a := range e.Addresses {
		if err := s.handle.AddrAdd(device, &netlink.Addr{IPNet: hostNet(a)}); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	if e.GSOSegments > 0 {
		if err := s.handle.LinkSetGSOMaxSegs(device, e.GSOSegments); err != nil {
			return fmt.Errorf("gso_max_segs %d: %w", e.GSOSegments, err)
		}
	}
	if err := s.handle.LinkSetUp(device); err != nil {
		return fmt.Errorf("bring up: %w", err)
	}
	return nil
}

// awaitCarriers waits until all devices pass packets. A device whose peer came up after it drops them until the kernel has
// heard of the carrier, which takes milliseconds.
func (s *space) awaitCarriers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	for {
		links, err := s.handle.LinkList()
		if err != nil {
			return fmt.Errorf("%s: list devices: %w", s.Name, err)
		}
		waiting := slices.IndexFunc(links, func(l netlink.Link) bool {
			return slices.Contains([]string{"veth", "tuntap"}, l.Type()) && state(l.Attrs()) != "up"
		})
		if waiting < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s/%s does not come up: %w", s.Name, links[waiting].Attrs().Name, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// addRoutes adds the namespace's routes and the neighbours they lead to.
func (s *space) addRoutes() error {
	for _, r := range s.Routes {
		index := s.index[r.Device]
		if err := s.handle.RouteAdd(s.route(r)); err != nil {
			return fmt.Errorf("%s: route to %s through %s: %w", s.Name, r.To, r.Device, err)
		}
		if r.Via == (MAC{}) {
			continue
		}
		neighbour := &netlink.Neigh{LinkIndex: index, Family: unix.AF_INET, State: netlink.NUD_PERMANENT, IP: r.To.AsSlice(), HardwareAddr: r.Via[:]}
		if err := s.handle.NeighSet(neighbour); err != nil {
			return fmt.Errorf("%s: neighbour %s on %s: %w", s.Name, r.To, r.Device, err)
		}
	}
	return nil
}

func (s *space) route(r Route) *netlink.Route {
	route := &netlink.Route{LinkIndex: s.index[r.Device], Dst: hostNet(r.To), Scope: netlink.SCOPE_LINK, Congctl: s.Congestion}
	if r.Source.IsValid() {
		route.Src = r.Source.AsSlice()
	}
	if s.QuickACK {
		route.QuickACK = 1
	}
	if s.MinRTO > 0 && s.lacksMinRTO {
		route.RtoMin, route.RtoMinLock = int(s.MinRTO.Milliseconds()), true
	}
	return route
}

func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

// Close removes the network: every namespace that Build made, and with it the devices in it and their other ends in the
// nodes. It may be called again, and continues where it failed.
func (l *Live) Close(ctx context.Context) error {
	var errs []error
	if l.line != nil {
		errs = append(errs, l.line.Stop(ctx))
	}
	for name, s := range l.spaces {
		errs = append(errs, s.close())
		delete(l.spaces, name)
	}
	var left []string
	for _, name := range l.made {
		err := ctx.Err()
		if err == nil {
			err = netns.Remove(name)
		}
		if err != nil {
			errs = append(errs, err)
			left = append(left, name)
		}
	}
	l.made = left
	return errors.Join(errs...)
}
