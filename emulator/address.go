package emulator

import (
	"fmt"
	"net/netip"

	"github.com/splitbed/splitbed/emulator/link"
)

// Peer is the two ends of a node's way to another.
type Peer struct {
	Name   string     `json:"name"`
	Local  netip.Addr `json:"local"`
	Remote netip.Addr `json:"remote"`
}

// edgeAddress and cloudAddress are the two ends of edge i's path. They are the only addresses on the network; the
// hops between have none. There are 65 024 of each (256 · 254, as no address ends in 0 or 255).
func edgeAddress(i int) netip.Addr  { return address(1, i) }
func cloudAddress(i int) netip.Addr { return address(2, i) }

func address(net byte, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, net, byte(i / 254), byte(i%254 + 1)})
}

// role tells apart the devices that belong to the same edge or trunk.
type role byte

const (
	edgeEnd    role = iota + 1 // eth0 of the edge
	edgeHop                    // e<i> of the router, towards the edge
	cloudHop                   // c<i> of the router or the core, towards the cloud
	cloudEnd                   // u<i> of the cloud
	trunkHop                   // t<i> of the router, towards the edge's trunk
	accessHop                  // a<i> of a trunk, towards the router
	trunkLower                 // up of a trunk
	trunkUpper                 // d<j> of the trunk or core above it
	edgeMouth                  // line of the edge, into the delay line
	cloudMouth                 // l<i> of the cloud, into the delay line
	lineExit                   // line of the router or the core, out of it
)

// device names the device that plays a role for edge or trunk i; names are at most 15 bytes (IFNAMSIZ).
func (r role) device(i int) string {
	switch r {
	case edgeEnd:
		return "eth0"
	case trunkLower:
		return "up"
	case edgeMouth, lineExit:
		return "line"
	default:
		return fmt.Sprintf("%c%d", " .ecuta.d.l"[r], i)
	}
}

// mac is a locally administered address, different for every device of a run.
func (r role) mac(i int) link.MAC {
	return link.MAC{0x02, 0x5b, byte(r), byte(i >> 16), byte(i >> 8), byte(i)}
}
