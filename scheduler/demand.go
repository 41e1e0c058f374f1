package scheduler

import (
	"math"

	"github.com/splitbed/splitbed/internal/units"
)

// Bandwidth is the smallest rate at which frames keep their deadline on a link reserved for them:
//
//	b = 8·s·max(1/((1 − m)·Q − t), f)
//
// with s wire bytes a frame, f frames a second, deadline Q, one-way delay t and margin m in [0, 1).
// The first term makes a single frame arrive in time, the second keeps a backlog from growing. It is +Inf
// when the delay alone uses up the deadline. The paper's form, d·r/Q, is m = 0, t = 0, f = 1.
func Bandwidth(s units.Bytes, f float64, deadline, delay units.Virtual, margin float64) units.Rate {
	left := (1-margin)*deadline.Seconds() - delay.Seconds()
	if !(left > 0) {
		return units.Rate(math.Inf(1))
	}
	return units.Rate(8 * float64(s) * max(1/left, f))
}

// Reserved is the transfer latency to expect on a class of its own with rate b: 8·s/b + t, for s wire
// bytes and one-way delay t. It holds as long as a frame is sent before the next is ready; at rate 0 it
// is the longest span there is.
func Reserved(s units.Bytes, b units.Rate, delay units.Virtual) units.Virtual {
	sending := b.Time(s)
	if sending > math.MaxInt64-delay {
		return math.MaxInt64
	}
	return sending + delay
}
