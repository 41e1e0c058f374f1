package shape

import (
	"fmt"
	"math"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

const (
	// minClassBytesPerSecond is the slowest class, on the wall: at 100 B/s the kernel's whole bytes per second are within
	// half a percent of what was asked, which is far less than a schedule's margin.
	minClassBytesPerSecond = 100

	// minClassQueue is the shortest queue of a class. A link's queue time at a small class's rate is a few packets, and TCP
	// begins every frame after a pause with ten: they must find room, and some more, or each frame would begin with losses
	// that so small a window can only mend by timeouts.
	minClassQueue = 16 * Frame

	// maxQuantum is where the kernel begins to warn of a quantum.
	maxQuantum = 200_000

	// What a class gets that has been left nothing: a ten-thousandth of the link, as every class must have a rate, and
	// never so little that its bucket's depth does not fit the kernel's 32 bits of ticks; of what nobody uses, up to a hundredth.
	leastGuaranteed     = 1e-4
	leastBytesPerSecond = 10
	leastOfTheIdle      = 1e-2
)

// Class is a part of a link with a queue of its own, in wall units. Its rate is what it may count on.
type Class struct {
	Egress
	// Ceil is the rate it may reach with what the others leave idle, in bytes/s.
	Ceil uint64 `json:"ceil_bytes_per_second"`
	// CeilBuffer is the depth of the ceiling's token bucket, in ticks.
	CeilBuffer uint32 `json:"ceil_buffer_ticks"`
}

// Whole is a link that is not divided.
func Whole(e Egress) Class { return Class{Egress: e, Ceil: e.BytesPerSecond, CeilBuffer: e.Buffer} }

// Reservation is a part of a link that is to be one task's.
type Reservation struct {
	Rate units.Rate // virtual
	// Smallest is the task's smallest transfer, see [NewEgress].
	Smallest units.Bytes
}

// Divide divides a link: classes[n] is what reserved[n] gets, and rest is for all traffic that has reserved nothing. whole is the
// link as [NewEgress] has shaped it.
//
// A class's rate is its reservation, and its queue as long as the link's in time at that rate, but at least 16 packets. The rest
// has what is not reserved. Without borrow no class gets more than its rate; only a rest that was left less than a hundredth of
// the link may use that much while others are idle. With borrow every class may take what others leave idle, in proportion to
// the rates. Reservations that exceed the link together are all cut by the same share, because a link cannot carry more than
// it does. Where those who reserve come and go, atOnce is the most that is reserved at one moment; 0 is all of it.
//
// It fails for a class slower than 100 bytes/s of wall time.
func Divide(l topologies.Link, d units.Dilation, whole Egress, reserved []Reservation, atOnce units.Rate, borrow bool) (rest Class, classes []Class, err error) {
	sum, least := 0.0, math.Inf(1)
	for _, r := range reserved {
		sum += float64(r.Rate)
		least = min(least, float64(r.Rate))
	}
	if !(least > 0) || math.IsInf(sum, 1) {
		return rest, nil, fmt.Errorf("a reservation of %v; it must be positive", units.Rate(least))
	}
	if atOnce > 0 {
		sum = min(sum, float64(atOnce))
	}
	link := float64(whole.BytesPerSecond)
	cut := min(1, float64(l.Rate)/sum)
	quantum := func(rate float64) uint32 {
		return uint32(min(max(rate/(cut*least)*float64(Frame), float64(Frame)), maxQuantum))
	}
	class := func(rate units.Rate, smallest units.Bytes) Class {
		perSecond := math.Round(float64(d.Rate(rate)) / 8)
		c := Class{Egress: Egress{BytesPerSecond: uint64(perSecond), Burst: burst(perSecond, smallest), Quantum: quantum(float64(rate))}}
		c.Buffer = c.ticks(c.Burst)
		c.Limit = max(minClassQueue, units.Bytes(math.Round(l.Queue.Seconds()*float64(rate)/8)))
		c.Ceil, c.CeilBuffer = c.BytesPerSecond, c.Buffer
		if borrow {
			c.Ceil, c.CeilBuffer = whole.BytesPerSecond, whole.Buffer
		}
		return c
	}
	for _, r := range reserved {
		c := class(r.Rate*units.Rate(cut), r.Smallest)
		if c.BytesPerSecond < minClassBytesPerSecond {
			return rest, nil, fmt.Errorf("a reservation of %v at dilation %v is %d bytes/s of wall time, and below %d the kernel's shaper is too coarse; use a smaller dilation",
				r.Rate, d, c.BytesPerSecond, minClassBytesPerSecond)
		}
		classes = append(classes, c)
	}
	left := float64(l.Rate) - cut*sum
	guaranteed := max(left, leastGuaranteed*float64(l.Rate), 8*leastBytesPerSecond*float64(d))
	rest = class(units.Rate(guaranteed), 0)
	if ceil := uint64(math.Round(leastOfTheIdle * link)); rest.Ceil < ceil {
		rest.Ceil = ceil
		rest.CeilBuffer = Egress{BytesPerSecond: ceil}.ticks(rest.Burst)
	}
	return rest, classes, nil
}

// ticks is the time the link takes for bytes, in the kernel's unit.
func (e Egress) ticks(b units.Bytes) uint32 {
	return uint32(math.Ceil(float64(e.wall(b)) / float64(tick)))
}
