package fidelity

import (
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/internal/units"
)

// StallShare is the part of the shortest deadline for which a node may do nothing at all, once: a frame that has
// half of its time left is late then through no fault of the network's.
const StallShare = 0.5

// Stall is the check of the longest time by which a node's own timer was late: value is that and limit [StallShare] of the
// shortest deadline, both in virtual seconds.
func Stall(subject string, longest, deadline units.Virtual) Check {
	c := Check{Name: "stall", Subject: subject, Value: longest.Seconds(), Limit: StallShare * deadline.Seconds()}
	if c.OK = c.Value <= c.Limit; !c.OK {
		c.Cure = c.Value / c.Limit
		c.Advice = fmt.Sprintf("frames at %s waited for a node that did nothing: it was stopped, or the host was; raise the dilation or end other work", subject)
	}
	return c
}

// Stopped is the check that a node's process was not stopped (SIGSTOP, a debugger) when the replay ended: value is 1 where
// it was.
func Stopped(subject string, stopped bool) Check {
	c := Check{Name: "stopped", Subject: subject, OK: !stopped}
	if stopped {
		c.Value = 1
		c.Advice = fmt.Sprintf("the process of %s was stopped by a signal and has not gone on: what it had to do is missing; find out who stops it", subject)
	}
	return c
}

// LeastLeft is the part of the host's CPU that must be left over. A run plans with nine tenths of the cores at most; where of
// the rest not even a fifth was left, something else took it, and next in line are the run's own packets.
const LeastLeft = 0.02

// HostLeft is the check of the CPU the host had left over the replay: value is the share of all its CPUs' time that was
// idle, or used at a nice value, as by a cloud without a budget.
func HostLeft(a, b HostReading) Check {
	c := Check{Name: "host_cpu", Subject: "host", Value: b.leftSince(a), Limit: LeastLeft}
	if c.OK = c.Value >= c.Limit; !c.OK {
		c.Cure = 2
		c.Advice = "packets and timers had to wait for a CPU: the run and what else the host does took all of them; raise the dilation or end other work"
	}
	return c
}

// SoftirqWait bounds the part of a replay for which a CPU's packet thread (ksoftirqd) may wait for its turn. It waits when
// busy threads are before it, milliseconds at a time, and what is forwarded meanwhile is late.
const SoftirqWait = 0.05

// SoftirqStarved is the check that the kernel's packet processing got its turn: value is the largest share of the replay,
// over all CPUs, for which ksoftirqd was ready and did not run. ok is false where the kernel does not tell.
func SoftirqStarved(a, b HostReading) (check Check, ok bool) {
	span := b.At - a.At
	if span <= 0 || len(a.softirqWait) == 0 {
		return Check{}, false
	}
	c := Check{Name: "softirq", Subject: "host", Limit: SoftirqWait}
	for pid, wait := range b.softirqWait {
		if before, there := a.softirqWait[pid]; there {
			c.Value = max(c.Value, float64(wait-before)/float64(span))
		}
	}
	if c.OK = c.Value <= c.Limit; !c.OK {
		c.Cure = c.Value / c.Limit
		c.Advice = "packets were forwarded late: the kernel's packet processing had to wait for busy threads; raise the dilation or end other work"
	}
	return c, true
}

// HostDrops is the check that the kernel dropped no packet between devices for want of time: value is how many it did. Every one
// is a loss that no link was asked for.
func HostDrops(a, b HostReading) Check {
	c := Check{Name: "host_drops", Subject: "host", Value: float64(b.dropped - a.dropped)}
	if c.OK = c.Value <= 0; !c.OK {
		c.Cure = 2
		c.Advice = "packets were lost that no link was to lose: the kernel's backlog (net.core.netdev_max_backlog) ran over; raise the dilation or that limit"
	}
	return c
}

// AsPlanned is the check that the network is at the end of the replay what it was built as: value is the number of differences.
func AsPlanned(differences []string) Check {
	c := Check{Name: "as_planned", Subject: "network", Value: float64(len(differences)), OK: len(differences) == 0}
	if !c.OK {
		c.Advice = "transfer times are those of another network: something else than the run has changed it: " + strings.Join(differences, "; ")
	}
	return c
}
