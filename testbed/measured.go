package testbed

import (
	"math"
	"time"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
)

// tolerances are how far a probe may be from the plan.
type tolerances struct {
	// rate, queue and cpu are relative.
	rate       func(units.Rate) float64
	queue, cpu float64
	// rtt50 and rtt95 are wall time.
	rtt50, rtt95 time.Duration
}

// thorough are the bounds of a self-test, on a host that does little else.
var thorough = tolerances{
	rate: func(wall units.Rate) float64 {
		if wall > 500e6 {
			return 0.02
		}
		return 0.01
	},
	queue: fidelity.QueueTolerance, cpu: 0.05,
	rtt50: 300 * time.Microsecond, rtt95: time.Millisecond,
}

// ofRuns are the bounds of the checks of a run.
func (p *Plan) ofRuns() tolerances {
	late := p.Dilation.Wall(units.Virtual(fidelity.TimerShare * float64(p.shortestDeadline())))
	return tolerances{
		rate:  func(units.Rate) float64 { return fidelity.RateTolerance },
		queue: fidelity.QueueTolerance, cpu: fidelity.CPUTolerance,
		rtt50: late, rtt95: 2 * late,
	}
}

// measured lists what the probes found beside what was planned, in virtual time.
func (t *testbed) measured(bounds tolerances, k probing) []results.Probe {
	p := t.plan
	var all []results.Probe
	for _, edge := range p.loadedEdges() {
		for _, direction := range []string{uplink(edge), downlink(edge)} {
			if probe, ok := t.probed[direction]; ok {
				all = append(all, p.rateRow(probe, bounds))
			}
		}
		if e, ok := t.echoed[edge]; ok {
			all = append(all, p.roundTripRows(edge, e, bounds)...)
			if e.filled() {
				all = append(all, p.queueRow(e, bounds))
			}
			if k.thorough {
				all = append(all, p.lossRow(uplink(edge), e.idle.Sent-e.idle.Arrived, e.idle.Sent))
				all = append(all, p.lossRow(downlink(edge), e.idle.Arrived-e.idle.Returned, e.idle.Arrived))
			}
		}
	}
	for _, n := range p.computingNodes() {
		if span, ok := t.granted[n.Name]; ok {
			got := span.CPU.Seconds() / span.Wall.Seconds()
			off := got/n.CPU.Cores - 1
			all = append(all, results.Probe{Subject: n.Name + ".cpu", Quantity: results.ProbeCPU,
				Plan: results.Figure(n.CPU.Cores), Measured: results.Figure(got), Error: results.Figure(off),
				OK: math.Abs(off) <= bounds.cpu+fidelity.CPUResolution(n.CPU.Cores, span)})
		}
	}
	return all
}

// rateRow compares the rate of the narrowest link of a way with its plan, headers included.
func (p *Plan) rateRow(probe linkProbe, bounds tolerances) results.Probe {
	planned, got := probe.narrowest.Egress.Rate(), probe.rate()
	off := float64(got/planned) - 1
	return results.Probe{Subject: probe.narrowest.Name, Quantity: results.ProbeRate,
		Plan: results.Figure(float64(planned) * float64(p.Dilation)), Measured: results.Figure(float64(got) * float64(p.Dilation)),
		Error: results.Figure(off), OK: math.Abs(off) <= bounds.rate(planned) || probe.lossy && off < 0}
}

// roundTripRows compares the round trip of a small message over idle links with the delays of the plan.
func (p *Plan) roundTripRows(edge string, e echoProbe, bounds tolerances) []results.Probe {
	deviation := p.deviation(edge)
	row := func(statistic string, planned time.Duration, got int64, bound time.Duration) results.Probe {
		off := time.Duration(got) - planned
		return results.Probe{Subject: edge, Quantity: results.ProbeRTT, Statistic: statistic,
			Plan: p.virtualSeconds(planned), Measured: p.virtualSeconds(time.Duration(got)), Error: p.virtualSeconds(off),
			OK: e.idle.Returned > 0 && off.Abs() <= bound}
	}
	// A quantile of n draws has itself an error of about 1.3 (the median) to 2.1 (95 %) σ/√n.
	draws := math.Sqrt(float64(max(e.idle.Returned, 1)))
	return []results.Probe{
		row("p50", e.planned, e.idle.RoundTrip.P50, bounds.rtt50+time.Duration(3*1.3*deviation/draws)),
		row("p95", e.planned+time.Duration(1.645*deviation), e.idle.RoundTrip.P95, bounds.rtt95+time.Duration(3*2.1*deviation/draws)),
	}
}

// deviation is the standard deviation, in wall nanoseconds, of an edge's round trip.
func (p *Plan) deviation(edge string) float64 {
	variance := 0.0
	for _, l := range p.Network.Network.Links {
		if l.Delay != nil && (l.Name == uplink(edge) || l.Name == downlink(edge)) {
			variance += float64(l.Delay.Jitter) * float64(l.Delay.Jitter)
		}
	}
	return math.Sqrt(variance)
}

// queueRow compares what a full queue adds to the round trip with limit ÷ rate.
func (p *Plan) queueRow(e echoProbe, bounds tolerances) results.Probe {
	egress := e.narrowest.Egress
	planned, got := egress.QueueTime(), e.queue()
	off := got.Seconds()/planned.Seconds() - 1
	return results.Probe{Subject: e.narrowest.Name, Quantity: results.ProbeQueue,
		Plan: p.virtualSeconds(planned), Measured: p.virtualSeconds(got), Error: results.Figure(off),
		OK: e.under.Returned > 0 && math.Abs(off) <= bounds.queue+fidelity.QueueResolution(egress)}
}

// lossRow compares how many of so many packets a link lost with its plan: that must lie in the interval of the share at
// 99.9 %, so that a table of a hundred links rarely cries wolf.
func (p *Plan) lossRow(name string, lost, sent int) results.Probe {
	planned := 0.0
	if l, ok := p.Network.Link(name); ok && l.Delay != nil {
		planned = float64(l.Delay.Loss)
	}
	low, high := results.Interval(lost, sent, 0.999)
	share := float64(lost) / float64(sent)
	return results.Probe{Subject: name, Quantity: results.ProbeLoss,
		Plan: results.Figure(planned), Measured: results.Figure(share), Error: results.Figure(share - planned),
		OK: sent > 0 && low <= planned && planned <= high}
}

func (p *Plan) virtualSeconds(wall time.Duration) results.Figure {
	return results.Figure(p.Dilation.Virtual(wall).Seconds())
}

// probeChecks are the checks that the probes before a run make.
func (t *testbed) probeChecks() []fidelity.Check {
	var checks []fidelity.Check
	p := t.plan
	for _, edge := range p.loadedEdges() {
		e, ok := t.echoed[edge]
		if !ok {
			continue
		}
		off := p.Dilation.Virtual((time.Duration(e.idle.RoundTrip.P50) - e.planned).Abs())
		checks = append(checks, fidelity.RoundTripProbe(edge, off, e.idle.Returned, p.shortestDeadline()))
		if e.filled() {
			checks = append(checks,
				fidelity.QueueProbe(e.narrowest.Name, e.queue().Seconds()/e.narrowest.Egress.QueueTime().Seconds(), e.narrowest.Egress))
		}
	}
	return checks
}
