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
	// Planned is the rate (wall) the link is set to; 0 while it is down.
	Planned units.Rate
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
// Planned is the mean of the planned rate over these spans; those in which it changed are left out, as are those
// in which the queue was replaced and counts anew.
// ok is false where these spans add up to less than [MeasuringTime].
func BackloggedRate(points []LinkPoint) (planned, measured units.Rate, ok bool) {
	var bytes int64
	var span time.Duration
	var due float64 // bits
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		dt := time.Duration(b.At - a.At)
		bits := float64(a.Planned) * dt.Seconds()
		if dt <= 0 || a.Planned <= 0 || a.Planned != b.Planned || b.Bytes < a.Bytes || float64(a.Backlog)*8 < bits {
			continue
		}
		bytes += b.Bytes - a.Bytes
		span += dt
		due += bits
	}
	if span == 0 {
		return 0, 0, false
	}
	planned = units.Rate(due / span.Seconds())
	if span < MeasuringTime(planned) {
		return 0, 0, false
	}
	return planned, units.Rate(float64(bytes) * 8 / span.Seconds()), true
}
