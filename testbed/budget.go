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

	// corePerDelayed is the core time that a packet costs more where it passes the delay line, and lineCorePerPacket what of a core
	// it takes of the line's thread, in which the kernel also forwards it: BenchmarkDelayLine, see docs/fidelity.md.
	corePerDelayed, lineCorePerPacket = 17e-6, 15e-6

	// lineShare is the part of a core that a thread of the delay line may be busy for: then packets go on on time, and beyond it
	// they wait for each other and for whatever else holds the core.
	lineShare = 0.5

	// tailSlack is how much longer than counted operations say the upper layers take on a core: fully
	// connected layers are bound by memory and reach about half of the convolutions' rate.
	tailSlack = 2

	// autoMargin is by how much the dilation a run chooses for itself is larger than the smallest that fits. The budget does not count
	// the runtimes of the nodes, nor what else the host does: in two runs of fifty busy edges without it the worst edge got 0.896 and 0.906 of its due.
	autoMargin = 1.1

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
	// Delays is what their passing the delay line costs beyond that, and Line what of it the busiest of the line's threads has to
	// do in the busiest span: that cannot be divided among cores. Both are 0 where the kernel delays packets, or nothing does.
	Delays float64 `json:"delays,omitempty"`
	Line   float64 `json:"line,omitempty"`
}

// Cores is the whole budget.
func (b Budget) Cores() float64 { return b.Edges + b.Cloud + b.Network + b.Delays }

// SmallestDilation is the smallest dilation at which the budget fits into [HostShare] of the host's cores, no thread of the delay
// line has too much to do, and the host's timers are exact enough for the shortest deadline. It is rounded up to two digits.
func (b Budget) SmallestDilation(host Host, deadline units.Virtual) units.Dilation {
	d := max(b.Cores()/(HostShare*float64(host.Cores)), b.Line/lineShare)
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
	const rounding = 1e-9
	return b.Cores()/float64(d) <= HostShare*float64(host.Cores)+rounding && b.Line/float64(d) <= lineShare+rounding
}

// need says in words what the budget takes at a dilation and what there is.
func (b Budget) need(host Host, d units.Dilation) string {
	at := func(cores float64) float64 { return cores / float64(d) }
	text := fmt.Sprintf("%.2f cores are needed at dilation %g (edges %.2f, cloud %.2f, network %.2f, delays %.2f) and %.2f of %d may be used",
		at(b.Cores()), float64(d), at(b.Edges), at(b.Cloud), at(b.Network), at(b.Delays), HostShare*float64(host.Cores), host.Cores)
	if at(b.Line) > lineShare {
		text += fmt.Sprintf("; a thread of the delay line would be busy for %.2f of the time and may be for %.2f", at(b.Line), lineShare)
	}
	return text
}

// chooseDilation is the dilation a run gets, and its budget: the one asked for, or, for auto (0), the smallest that fits and a margin.
// A dilation that does not fit is refused, unless overcommit says to try it. The budget may grow with the dilation, as slower links
// are sent smaller packets.
func chooseDilation(asked units.Dilation, budget func(units.Dilation) (Budget, error), host Host, deadline units.Virtual, overcommit bool) (units.Dilation, Budget, error) {
	b, err := budget(max(asked, 1))
	if err != nil || asked != 0 && (b.Fits(host, asked) || overcommit) {
		return asked, b, err
	}
	smallest, at := units.Dilation(1), b
	if asked != 0 {
		smallest = asked
	}
	for {
		next := at.SmallestDilation(host, deadline)
		if next <= smallest {
			break
		}
		smallest = next
		if at, err = budget(smallest); err != nil {
			return 0, b, err
		}
	}
	if asked == 0 {
		if smallest > 1 {
			smallest = roundUp(autoMargin * float64(smallest))
			at, err = budget(smallest)
		}
		return smallest, at, err
	}
	return 0, b, inputError(fmt.Errorf("the budgets do not fit this host: %s; use --dilation %g or more, or --overcommit to try it all the same",
		b.need(host, asked), float64(smallest)))
}

// packetCores is the CPU, in cores, that a flow of this goodput costs in full-size packets.
func packetCores(r units.Rate) float64 {
	return float64(r) / float64(8*shape.Frame) * corePerPacket
}

// budget is the CPU a plan needs of this host: the quota of every edge that has layers to compute, the
// cloud's, and what the packets cost at a dilation.
func (s *system) budget(p *Plan, d units.Dilation) (Budget, error) {
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
	delayed, err := p.lineLoad(s, d)
	b.Delays, b.Line = delayed.mean*corePerDelayed, delayed.busiest*lineCorePerPacket
	return b, err
}

// chooseDilation gives the plan its budget and dilation.
func (p *Plan) chooseDilation(s *system, asked units.Dilation, overcommit bool) (err error) {
	budget := func(d units.Dilation) (Budget, error) { return s.budget(p, d) }
	p.Dilation, p.Budget, err = chooseDilation(asked, budget, p.Host, p.shortestDeadline(), overcommit)
	return err
}
