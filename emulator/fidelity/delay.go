package fidelity

import (
	"math"

	"github.com/splitbed/splitbed/internal/units"
)

// DelayLine is the check of delays made in user space: value is by how much packets went on late, at the 99th percentile of
// packets or of moments, whichever is worse, and limit [TimerShare] of the shortest deadline, both in virtual seconds. A
// transfer ends as much later as its last packet goes on late, and a frame is shifted by it as by a late timer.
func DelayLine(late, deadline units.Virtual) Check {
	c := Check{Name: "delay_line", Subject: "delay line", Value: late.Seconds(), Limit: TimerShare * deadline.Seconds()}
	if c.OK = c.Value <= c.Limit; !c.OK {
		c.Cure = c.Value / c.Limit
		c.Advice = "packets were delayed longer than planned, so transfer times are too long: the host was too busy; raise the dilation or end other work"
	}
	return c
}

// DelayLineGone is the check of a delay line that ended, or stopped answering, before the run did.
func DelayLineGone(reason error, deadline units.Virtual) Check {
	return Check{Name: "delay_line", Subject: "delay line", Value: math.NaN(), Limit: TimerShare * deadline.Seconds(),
		Advice: "nothing shows that packets were delayed as planned: " + reason.Error() + "; run again"}
}

// DelayDrops is the check that the delays lost nothing that was not asked for: value is the number of packets.
func DelayDrops(subject string, packets int64) Check {
	c := Check{Name: "delay_drops", Subject: subject, Value: float64(packets), OK: packets == 0}
	if !c.OK {
		c.Cure = 2
		c.Advice = "packets were lost that should only have been delayed, so transfers over " + subject + " took longer or never ended: the host was too busy; raise the dilation or end other work"
	}
	return c
}
