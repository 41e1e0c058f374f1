package fidelity

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
)

// Judge combines checks: the report is valid when there is at least one check of every required name
// and all checks are ok. A missing one becomes a failed check of its own, because a run nobody watched
// proves nothing.
func Judge(checks []Check, required ...string) Report {
	seen := map[string]bool{}
	for _, c := range checks {
		seen[c.Name] = true
	}
	for _, name := range required {
		if !seen[name] {
			checks = append(checks, Check{Name: name, Subject: "run",
				Advice: "no " + name + " figure was recorded, so nothing shows that the emulation kept its promise; run longer"})
		}
	}
	report := Report{Verdict: Valid, Checks: checks}
	for _, c := range checks {
		if !c.OK {
			report.Verdict = Invalid
		}
	}
	if len(checks) == 0 {
		report.Verdict = Invalid
	}
	return report
}

// RateTolerance bounds |measured/planned − 1| of a link's rate. Long flows through HTB with splitbed's
// bursts stay within 1 % and short samples add as much again; a transfer time that is off by more than
// 5 % moves a frame across a deadline that a schedule was laid out to meet.
const RateTolerance = 0.05

// LinkRate is the check of a link's rate in the run's own traffic: value is measured ÷ planned.
func LinkRate(subject string, planned, measured units.Rate) Check {
	return rate("link_rate", subject, planned, measured)
}

// LinkProbe is the check of a link's rate in a bulk transfer before the run: value is measured ÷ planned.
func LinkProbe(subject string, planned, measured units.Rate) Check {
	return rate("link_probe", subject, planned, measured)
}

func rate(name, subject string, planned, measured units.Rate) Check {
	ratio := float64(measured) / float64(planned)
	c := Check{Name: name, Subject: subject, Value: ratio, Limit: RateTolerance,
		OK: math.Abs(ratio-1) <= RateTolerance}
	switch {
	case c.OK:
	case ratio < 1 || math.IsNaN(ratio):
		c.Cure = 1 / ratio
		c.Advice = fmt.Sprintf("transfer times over %s are too long: the host could not serve the link; raise the dilation", subject)
	default:
		c.Advice = fmt.Sprintf("transfer times over %s are too short: its shaping was changed or bypassed; look at its qdiscs", subject)
	}
	return c
}

// RoundTripProbe is the check of the median round trip of small messages before the run: value is its distance from
// the plan and limit [TimerShare] of the shortest deadline, both in virtual seconds; none where no message came back.
func RoundTripProbe(subject string, off units.Virtual, returned int, deadline units.Virtual) Check {
	c := Check{Name: "rtt_probe", Subject: subject, Value: off.Seconds(), Limit: TimerShare * deadline.Seconds()}
	if returned == 0 {
		c.Value = math.NaN()
		c.Advice = fmt.Sprintf("nothing shows how long the way between %s and the cloud is: no message came back; look at its links", subject)
		return c
	}
	if c.OK = c.Value <= c.Limit; !c.OK {
		c.Cure = c.Value / c.Limit
		c.Advice = fmt.Sprintf("transfer times between %s and the cloud have a delay that is not the planned one: the host was too busy; raise the dilation or end other work", subject)
	}
	return c
}

// QueueTolerance bounds |measured/planned − 1| of what a full queue adds to a round trip. How long a queue is decides how
// late a frame can be that is not lost: a tenth of the default queue is 2.5 % of the paper's deadline.
const QueueTolerance = 0.10

// QueueResolution is the relative error a full queue has because packets are whole: up to one too few wait in it, and up to one
// more is being sent.
func QueueResolution(e shape.Egress) float64 { return 2 * float64(shape.Frame) / float64(e.Limit) }

// QueueProbe is the check of a link's queue before the run: value is what the full queue added to a round trip ÷ limit/rate.
func QueueProbe(subject string, ratio float64, e shape.Egress) Check {
	c := Check{Name: "queue_probe", Subject: subject, Value: ratio, Limit: QueueTolerance + QueueResolution(e)}
	if c.OK = math.Abs(ratio-1) <= c.Limit; !c.OK {
		// Packets that go on late, or a load that comes late, make it longer or shorter; by less where time goes slower.
		if c.Cure = (ratio - 1) / c.Limit; ratio < 1 {
			c.Cure = 1 / max(ratio, 0.1)
		}
		c.Advice = fmt.Sprintf("congestion on %s lasts longer or shorter than planned: its queue could not be kept full, or is not the planned one; raise the dilation, or look at its qdiscs", subject)
	}
	return c
}

// CPUTolerance bounds how far the CPU of a busy edge may be from its quota. A head that gets 10 % less than
// its budget ends 10 % later, which is the size of the scheduler's default safety margin.
const CPUTolerance = 0.10

// Busy is a span in which an edge computed: its length in wall time and the CPU time its compute thread used.
type Busy struct{ Wall, CPU time.Duration }

// due is the part of a core that one compute thread may count on under a quota: all of a quota up to one
// core; above, where there are as many threads as cores begun, its share while all of them are busy.
func due(quota float64) float64 { return quota / math.Ceil(quota) }

// overdraft is what threads may have used beyond their quota, or be owed, when a measurement ends: the kernel holds them
// back at its next tick, 4 ms at 250 Hz, and takes it off later periods.
const overdraft = 5 * time.Millisecond

// CPUResolution is the relative error a probe of this length has because of that.
func CPUResolution(quota float64, span Busy) float64 {
	return overdraft.Seconds() / (quota * span.Wall.Seconds())
}

// CPUProbe is the check of a node's CPU while it did nothing but compute, for many quota periods: value is what
// its compute threads got ÷ its quota (in cores). The limit is [CPUTolerance] and [CPUResolution].
func CPUProbe(subject string, quota float64, span Busy) Check {
	limit := CPUTolerance + CPUResolution(quota, span)
	c := Check{Name: "cpu_probe", Subject: subject, Value: span.CPU.Seconds() / (quota * span.Wall.Seconds()), Limit: limit}
	switch {
	case c.Value > 1+limit:
		c.Advice = fmt.Sprintf("compute times at %s are too short: its quota is not enforced", subject)
	case c.Value >= 1-limit:
		c.OK = true
	default:
		c.Cure = 1 / c.Value
		c.Advice = fmt.Sprintf("compute times at %s are too long: the host was too busy to grant its quota; raise the dilation or end other work", subject)
	}
	return c
}

// CPUGranted is the check of an edge's CPU during the run: value is what its compute thread used in the spans in which
// it was busy ÷ what its quota (in cores) was due in them. One period of each span is taken off, because
// work that starts late in a period waits for the next one. Values above 1 are not a fault here: work
// shorter than a slice runs at the speed of the core.
//
// ok is false where no span is longer than a period, so that nothing can be said.
func CPUGranted(subject string, quota float64, period time.Duration, spans []Busy) (check Check, ok bool) {
	granted, used := 0.0, 0.0
	for _, s := range spans {
		if s.Wall <= period {
			continue
		}
		granted += due(quota) * (s.Wall - period).Seconds()
		used += s.CPU.Seconds()
	}
	if granted == 0 {
		return Check{}, false
	}
	c := Check{Name: "cpu_granted", Subject: subject, Value: used / granted, Limit: 1 - CPUTolerance}
	if c.OK = c.Value >= c.Limit; !c.OK {
		c.Cure = 1 / c.Value
		c.Advice = fmt.Sprintf("compute times at %s are too long: the host was too busy to grant its quota; raise the dilation or end other work", subject)
	}
	return c, true
}

// TimerShare is the part of the shortest deadline by which a timer may be late at the 99th percentile.
// It is what a capture, and with it everything after, can be shifted by.
const TimerShare = 0.02

// TimerLateness is the check of a node's timers: value is the 99th percentile of how late they fired
// and limit [TimerShare] of the shortest deadline, both in virtual seconds.
func TimerLateness(subject string, p99, deadline units.Virtual) Check {
	c := Check{Name: "timer_lateness", Subject: subject, Value: p99.Seconds(), Limit: TimerShare * deadline.Seconds()}
	if c.OK = c.Value <= c.Limit; !c.OK {
		c.Cure = c.Value / c.Limit
		c.Advice = fmt.Sprintf("frames at %s were captured and sent late: the host was too busy; raise the dilation or end other work", subject)
	}
	return c
}

// Complete is the check that every frame due was recorded: value is recorded ÷ due.
func Complete(subject string, recorded, due int) Check {
	c := Check{Name: "records", Subject: subject, Value: 1, Limit: 1}
	if due > 0 {
		c.Value = float64(recorded) / float64(due)
	}
	if c.OK = recorded >= due; !c.OK {
		c.Advice = fmt.Sprintf("%d of %d frames due at %s were never recorded: the run ended early", due-recorded, due, subject)
	}
	return c
}

// Faults is the check that nothing went wrong in the nodes which they outlived, such as a lost
// connection: value is the number of such faults.
func Faults(subject string, faults []error) Check {
	c := Check{Name: "faults", Subject: subject, Value: float64(len(faults)), OK: len(faults) == 0}
	if !c.OK {
		c.Advice = "frames are missing for a reason of the testbed's own: " + errors.Join(faults...).Error()
	}
	return c
}

// ParityTolerance bounds the relative difference between the answer of the cut network, as it ran over
// the emulated link in float32, and that of the uncut network. Fused kernels differ by a few 1e-6.
const ParityTolerance = 1e-4

// Parity is the check that the two halves are the network: value is the largest relative difference.
func Parity(subject string, difference float64) Check {
	c := Check{Name: "parity", Subject: subject, Value: difference, Limit: ParityTolerance}
	if c.OK = difference <= ParityTolerance; !c.OK {
		c.Advice = fmt.Sprintf("the two halves of the network at %s do not give the answer of the whole: its times are of another computation", subject)
	}
	return c
}
