package shape

import (
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// segmentationBelow is the wall rate under which a sender's packets are cut to the MTU before they are
// queued. A queue of 64 kB packets is not a queue of packets: at 10 Mb/s one of them takes 52 ms. Above
// it, 1.5 core-seconds a gigabit is too much to pay, and a packet of 64 kB takes 2.6 ms at most.
const segmentationBelow units.Rate = 200e6

// GSOSegments is the gso_max_segs of the device that sends into a path: the number of segments the kernel may
// move as one packet. It is 1 for slow paths and for paths with loss, which would lose 64 kB at a time; 0
// leaves the device's own default; between them, a queue holds at least eight packets.
func GSOSegments(d units.Dilation, path ...topologies.Link) int {
	const deviceDefault = 44 // 64 kB in segments of 1448 bytes: no packet is larger
	segments := deviceDefault
	for _, l := range path {
		limit, err := queueBytes(l)
		if err != nil || d.Rate(l.Rate) < segmentationBelow || l.Loss > 0 {
			return 1
		}
		segments = min(segments, max(1, int(limit/(8*Frame))))
	}
	if segments == deviceDefault {
		return 0
	}
	return segments
}
