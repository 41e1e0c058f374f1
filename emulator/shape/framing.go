package shape

import "github.com/splitbed/splitbed/internal/units"

// What a full TCP segment looks like to a qdisc: an Ethernet header (14, no checksum), IPv4 (20), TCP
// (20) with timestamps (12), and as much payload as fits into an MTU of 1500.
const (
	MTU         units.Bytes = 1500
	FrameHeader units.Bytes = 14 + 20 + 20 + 12
	MSS         units.Bytes = MTU - (FrameHeader - 14)
	Frame       units.Bytes = MSS + FrameHeader
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
