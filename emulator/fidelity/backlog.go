package fidelity

import (
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
)

// LinkPoint is one reading of a link's counters.
type LinkPoint struct {
	At      int64 // CLOCK_MONOTONIC, ns
	Bytes   int64 // cumulative, sent by the link's class
	Backlog int64 // bytes that wait
	Drops   int64 // cumulative packets
}

const (
	// minMeasured is the least wall time over which a rate is measured: shorter ones are at the mercy of a
	// single late reading.
	minMeasured = 400 * time.Millisecond
	// minPackets is the least number of full packets: a reading is off by up to one at either end.
	minPackets = 60
)

// MeasuringTime is how long (wall) a busy link must be watched for its rate to be known to a few percent.
func MeasuringTime(planned units.Rate) time.Duration {
	const bits = float64(8 * minPackets * shape.Frame)
	return max(minMeasured, time.Duration(bits/float64(planned)*float64(time.Second)))
}

// BackloggedRate is the rate (wall) of a link in the spans between two readings in which its queue
// cannot have run empty: the backlog at the start of the span was more than the planned rate drains in it.
// ok is false where these spans add up to less than [MeasuringTime].
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
	if span < MeasuringTime(planned) {
		return 0, false
	}
	return units.Rate(float64(bytes) * 8 / span.Seconds()), true
}
