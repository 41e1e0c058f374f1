package shape

import (
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// What a full TCP segment looks like to a qdisc: an Ethernet header (14, no checksum), IPv4 (20), TCP
// (20) with timestamps (12), and as much payload as fits into the packet that topologies count queues in.
const (
	Frame                   = topologies.Packet
	MTU         units.Bytes = Frame - 14
	FrameHeader units.Bytes = 14 + 20 + 20 + 12
	MSS         units.Bytes = Frame - FrameHeader
)

// GoodputShare is the part of a link's rate that a bulk TCP flow carries as payload.
const GoodputShare = float64(MSS) / float64(Frame)

// WireBytes is what a TCP payload occupies on a link as a qdisc counts it: the payload and the headers
// of its segments. Acknowledgements travel in the other direction and are not in it.
func WireBytes(payload units.Bytes) units.Bytes {
	if payload <= 0 {
		return 0
	}
	segments := (payload + MSS - 1) / MSS
	return payload + segments*FrameHeader
}
