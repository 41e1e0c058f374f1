package testbed

import (
	"fmt"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
)

const (
	// HostShare is the part of the host's cores a run may plan for. Beyond it busy groups starve the
	// kernel's packet processing and forwarded links fall behind their rate.
	HostShare = 0.9

	// corePerPacket is the core time one packet costs, sender, router and receiver together: 1.5
	// core-seconds for a gigabit of unsegmented 1514-byte packets.
	corePerPacket = 18e-6

	// tailSlack is how much longer than counted operations say the upper layers take on a core: fully
	// connected layers are bound by memory and reach about half of the convolutions' rate.
	tailSlack = 2

	// timerShare bounds the host's 99th-percentile timer error, as a part of the shortest deadline.
	timerShare = 0.01
)

// Budget is the CPU a run needs of the host at dilation 1, in cores. At dilation D it needs 1/D of it.
type Budget struct {
	// Edges is the sum of the quotas of all edges that have work.
	Edges float64 `json:"edges"`
	// Cloud is the cloud's quota, or, where its compute is "whatever the host has left", what the upper
	// halves are expected to use.
	Cloud float64 `json:"cloud"`
	// Network is what moving the scheduled packets is expected to cost.
	Network float64 `json:"network"`
}

// Cores is the whole budget.
func (b Budget) Cores() float64 { return b.Edges + b.Cloud + b.Network }

// SmallestDilation is the smallest dilation at which the budget fits into [HostShare] of the host's cores
// and the host's timers are exact enough for the shortest deadline. It is rounded up to two digits.
func (b Budget) SmallestDilation(host Host, deadline units.Virtual) units.Dilation {
	d := b.Cores() / (HostShare * float64(host.Cores))
	if deadline > 0 {
		d = max(d, host.TimerP99/(timerShare*deadline.Seconds()))
	}
	if d <= 1 {
		return 1
	}
	return roundUp(d)
}

// Fits tells whether the budget fits the host at this dilation.
func (b Budget) Fits(host Host, d units.Dilation) bool {
	return b.Cores()/float64(d) <= HostShare*float64(host.Cores)+1e-9
}

// chooseDilation is the dilation a run gets: the one asked for, or, for auto (0), the smallest that fits.
// A dilation that does not fit is refused, unless overcommit says to try it.
func chooseDilation(asked units.Dilation, b Budget, host Host, deadline units.Virtual, overcommit bool) (units.Dilation, error) {
	smallest := b.SmallestDilation(host, deadline)
	if asked == 0 {
		return smallest, nil
	}
	if b.Fits(host, asked) || overcommit {
		return asked, nil
	}
	return 0, inputError(fmt.Errorf(
		"the budgets do not fit this host: %.2f cores are needed at dilation %g (edges %.2f, cloud %.2f, network %.2f) and %.2f of %d may be used; "+
			"use --dilation %g or more, or --overcommit to try it all the same",
		b.Cores()/float64(asked), float64(asked), b.Edges/float64(asked), b.Cloud/float64(asked), b.Network/float64(asked),
		HostShare*float64(host.Cores), host.Cores, float64(smallest)))
}

// packetCores is the CPU, in cores, that a flow of this goodput costs in full-size packets.
func packetCores(r units.Rate) float64 {
	return float64(r) / float64(8*shape.Frame) * corePerPacket
}

// budget is the CPU a plan needs of this host: the quota of every edge that has layers to compute, the
// cloud's, and what the packets cost.
func (s *system) budget(p *Plan) Budget {
	perCore := p.Host.FLOPSPerCore()
	var b Budget
	computes := p.computes()
	tails, traffic := 0.0, 0.0
	for _, stream := range p.Streams {
		tails += stream.TailFLOPs * stream.Source.FPS
		traffic += 8 * stream.meanMessage() * stream.Source.FPS
	}
	for _, e := range s.topology.Edges {
		if computes[e.Name] {
			b.Edges += float64(e.Compute / perCore)
		}
	}
	if b.Cloud = float64(s.topology.Cloud.Compute / perCore); b.Cloud == 0 {
		b.Cloud = tailSlack * tails / float64(perCore)
	}
	for _, flow := range p.Background {
		traffic += float64(s.load(flow))
	}
	b.Network = packetCores(units.Rate(traffic))
	return b
}

// chooseDilation gives the plan its budget and dilation.
func (p *Plan) chooseDilation(s *system, asked units.Dilation, overcommit bool) (err error) {
	p.Budget = s.budget(p)
	p.Dilation, err = chooseDilation(asked, p.Budget, p.Host, p.shortestDeadline(), overcommit)
	return err
}
