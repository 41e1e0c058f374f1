package shape

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// Delay is what netem does to a packet before it reaches the first queue, in wall units. It sits on a
// device of its own, apart from the congestion queue, so that neither's limit is the other's.
type Delay struct {
	Delay time.Duration `json:"delay_ns,omitempty"`
	// Jitter is the standard deviation of a normal distribution that ends at three of them.
	Jitter    time.Duration     `json:"jitter_ns,omitempty"`
	Loss      units.Probability `json:"loss,omitempty"`
	Reorder   units.Probability `json:"reorder,omitempty"`
	Duplicate units.Probability `json:"duplicate,omitempty"`
	// Limit is how many packets may be under way; see [NewDelay].
	Limit uint32 `json:"limit_packets"`
}

// MinDelayLimit is the smallest packet limit of a Delay.
const MinDelayLimit = 1000

// orderRate, in bytes/s, is so fast that it delays no packet by more than 12 ns. Its only use is that
// netem, given a rate, never sends a packet before the one that came earlier (netem_enqueue).
const orderRate = 125_000_000_000

// OrderRate is the netem rate in bytes/s that keeps packets in order, 0 where jitter does not disturb it.
// A packet that Reorder picks overtakes all the same.
func (d Delay) OrderRate() uint64 {
	if d.Jitter == 0 {
		return 0
	}
	return orderRate
}

// NewDelay computes the netem of one direction of a path: a link and the trunks behind it. The delays add up,
// independent jitters add up in variance, and a packet passes when every link lets it pass. A trunk's delay so comes before its
// queue, which shifts the time of its whole traffic and changes nothing else. It returns nil for a path that
// only has rates and queues.
//
// The packet limit never drops anything that is under way: it has room for twice the bytes that the fastest link
// and the longest queue of the path hold in a delay, even if all of them are empty segments.
func NewDelay(d units.Dilation, path ...topologies.Link) (*Delay, error) {
	delay, err := NewPassage(d, path...)
	if err != nil || delay == (Delay{Limit: delay.Limit}) {
		return nil, err
	}
	return &delay, nil
}

// NewPassage is NewDelay for a path whose packets may be delayed later on: one that changes nothing is there as well.
func NewPassage(d units.Dilation, path ...topologies.Link) (Delay, error) {
	var delay, variance, rate, queue float64
	var loss, reorder, duplicate units.Probability
	for _, l := range path {
		for _, p := range []units.Probability{l.Loss, l.Reorder, l.Duplicate} {
			if !(p >= 0 && p <= 1) {
				return Delay{}, fmt.Errorf("loss %v, reorder %v, duplicate %v: a probability lies between 0 and 1", l.Loss, l.Reorder, l.Duplicate)
			}
		}
		if l.Delay < 0 || l.Jitter < 0 {
			return Delay{}, fmt.Errorf("delay %v and jitter %v must not be negative", l.Delay, l.Jitter)
		}
		delay += float64(l.Delay)
		variance += float64(l.Jitter) * float64(l.Jitter)
		loss = either(loss, l.Loss)
		reorder = either(reorder, l.Reorder)
		duplicate = either(duplicate, l.Duplicate)
		limit, err := queueBytes(l)
		if err != nil {
			return Delay{}, err
		}
		rate = max(rate, float64(l.Rate)/8)
		queue += float64(limit)
	}
	if reorder > 0 && delay == 0 {
		return Delay{}, errors.New("reorder needs a delay: a packet is reordered by sending it at once instead of after the delay")
	}
	jitter := math.Sqrt(variance)
	longest := units.Virtual(delay + 3*jitter)
	packets := 2 * (rate*longest.Seconds() + queue) / float64(FrameHeader)
	return Delay{
		Delay:     d.Wall(units.Virtual(delay)),
		Jitter:    d.Wall(units.Virtual(jitter)),
		Loss:      loss,
		Reorder:   reorder,
		Duplicate: duplicate,
		Limit:     uint32(min(max(math.Ceil(packets), MinDelayLimit), math.MaxInt32)),
	}, nil
}

// either is the chance that at least one of two independent events happens.
func either(a, b units.Probability) units.Probability { return a + b - a*b }

// DistributionUnit is the value in a netem distribution table that stands for one standard deviation
// (NETEM_DIST_SCALE in linux/pkt_sched.h).
const DistributionUnit = 8192

// Normal is netem's table of a standard normal distribution that is cut off at ±3σ: quantiles at equal
// steps, in units of σ/8192. netem draws from it with equal chances.
func Normal() []int16 {
	const size = 4096
	tail := math.Erfc(3/math.Sqrt2) / 2
	table := make([]int16, size)
	for i := range table {
		p := tail + (1-2*tail)*(float64(i)+0.5)/size
		table[i] = int16(math.Round(DistributionUnit * math.Sqrt2 * math.Erfinv(2*p-1)))
	}
	return table
}

// ProbabilityBits is a probability as netem takes it: a fraction of the largest 32-bit number.
func ProbabilityBits(p units.Probability) uint32 {
	return uint32(math.Round(float64(p) * math.MaxUint32))
}
