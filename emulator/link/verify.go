package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	missing = "missing"
	down    = "down"
)

// Verify reads the network back from the kernel and compares it with the plan: settings, devices, addresses, routes,
// neighbours, and of every link the rate, burst, queue and delay. What differs is a [*MismatchError]; any other error says
// that reading failed.
func (l *Live) Verify(ctx context.Context) error {
	return l.verify(ctx, l.compare)
}

// VerifyLinks is Verify for the links alone: what [Live.Change] changes.
func (l *Live) VerifyLinks(ctx context.Context) error {
	return l.verify(ctx, l.compareLinks)
}

// verify holds back changes meanwhile: a link that becomes another between the reading and the comparison would differ.
func (l *Live) verify(ctx context.Context, compare func(*space, func(Difference)) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var mu sync.Mutex
	var found []Difference
	report := func(d Difference) {
		mu.Lock()
		defer mu.Unlock()
		found = append(found, d)
	}
	err := l.each(ctx, func(s *space) error { return compare(s, report) })
	if err != nil {
		return fmt.Errorf("read the network back: %w", err)
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Quantity, b.Quantity))
	})
	return &MismatchError{found}
}

func (l *Live) compare(s *space, report func(Difference)) error {
	return errors.Join(s.compareSysctls(report), l.compareDevices(s, report), s.compareRoutes(report), l.compareLinks(s, report))
}

func (l *Live) compareDevices(s *space, report func(Difference)) error {
	live, err := s.handle.LinkList()
	if err != nil {
		return fmt.Errorf("%s: list devices: %w", s.Name, err)
	}
	addresses, err := s.handle.AddrList(nil, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("%s: list addresses: %w", s.Name, err)
	}
	byName := map[string]*netlink.LinkAttrs{}
	for _, d := range live {
		byName[d.Attrs().Name] = d.Attrs()
	}
	for _, p := range l.net.Pairs {
		for _, e := range []End{p.A, p.B} {
			if e.Namespace == s.Name {
				compareDevice(e, byName[e.Device], addresses, report)
			}
		}
	}
	for _, t := range l.net.Tuns {
		if t.Namespace == s.Name {
			compareTun(t, byName[t.Device], report)
		}
	}
	return nil
}

func compareDevice(e End, live *netlink.LinkAttrs, addresses []netlink.Addr, report func(Difference)) {
	subject := Place{e.Namespace, e.Device}.String()
	if live == nil {
		report(Difference{subject, "device", "present", missing})
		return
	}
	differ(report, subject, "state", "up", state(live))
	differ(report, subject, "MTU", int(shape.MTU), live.MTU)
	if e.MAC != (MAC{}) {
		differ(report, subject, "MAC", e.MAC.String(), live.HardwareAddr.String())
	}
	if e.GSOSegments > 0 {
		differ(report, subject, "gso_max_segs", uint32(e.GSOSegments), live.GSOMaxSegs)
	}
	var planned, kernel []string
	for _, a := range e.Addresses {
		planned = append(planned, hostNet(a).String())
	}
	for _, a := range addresses {
		if a.LinkIndex == live.Index {
			kernel = append(kernel, a.IPNet.String())
		}
	}
	differ(report, subject, "addresses", fmt.Sprint(planned), fmt.Sprint(kernel))
}

// state is "up" for a device that passes packets: it is up, its peer too, and the kernel has put its queues to work, which it
// does a moment after the carrier has come.
func state(d *netlink.LinkAttrs) string {
	const all = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING
	if d.RawFlags&all == all {
		return "up"
	}
	return down
}

func (s *space) compareRoutes(report func(Difference)) error {
	routes, err := s.handle.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("%s: list routes: %w", s.Name, err)
	}
	neighbours, err := s.handle.NeighList(0, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("%s: list neighbours: %w", s.Name, err)
	}
	kernel := map[string]string{}
	for _, r := range routes {
		kernel["route to "+r.Dst.String()] = describeRoute(&r)
	}
	for _, n := range neighbours {
		if n.State == netlink.NUD_PERMANENT {
			kernel[neighbourKey(n.LinkIndex, n.IP)] = n.HardwareAddr.String()
		}
	}
	compare := func(subject, key, quantity, planned string) {
		if got, ok := kernel[key]; ok {
			differ(report, subject, quantity, planned, got)
		} else {
			report(Difference{subject, quantity, planned, missing})
		}
		delete(kernel, key)
	}
	for _, r := range s.Routes {
		planned := s.route(r)
		key := "route to " + planned.Dst.String()
		compare(s.Name, key, key, describeRoute(planned))
		if r.Via == (MAC{}) {
			continue
		}
		compare(s.Name, neighbourKey(s.index[r.Device], r.To.AsSlice()), "neighbour "+r.To.String()+" on "+r.Device, r.Via.String())
	}
	for key, got := range kernel {
		report(Difference{s.Name, key, "none", got})
	}
	return nil
}

func neighbourKey(index int, ip net.IP) string {
	return fmt.Sprintf("neighbour %s on device %d", ip, index)
}

func describeRoute(r *netlink.Route) string {
	source := "any"
	if r.Src != nil {
		source = r.Src.String()
	}
	return fmt.Sprintf("device %d from %s quickack %d rto_min %d ms congctl %q", r.LinkIndex, source, r.QuickACK, r.RtoMin, r.Congctl)
}

// queues are the qdiscs of one device.
type queues struct {
	root   string            // kind of the qdisc at the root
	limits map[uint32]string // bytes, of the bfifos, or "down", by their handles
	delay  string
}

func (l *Live) compareLinks(s *space, report func(Difference)) error {
	byDevice, err := s.readQueues()
	if err != nil {
		return err
	}
	for _, k := range l.net.Links {
		if k.At.Namespace == s.Name {
			if err := s.compareShaper(k, byDevice[s.index[k.At.Device]], report); err != nil {
				return err
			}
		}
		if k.Delay != nil && !k.inUserSpace() && !l.held && k.DelayAt.Namespace == s.Name {
			planned, err := wantNetem(*k.Delay)
			if err != nil {
				return err
			}
			got := missing
			if q, ok := byDevice[s.index[k.DelayAt.Device]]; ok {
				got = q.delay
			}
			differ(report, k.Name, "netem of "+k.DelayAt.String(), fmt.Sprintf("%+v", planned), got)
		}
	}
	return nil
}

func (s *space) readQueues() (map[int]queues, error) {
	byDevice := map[int]queues{}
	err := s.eachQdisc(func(q qdisc) error {
		d, known := byDevice[q.index]
		if !known {
			d = queues{root: missing, limits: map[uint32]string{}, delay: missing}
		}
		if q.parent == netlink.HANDLE_ROOT {
			d.root = q.kind
		}
		switch {
		case q.kind == "bfifo":
			limit, err := bfifoLimit(q.options)
			if err != nil {
				return err
			}
			d.limits[q.handle] = fmt.Sprint(int64(limit))
		case q.kind == "blackhole":
			d.limits[q.handle&^holeHandle] = down
		case q.kind == "netem" && q.parent == netlink.HANDLE_ROOT:
			n, err := parseNetem(q.options)
			if err != nil {
				return err
			}
			d.delay = fmt.Sprintf("%+v", n)
		}
		byDevice[q.index] = d
		return nil
	})
	return byDevice, err
}

// compareShaper compares the whole tree on the device that a link is shaped on.
func (s *space) compareShaper(k Link, got queues, report func(Difference)) error {
	root := got.root
	if root == "" {
		root = missing
	}
	differ(report, k.Name, "root qdisc of "+k.At.String(), "htb", root)
	classes, err := s.handle.ClassList(s.device(k.At.Device), 0)
	if err != nil {
		return fmt.Errorf("%s: list classes of %s: %w", k.Name, k.At, err)
	}
	kernel := map[uint32]*netlink.HtbClass{}
	for _, c := range classes {
		if htb, ok := c.(*netlink.HtbClass); ok {
			kernel[htb.Handle] = htb
		}
	}
	parts := k.parts()
	differ(report, k.Name, "number of HTB classes", len(parts), len(classes))
	for _, p := range parts {
		if p.queue != 0 {
			limit, ok := got.limits[p.queue]
			if !ok {
				limit = missing
			}
			planned := fmt.Sprint(int64(p.Limit))
			if k.Down {
				planned = down
			}
			differ(report, p.name, "bfifo limit (bytes)", planned, limit)
		}
		planned, is := s.class(k.At.Device, p), kernel[p.handle]
		if is == nil {
			report(Difference{p.name, fmt.Sprintf("HTB class 1:%x", p.handle&0xffff), "present", missing})
			continue
		}
		differ(report, p.name, "HTB rate (bytes/s)", planned.Rate, is.Rate)
		differ(report, p.name, "HTB ceil (bytes/s)", planned.Ceil, is.Ceil)
		differ(report, p.name, "HTB burst (ticks)", planned.Buffer, is.Buffer)
		differ(report, p.name, "HTB cburst (ticks)", planned.Cbuffer, is.Cbuffer)
		differ(report, p.name, "HTB quantum (bytes)", planned.Quantum, is.Quantum)
	}
	return s.compareFilters(k, report)
}
