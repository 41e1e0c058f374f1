package results

import (
	"fmt"
	"math"
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

// What a deadline is about.
const (
	Transfer = "transfer"   // ready to send → last byte read in the cloud
	EndToEnd = "end_to_end" // capture → the answer is back on the edge
)

// Rule says when a frame counts and when it is on time.
type Rule struct {
	// On is Transfer or EndToEnd.
	On string
	// Quantile is the share of a task's frames at an edge that must be on time, in (0, 1].
	Quantile float64
	// Window is the length of the measured part of the run: frames captured in [0, Window) count.
	Window units.Virtual
	// Deadlines holds every task's deadline by name. A task without one is never late.
	Deadlines map[string]units.Virtual
}

// Validate reports a rule that can't be applied.
func (r Rule) Validate() error {
	if r.On != Transfer && r.On != EndToEnd {
		return fmt.Errorf("qos.on %q: must be %s or %s", r.On, Transfer, EndToEnd)
	}
	if !(r.Quantile > 0 && r.Quantile <= 1) {
		return fmt.Errorf("qos.quantile %v: must be above 0 and at most 1", r.Quantile)
	}
	if r.Window <= 0 {
		return fmt.Errorf("the window is %v long: it must be above 0", r.Window)
	}
	return nil
}

// Grace is how long frames are waited for after the window: two deadlines, at least a second. A frame that arrives later
// is lost.
func Grace(deadline units.Virtual) units.Virtual {
	return max(2*deadline, units.Virtual(time.Second))
}

// Classify fills in the status of every frame.
func Classify(frames []Frame, rule Rule) {
	for i := range frames {
		frames[i].Status = rule.status(&frames[i])
	}
}

// clockStep is the resolution of a timestamp. A latency is a difference of two seconds in floating point, so
// one of exactly the deadline may come out a little above it.
const clockStep = 1e-9

func (r Rule) status(f *Frame) string {
	if !(f.Captured >= 0 && f.Captured < r.Window.Seconds()) {
		return Warmup
	}
	latency, arrived := f.Transfer(), f.Received
	if r.On == EndToEnd {
		latency, arrived = f.EndToEnd(), f.Answered
	}
	deadline, limited := r.Deadlines[f.Task]
	switch {
	case math.IsNaN(latency):
		return Lost
	case !limited:
		return OnTime
	case arrived > r.Window.Seconds()+Grace(deadline).Seconds():
		return Lost
	case latency > deadline.Seconds()+clockStep:
		return Late
	}
	return OnTime
}

// Transfer is the frame's transfer latency in virtual seconds: its tensor was ready to send → its last byte was read in
// the cloud. NaN when it never was.
func (f *Frame) Transfer() float64 { return f.Received - f.Ready }

// EndToEnd is the frame's latency in virtual seconds from capture to the answer on the edge; NaN
// when there was none.
func (f *Frame) EndToEnd() float64 { return f.Answered - f.Captured }
