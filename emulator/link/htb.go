package link

import (
	"errors"
	"fmt"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/vishvananda/netlink"
)

// The tree on a shaped device, of a link that is one FIFO:
//
//	1: htb, default 1 ── 1:1 rate, ceil, burst ── 10: bfifo limit
//
// and of one that is divided among classes, numbered in hexadecimal:
//
//	1: htb, default 2 ── 1:1 rate of the link ─┬─ 1:2  the rest        ── 10: bfifo
//	                                           ├─ 1:11 the first class ── 11: bfifo
//	u32: source address and port → class       └─ 1:12 the second      ── 12: bfifo …
const (
	rootHandle  = 1 << 16
	classHandle = rootHandle | 1
	restHandle  = rootHandle | 2
	queueHandle = 0x10 << 16

	firstClass = 0x11
	// maxClasses is what 16-bit handles leave room for; the kernel gives out those above 8000: itself.
	maxClasses = 0x7000
)

// part is a class of a shaped device: a leaf with a queue or, with queue 0, the inner one above them.
type part struct {
	shape.Class
	name                 string
	handle, above, queue uint32
}

// parts are the classes of the device a link is shaped on, those above before those below.
func (k Link) parts() []part {
	whole := part{Class: shape.Whole(k.Egress), name: k.Name, handle: classHandle, above: rootHandle, queue: queueHandle}
	if k.Rest == nil {
		return []part{whole}
	}
	whole.queue = 0
	all := []part{whole, {Class: *k.Rest, name: k.RestName(), handle: restHandle, above: classHandle, queue: queueHandle}}
	for n, c := range k.Classes {
		handle := classOf(n)
		all = append(all, part{Class: c.Class, name: c.Name, handle: handle, above: classHandle, queue: handle << 16})
	}
	return all
}

// RestName is the subject of what nobody has reserved; no task has this name.
func (k Link) RestName() string { return k.Name + "/(rest)" }

// addShaper shapes the egress a link is on.
func (s *space) addShaper(k Link) error {
	if len(k.Classes) > maxClasses {
		return fmt.Errorf("%d tasks have reserved a part of this link; the kernel tells apart at most %d", len(k.Classes), maxClasses)
	}
	parts := k.parts()
	root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: s.index[k.At.Device], Handle: rootHandle, Parent: netlink.HANDLE_ROOT})
	root.Defcls = classHandle & 0xffff
	if len(parts) > 1 {
		root.Defcls = restHandle & 0xffff
	}
	if err := s.handle.QdiscAdd(root); err != nil {
		return fmt.Errorf("htb: %w", err)
	}
	for _, p := range parts {
		if err := s.handle.ClassAdd(s.class(k.At.Device, p)); err != nil {
			return fmt.Errorf("htb class of %s: %w", p.name, err)
		}
		if p.queue == 0 {
			continue
		}
		if err := s.addBFIFO(k.At.Device, p.handle, p.queue, p.Limit); err != nil {
			return fmt.Errorf("bfifo of %s: %w", p.name, err)
		}
	}
	return s.addFilters(k)
}

// class is a class as the kernel takes it. It is not made with NewHtbClass, which would round the burst to microseconds.
func (s *space) class(device string, p part) *netlink.HtbClass {
	return &netlink.HtbClass{
		ClassAttrs: netlink.ClassAttrs{LinkIndex: s.index[device], Parent: p.above, Handle: p.handle},
		Rate:       p.BytesPerSecond,
		Ceil:       p.Ceil,
		Buffer:     p.Buffer,
		Cbuffer:    p.CeilBuffer,
		Quantum:    p.Quantum,
	}
}

// setClass gives a class that exists other figures.
func (s *space) setClass(device string, p part) error {
	if err := s.handle.ClassChange(s.class(device, p)); err != nil {
		return fmt.Errorf("htb class of %s: %w", p.name, err)
	}
	return nil
}

// Open gives what nobody has reserved the whole of the links on which something is reserved, so that they can be probed before
// the tasks begin; Close it again with Restrict.
func (l *Live) Open() error {
	return l.eachDivided(func(k Link) part {
		p := k.parts()[1]
		p.Class = shape.Whole(k.Egress)
		return p
	})
}

// Restrict undoes Open.
func (l *Live) Restrict() error {
	return l.eachDivided(func(k Link) part { return k.parts()[1] })
}

func (l *Live) eachDivided(rest func(Link) part) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, k := range l.net.Links {
		if k.Rest == nil {
			continue
		}
		s, p := l.spaces[k.At.Namespace], rest(k)
		err := s.setClass(k.At.Device, p)
		if err == nil {
			err = s.setBFIFO(k.At.Device, p.handle, p.queue, p.Limit)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", k.Name, err))
		}
	}
	return errors.Join(errs...)
}
