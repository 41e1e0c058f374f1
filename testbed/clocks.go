package testbed

import (
	"math"
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

// A run has one clock, CLOCK_MONOTONIC, and two scales: wall nanoseconds from the start of the replay, which
// is the beginning of the warm-up, and virtual seconds from the start of the window.

// wallOffset is a virtual time, counted from the window's start, as wall nanoseconds from the replay's.
func (p *Plan) wallOffset(at units.Virtual) int64 {
	return int64(p.Dilation.Wall(at + p.Warmup))
}

// timeline places readings of the clock on the virtual scale.
type timeline struct {
	// Start is the clock's reading at the start of the replay.
	Start    int64          `json:"start_ns"`
	Warmup   units.Virtual  `json:"warmup"`
	Dilation units.Dilation `json:"dilation"`
}

// seconds is a reading of the clock in virtual seconds from the window's start; NaN for 0, an event that
// did not happen.
func (t timeline) seconds(at int64) float64 {
	if at == 0 {
		return math.NaN()
	}
	return t.virtual(at).Seconds()
}

// virtual is a reading of the clock as a time from the window's start.
func (t timeline) virtual(at int64) units.Virtual {
	return t.Dilation.Virtual(time.Duration(at-t.Start)) - t.Warmup
}
