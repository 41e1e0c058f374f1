package shape

import (
	"fmt"
	"math"
	"time"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

const (
	// minBytesPerSecond is the slowest link that is emulated, on the wall: at 1 kB/s the kernel's whole
	// bytes per second are still within 0.1 % of what was asked.
	minBytesPerSecond = 1000

	// tick is the kernel's unit of a token bucket's depth (PSCHED_SHIFT 6 in net/pkt_sched.h).
	tick = 64 * time.Nanosecond

	// timerSlack is how late the kernel's packet timer may fire without the link losing rate: the bucket
	// must hold what accumulates meanwhile.
	timerSlack = 250 * time.Microsecond
)

// Egress is one direction of a link as HTB and bfifo give it, in wall units.
type Egress struct {
	// BytesPerSecond is the HTB class's rate; headers down to Ethernet count.
	BytesPerSecond uint64 `json:"bytes_per_second"`
	// Burst is the depth of the token bucket: what an idle link lets through at once.
	Burst units.Bytes `json:"burst"`
	// Buffer is the burst as the kernel takes it: the time it lasts, in ticks of 64 ns.
	Buffer uint32 `json:"buffer_ticks"`
	// Quantum is what a class may send in its turn when spare bandwidth is shared; it goes with the rate.
	Quantum uint32 `json:"quantum"`
	// Limit is the length of the queue.
	Limit units.Bytes `json:"limit"`
}

// NewEgress computes the shaper of a link. smallest is the payload of the smallest transfer whose time
// matters on this link, 0 when it is not known. Trunks, uplinks and downlinks are all shaped alike.
//
// It fails for a rate that is not positive, for one that dilation makes slower than 1 kB/s, and for a
// queue that does not hold two packets.
func NewEgress(l topologies.Link, d units.Dilation, smallest units.Bytes) (Egress, error) {
	if !(l.Rate > 0) || math.IsInf(float64(l.Rate), 1) {
		return Egress{}, fmt.Errorf("a rate of %v; a link needs a positive one", l.Rate)
	}
	if !(d >= 1) {
		return Egress{}, fmt.Errorf("a dilation of %v; it must be at least 1", d)
	}
	rate := math.Round(float64(d.Rate(l.Rate)) / 8)
	if rate < minBytesPerSecond {
		return Egress{}, fmt.Errorf("%v at dilation %v is %g bytes/s of wall time, and below %d the kernel's shaper is too coarse; use a smaller dilation",
			l.Rate, d, rate, minBytesPerSecond)
	}
	limit, err := queueBytes(l)
	if err != nil {
		return Egress{}, err
	}
	e := Egress{BytesPerSecond: uint64(rate), Limit: limit}
	e.Burst = burst(rate, smallest)
	e.Buffer = e.ticks(e.Burst)
	e.Quantum = quantum(rate)
	return e, nil
}

// burst is the depth of the token bucket. A shallow bucket loses rate whenever the packet timer is late; a deep
// one lets a short transfer through for nothing, and a deadline would be kept falsely. So it is as deep as the
// timer needs but at most 1 % of the smallest transfer, and holds a packet in any case.
func burst(rate float64, smallest units.Bytes) units.Bytes {
	frame := float64(Frame)
	b := 2*frame + timerSlack.Seconds()*rate
	if smallest > 0 {
		b = min(b, 0.01*float64(smallest))
	}
	return units.Bytes(math.Ceil(max(1.1*frame, b)))
}

// quantum is a millisecond of the rate, between one packet and the 60 kB beyond which HTB's turns
// become bursts. The kernel's own default, a tenth of a second, is too big at high rates.
func quantum(rate float64) uint32 {
	return uint32(min(max(rate/1000, float64(Frame)), 60_000))
}

func queueBytes(l topologies.Link) (units.Bytes, error) {
	const least = 2 * Frame
	limit := math.Round(l.Queue.Seconds() * float64(l.Rate) / 8)
	if limit < float64(least) || limit > math.MaxUint32 {
		return 0, fmt.Errorf("a queue of %v at %v holds %g bytes; it must hold two packets (%d) and at most %d",
			l.Queue, l.Rate, limit, int64(least), uint32(math.MaxUint32))
	}
	return units.Bytes(limit), nil
}

// Rate is the wall rate of the link, headers included.
func (e Egress) Rate() units.Rate { return units.Rate(e.BytesPerSecond * 8) }

// Goodput is the wall rate at which a bulk TCP flow delivers payload over the link.
func (e Egress) Goodput() units.Rate { return units.Rate(float64(e.Rate()) * GoodputShare) }

// QueueTime is how long (wall) a packet waits that finds the queue full.
func (e Egress) QueueTime() time.Duration { return e.wall(e.Limit) }

// TransferTime is how long (wall) a TCP payload takes over the idle link, without its delay: from the
// first byte offered to the last one delivered. The burst passes at once, and the last packet whole when the bucket is no longer
// overdrawn by those before it (htb_class_mode in net/sched/sch_htb.c).
func (e Egress) TransferTime(payload units.Bytes) time.Duration {
	before := WireBytes((payload - 1) / MSS * MSS)
	return max(0, e.wall(before-e.Burst))
}

// wall is the time the link takes for bytes.
func (e Egress) wall(b units.Bytes) time.Duration {
	return time.Duration(float64(b) / float64(e.BytesPerSecond) * float64(time.Second))
}
