package fidelity

import (
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

// LinkPoint is one reading of a link's counters.
type LinkPoint struct {
	At      int64 // CLOCK_MONOTONIC, ns
	Bytes   int64 // cumulative, sent by the link's class
	Backlog int64 // bytes that wait
	Drops   int64 // cumulative packets
}

// MinBacklogged is the wall time a link must have been backlogged in for its rate to be known from
// the traffic of the run itself: at 10 ms a sample, a tenth of its readings' ±1 packet at 10 Mb/s.
const MinBacklogged = 200 * time.Millisecond

// BackloggedRate is the rate (wall) of a link in the spans between two readings in which its queue
// cannot have run empty: the backlog at the start of the span was more than the planned rate drains in it.
// ok is false where these spans add up to less than [MinBacklogged].
func BackloggedRate(planned units.Rate, points []LinkPoint) (rate units.Rate, ok bool) {
	var bytes int64
	var span time.Duration
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		dt := time.Duration(b.At - a.At)
		if dt <= 0 || float64(a.Backlog)*8 < float64(planned)*dt.Seconds() {
			continue
		}
		bytes += b.Bytes - a.Bytes
		span += dt
	}
	if span < MinBacklogged {
		return 0, false
	}
	return units.Rate(float64(bytes) * 8 / span.Seconds()), true
}
