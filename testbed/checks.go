package testbed

import (
	"slices"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/link"
)

// checks holds everything the run watched about itself against its limits.
func (t *testbed) checks(r records, parity []fidelity.Check) fidelity.Report {
	p := t.plan
	due := len(r.frames)
	checks := []fidelity.Check{fidelity.Complete("run", due-r.missing, due)}
	faults, _ := t.heard.survived()
	checks = append(checks, fidelity.Faults("run", faults))
	checks = append(checks, t.linkChecks()...)
	checks = append(checks, t.probeChecks()...)
	checks = append(checks, t.cpuProbes()...)
	checks = append(checks, p.cpuChecks(r)...)
	checks = append(checks, t.delayChecks()...)
	checks = append(checks, t.monitorChecks()...)
	if t.sampler != nil {
		checks = append(checks, fidelity.TimerLateness("harness", p.Dilation.Virtual(t.sampler.latenessP99()), p.shortestDeadline()))
	}
	required := []string{"timer_lateness", "link_probe"}
	if !t.heard.silent(emulator.CloudName) && !slices.ContainsFunc(p.loadedEdges(), t.heard.silent) {
		required = append(required, "parity")
	}
	if len(p.computingNodes()) > 0 {
		required = append(required, "cpu_probe")
	}
	return fidelity.Judge(append(checks, parity...), required...)
}

// linkChecks compares every link that carried something with its plan: by its probe, and by the run's own
// traffic where that kept it busy.
func (t *testbed) linkChecks() []fidelity.Check {
	var checks []fidelity.Check
	for _, l := range t.plan.Network.Network.Links {
		if probe, ok := t.probed[l.Name]; ok {
			checks = append(checks, fidelity.LinkProbe(l.Name, probe.narrowest.Egress.Rate(), probe.rate()))
		}
		if t.sampler == nil {
			continue
		}
		for _, subject := range t.plan.judgedParts(l) {
			if planned, rate, ok := fidelity.BackloggedRate(t.sampler.points[subject]); ok {
				checks = append(checks, fidelity.LinkRate(subject, planned, rate))
			}
		}
	}
	return checks
}

// judgedParts are what has a rate of its own while something waits there: a link or its classes. A link whose classes hold their
// own back may have something waiting and be idle, so there each class is looked at; one whose classes borrow is busy as a whole.
func (p *Plan) judgedParts(l link.Link) []string {
	if l.Rest == nil || p.Experiment.Emulation.Sharing == SharingBorrow {
		return []string{l.Name}
	}
	var parts []string
	for _, c := range l.Classes {
		parts = append(parts, c.Name)
	}
	if l.Rest.Ceil == l.Rest.BytesPerSecond {
		parts = append(parts, l.RestName())
	}
	return parts
}

// cpuProbes compares the CPU every node got in its probe with its quota.
func (t *testbed) cpuProbes() []fidelity.Check {
	var checks []fidelity.Check
	for _, n := range t.plan.computingNodes() {
		if span, ok := t.granted[n.Name]; ok {
			checks = append(checks, fidelity.CPUProbe(n.Name, n.CPU.Cores, span))
		}
	}
	return checks
}

// cpuChecks compares the CPU every edge got while it computed with its quota.
func (p *Plan) cpuChecks(r records) []fidelity.Check {
	spans := map[string][]fidelity.Busy{}
	for _, f := range r.edge {
		if f.Started != 0 && f.Ready != 0 {
			spans[f.Edge] = append(spans[f.Edge], fidelity.Busy{Wall: time.Duration(f.Ready - f.Started), CPU: time.Duration(f.HeadCPU)})
		}
	}
	var checks []fidelity.Check
	for _, n := range p.Network.Nodes {
		if n.CPU == nil {
			continue
		}
		if c, ok := fidelity.CPUGranted(n.Name, n.CPU.Cores, n.CPU.Period, spans[n.Name]); ok {
			checks = append(checks, c)
		}
	}
	return checks
}

// percentile99 is the nearest-rank 99th percentile.
func percentile99(spans []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(spans))
	return sorted[(len(sorted)*99+99)/100-1]
}
