package link

import (
	"fmt"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/vishvananda/netlink"
)

// The tree on a shaped device:
//
//	1: htb, default 1 ── 1:1 rate, ceil, burst ── 10: bfifo limit
const (
	rootHandle  = 1 << 16
	classHandle = 1<<16 | 1
	queueHandle = 0x10 << 16
)

// addShaper shapes a device's egress.
func (s *space) addShaper(device string, e shape.Egress) error {
	root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: s.index[device], Handle: rootHandle, Parent: netlink.HANDLE_ROOT})
	root.Defcls = classHandle & 0xffff
	if err := s.handle.QdiscAdd(root); err != nil {
		return fmt.Errorf("htb: %w", err)
	}
	if err := s.handle.ClassAdd(s.class(device, e)); err != nil {
		return fmt.Errorf("htb class: %w", err)
	}
	if err := s.addBFIFO(device, classHandle, queueHandle, e.Limit); err != nil {
		return fmt.Errorf("bfifo: %w", err)
	}
	return nil
}

// class is the device's one class. It is not made with NewHtbClass, which would round the burst to microseconds.
func (s *space) class(device string, e shape.Egress) *netlink.HtbClass {
	return &netlink.HtbClass{
		ClassAttrs: netlink.ClassAttrs{LinkIndex: s.index[device], Parent: rootHandle, Handle: classHandle},
		Rate:       e.BytesPerSecond,
		Ceil:       e.BytesPerSecond,
		Buffer:     e.Buffer,
		Cbuffer:    e.Buffer,
		Quantum:    e.Quantum,
	}
}
