package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/scheduler"
	"golang.org/x/sync/errgroup"
)

// finishTime bounds how long nodes are waited for when they are told to complete their logs, beyond the head they
// may be computing.
const finishTime = 20 * time.Second

// conclude makes records and a verdict of what the nodes have measured, whatever ended the replay. It
// goes on when ctx has ended: what was measured is kept.
func (t *testbed) conclude(ctx context.Context, replayErr error) (*results.Summary, error) {
	p := t.plan
	eventErr := t.phase(Collect, "")
	faults, caused := t.heard.survived()
	for _, fault := range faults {
		eventErr = errors.Join(eventErr, t.dir.event(event{Event: "fault", Detail: fault.Error()}))
	}
	for _, fault := range caused {
		eventErr = errors.Join(eventErr, t.dir.event(event{Event: "fault after a kill", Detail: fault.Error()}))
	}
	if t.links.Line() != nil && t.delays.err == nil {
		eventErr = errors.Join(eventErr, t.dir.event(event{Event: "delay line", Detail: t.delays.detail()}))
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime+p.longestHead())
	defer cancel()
	if replayErr == nil {
		eventErr = errors.Join(eventErr, t.compareNetwork(keep))
	}
	finishErr := t.finish(keep)
	var parity []fidelity.Check
	var uncut references
	if replayErr == nil && finishErr == nil && len(t.monitor.stopped) == 0 && t.delays.err == nil {
		var err error
		if parity, uncut, err = t.checkParity(ctx); err != nil {
			replayErr = err
		}
	}
	records, err := p.collect(t.dir.path, t.timeline)
	if err != nil {
		return nil, joinOnce(interrupted(ctx, errors.Join(replayErr, finishErr)), err, eventErr)
	}
	uncut.mark(p.Streams, records.frames)
	checks := t.checks(records, parity)
	if replayErr != nil {
		checks = fidelity.Judge(append(checks.Checks, fidelity.Check{Name: "replay", Subject: "run",
			Advice: "the replay did not come to its end: " + interrupted(ctx, replayErr).Error()}))
	}
	eventErr = errors.Join(eventErr, t.phase(Verdict, ""))
	records.changes = t.changes.list()
	summary, err := p.conclude(t.dir, t.timeline, records, t.found(), advise(checks, p.Dilation))
	if replayErr != nil {
		finishErr = nil // whatever ended the replay is also why nodes could not finish
	}
	if lineEnded(replayErr) {
		replayErr = nil // a check says so
	}
	return summary, joinOnce(interrupted(ctx, errors.Join(replayErr, finishErr)), err, eventErr)
}

// found is what the probes before the replay measured; empty where they are not known any more.
type found struct {
	probes []results.Probe
	delays map[string]results.Figure // one way up, in virtual seconds, by edge
}

func (t *testbed) found() found {
	f := found{probes: t.measured(t.plan.ofRuns(), t.probing), delays: map[string]results.Figure{}}
	for edge, e := range t.echoed {
		if e.idle.Returned > 0 {
			f.delays[edge] = t.plan.virtualSeconds(time.Duration(e.idle.Up.P50))
		}
	}
	return f
}

// longestHead is the wall time of the longest head.
func (p *Plan) longestHead() time.Duration {
	longest := 0.0
	compute := map[string]units.FLOPS{}
	for _, e := range p.Topology.Edges {
		compute[e.Name] = e.Compute
	}
	for _, s := range p.Streams {
		longest = max(longest, s.FLOPs/float64(compute[s.Edge]))
	}
	return p.Dilation.Wall(units.Virtual(longest * float64(time.Second)))
}

// finish has every node complete its log. Those that are gone have left what they wrote.
func (t *testbed) finish(ctx context.Context) error {
	errs := make([]error, len(t.plan.Network.Nodes))
	var group errgroup.Group
	for i, n := range t.plan.Network.Nodes {
		if t.heard.silent(n.Name) {
			continue
		}
		group.Go(func() error {
			errs[i] = t.finishNode(ctx, n.Name)
			return nil // one node that hangs must not keep the others from finishing
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// checkParity has a frame of every stream computed once more and compared with the uncut network.
func (t *testbed) checkParity(ctx context.Context) ([]fidelity.Check, references, error) {
	verified, err := t.verify(ctx)
	if err != nil {
		return nil, nil, err
	}
	return t.plan.parity(ctx, t.options.Store, verified)
}

// conclude writes the records, the summary and the report of a run into its directory and removes the logs
// they were made of.
func (p *Plan) conclude(dir *runDir, t timeline, r records, f found, checks fidelity.Report) (*results.Summary, error) {
	rule := p.rule()
	results.Classify(r.frames, rule)
	edges := p.edgeSummaries()
	for i, e := range edges {
		if delay, ok := f.delays[e.Edge]; ok {
			edges[i].Uplink.MeasuredDelay = delay
		}
	}
	results.MeasureEdges(edges, r.samples, p.Dilation, p.Duration)
	summary := results.Summarise(results.Input{
		Run: p.Run, Experiment: p.Experiment.Name, Seed: p.Experiment.Seed, Runtime: p.Runtime, Delay: p.delay(),
		Dilation: p.Dilation, Started: p.Started, CloudVirtual: p.Topology.Cloud.Compute > 0, Wall: r.lasted,
		Rule: rule, Schedule: p.scheduleSummary(), Tasks: p.taskRecords(), Edges: edges, Trunks: p.trunks(),
		Background: p.backgroundRecords(), Flows: r.flows,
		Frames: r.frames, Fidelity: checks, Broken: p.Violations, Probes: f.probes, Warnings: p.warnings(),
		Changes: r.changes,
	})
	if err := writeResults(dir, summary, r); err != nil {
		return &summary, fmt.Errorf("%w; what was measured is in %s, and `splitbed report %s` tries again", err, dir.file(logsDir), dir.path)
	}
	return &summary, os.RemoveAll(dir.file(logsDir))
}

// writeResults writes the records, and what is computed from them, until something cannot be written.
func writeResults(dir *runDir, s results.Summary, r records) error {
	return inTurn(
		func() error { return results.WriteFrames(dir.file(framesFile), r.frames) },
		func() error { return results.WriteSamples(dir.file(samplesFile), r.samples) },
		func() error {
			if len(s.Background) == 0 {
				return nil
			}
			return results.WriteFlows(dir.file(flowsFile), r.flows)
		},
		func() error { return results.WriteSummary(dir.file(summaryFile), s) },
		func() error { return writeReport(dir, s, r) },
	)
}

func writeReport(dir *runDir, s results.Summary, r records) error {
	return atomicfile.Write(dir.file(reportFile), func(w io.Writer) error {
		return results.Report(w, s, r.frames, r.samples)
	})
}

// delay says what delays packets; empty where none is.
func (p *Plan) delay() string {
	if p.Network == nil {
		return ""
	}
	return p.Network.Delay
}

// rule is what a frame must do to be on time.
func (p *Plan) rule() results.Rule {
	rule := results.Rule{On: p.Experiment.QoS.On, Quantile: p.Experiment.QoS.Quantile, Window: p.Duration, Deadlines: map[string]units.Virtual{}}
	for _, s := range p.Streams {
		rule.Deadlines[s.Task] = s.Deadline
	}
	return rule
}

func (p *Plan) scheduleSummary() results.Schedule {
	s := results.Schedule{Algorithm: p.Schedule.Algorithm, Tasks: len(p.Schedule.Tasks), Bound: results.Figure(p.Bound), AtEnd: p.AtEnd}
	if p.Bound == 0 {
		s.Bound = results.Absent()
	}
	for _, a := range p.Schedule.Tasks {
		if a.Deployed {
			s.Deployed++
		}
	}
	if p.Timeline != nil {
		s.Rejected, s.Evicted = p.Timeline.Count(scheduler.Rejected), p.Timeline.Count(scheduler.Evicted)
	}
	return s
}

// taskRecords lists the streams that are judged.
func (p *Plan) taskRecords() []results.TaskRecord {
	var all []results.TaskRecord
	for _, s := range p.Streams {
		if s.judged(p.Duration) {
			all = append(all, results.TaskRecord{Task: s.Task, Edge: s.Edge, Cut: s.Cut, Wire: s.onWire(), Predicted: s.Predicted, During: s.During})
		}
	}
	return all
}

// backgroundRecords lists the background traffic.
func (p *Plan) backgroundRecords() []results.BackgroundRecord {
	var all []results.BackgroundRecord
	for _, f := range p.Background {
		all = append(all, results.BackgroundRecord{Link: f.Link, Kind: f.Traffic.Kind, Flows: f.Flows, Start: f.Start, Stop: f.Stop})
	}
	return all
}

// edgeSummaries holds the planned figures of every edge; [results.MeasureEdges] adds the measured ones.
func (p *Plan) edgeSummaries() []results.EdgeSummary {
	topology := p.Topology
	var all []results.EdgeSummary
	for i, e := range topology.Edges {
		cpu := results.CPUSummary{GFLOPS: results.Figure(e.Compute / 1e9), QuotaCores: results.Absent()}
		if p.Network == nil {
			cpu.Throttled = results.Absent()
		} else if planned := p.Network.Nodes[i].CPU; planned != nil {
			cpu.QuotaCores = results.Figure(planned.Cores)
		}
		all = append(all, results.EdgeSummary{
			Edge: e.Name,
			Uplink: results.UplinkSummary{
				Rate: results.Figure(e.Uplink.Rate), Delay: results.Figure(e.Uplink.Delay.Seconds()), MeasuredDelay: results.Absent()},
			CPU: cpu,
		})
	}
	return all
}

// trunks names the trunks between each edge and the cloud.
func (p *Plan) trunks() map[string][]string {
	names := map[string][]string{}
	for i, e := range p.Topology.Edges {
		for _, trunk := range p.Topology.Path(i) {
			names[e.Name] = append(names[e.Name], p.Topology.Trunks[trunk].Name)
		}
	}
	return names
}
