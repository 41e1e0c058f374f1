package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Packets find their class by u32, which every kernel with traffic control has: the priority a socket gives its packets is lost on
// the way through a veth. A second table of 256 buckets, by port, keeps the search short whatever the number of classes:
//
//	800: (root)  TCP ──hash of the source port──▶ 2:bucket  source address, source port → class
const (
	classTable   = 2 << 20 // handle of the table: its number in the upper 12 bits
	classBuckets = 256

	// Offsets from the IPv4 header. The packets of a testbed have no IP options, so ports begin at 20.
	protocolAt = 8 // the third word: time to live, protocol, checksum
	sourceAt   = 12
	portsAt    = 20

	protocolMask, protocolTCP = 0x00ff0000, unix.IPPROTO_TCP << 16
	// portMask leaves out the last bit of the source port: a class has two.
	portMask = 0xfffe0000
	hashMask = 0x01fe0000
)

func (s *space) addFilters(k Link) error {
	if len(k.Classes) == 0 {
		return nil
	}
	attrs := netlink.FilterAttrs{LinkIndex: s.index[k.At.Device], Parent: rootHandle, Priority: 1, Protocol: unix.ETH_P_IP}
	table := attrs
	table.Handle = classTable
	if err := s.handle.FilterAdd(&netlink.U32{FilterAttrs: table, Divisor: classBuckets}); err != nil {
		return fmt.Errorf("u32 table: %w", err)
	}
	for n, c := range k.Classes {
		if err := s.handle.FilterAdd(classFilter(attrs, c, classOf(n))); err != nil {
			return fmt.Errorf("u32 filter of %s: %w", c.Name, err)
		}
	}
	err := s.handle.FilterAdd(&netlink.U32{FilterAttrs: attrs, Link: classTable, Sel: &netlink.TcU32Sel{
		Hoff: portsAt, Hmask: hashMask,
		Keys: []netlink.TcU32Key{{Off: protocolAt, Mask: protocolMask, Val: protocolTCP}},
	}})
	if err != nil {
		return fmt.Errorf("u32 hash: %w", err)
	}
	return nil
}

func classFilter(attrs netlink.FilterAttrs, c Class, handle uint32) *netlink.U32 {
	bucket := uint32(c.Port>>1) % classBuckets
	return &netlink.U32{FilterAttrs: attrs, Hash: classTable | bucket<<12, ClassId: handle, Sel: &netlink.TcU32Sel{
		Flags: netlink.TC_U32_TERMINAL,
		Keys: []netlink.TcU32Key{
			{Off: sourceAt, Mask: 0xffffffff, Val: addressWord(c.Source)},
			{Off: portsAt, Mask: portMask, Val: uint32(c.Port) << 16},
		},
	}}
}

// classOf is the handle of the n-th class of a link.
func classOf(n int) uint32 { return rootHandle | uint32(firstClass+n) }

func addressWord(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// match is what a filter looks for, to be compared.
type match struct {
	source, port uint32
}

func (m match) String() string {
	return fmt.Sprintf("%s:%d", netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, m.source))), m.port>>16)
}

// compareFilters reports the classes whose packets the kernel would not find.
func (s *space) compareFilters(k Link, report func(Difference)) error {
	if len(k.Classes) == 0 {
		return nil
	}
	filters, err := s.handle.FilterList(s.device(k.At.Device), rootHandle)
	if err != nil {
		return fmt.Errorf("%s: list filters of %s: %w", k.Name, k.At, err)
	}
	kernel := map[match]uint32{}
	hashed := false
	for _, f := range filters {
		u, ok := f.(*netlink.U32)
		if !ok || u.Sel == nil {
			continue
		}
		if u.Link == classTable {
			hashed = true
		}
		var m match
		for _, key := range u.Sel.Keys {
			switch {
			case key.Off == sourceAt && key.Mask == 0xffffffff:
				m.source = key.Val
			case key.Off == portsAt && key.Mask == portMask:
				m.port = key.Val
			}
		}
		if m != (match{}) {
			kernel[m] = u.ClassId
		}
	}
	differ(report, k.Name, "u32 hash of "+k.At.String(), true, hashed)
	differ(report, k.Name, "number of u32 filters", len(k.Classes), len(kernel))
	for n, c := range k.Classes {
		m := match{addressWord(c.Source), uint32(c.Port) << 16}
		differ(report, c.Name, "class of packets from "+m.String(), fmt.Sprintf("1:%x", classOf(n)&0xffff), fmt.Sprintf("1:%x", kernel[m]&0xffff))
	}
	return nil
}
