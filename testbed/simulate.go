package testbed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/scheduler"
)

// Simulated is the runtime of a run that only a model has made.
const Simulated = "simulated"

// Simulate runs an experiment in the model of [scheduler.Predict] and [scheduler.PredictTCP] instead of on a testbed: in virtual time, without
// root, kernel or engine, at any scale. It writes the same files as [Run], but for those about the host, and its summary is
// marked as simulated; what its edges carried and computed is what the window's frames bring. The same experiment and seed
// give the same frames.
//
// The model knows an edge's one worker, the FIFO of every uplink and trunk, delays, TCP's window, and how events and traces change rates and
// delays; it knows no loss, queue limits, background traffic or deaths of nodes. What the cloud computes is not in it either, so an experiment whose deadline is that of
// the answer is an *InputError, as is everything [Run] calls one.
func Simulate(ctx context.Context, e *Experiment, o Options) (*results.Summary, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if e.QoS.On == OnEndToEnd {
		return nil, inputError(errors.New("qos.on: the model ends in the cloud and knows no end_to_end latency; use transfer, or emulate"))
	}
	p, s, err := scheduled(ctx, e, o)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	p.Runtime, p.Dilation = Simulated, 1
	frames, err := p.simulate(s)
	if err != nil {
		return nil, err
	}
	rule := p.rule()
	results.Classify(frames, rule)
	edges := p.edgeSummaries()
	p.carried(edges)
	summary := results.Summarise(results.Input{
		Run: p.Run, Experiment: p.Experiment.Name, Seed: p.Experiment.Seed, Runtime: p.Runtime, Dilation: p.Dilation,
		Started: p.Started, Wall: time.Since(p.Started), Rule: rule, Schedule: p.scheduleSummary(), Tasks: p.taskRecords(),
		Edges: edges, Trunks: p.trunks(), Frames: frames, Simulated: true, Broken: p.Violations,
	})
	dir, err := createRunDir(o.Out, p)
	if err != nil {
		return nil, err
	}
	if _, err := p.tell(dir, 0, scheduler.Forever); err != nil {
		return &summary, errors.Join(err, dir.close())
	}
	if err := writeResults(dir, summary, records{frames: frames}); err != nil {
		return &summary, errors.Join(fmt.Errorf("simulate: %w", err), dir.close())
	}
	return &summary, errors.Join(dir.close(), os.RemoveAll(dir.file(logsDir)))
}

// carried fills in what the frames captured in the window bring onto every uplink and to every edge's worker, per second of it.
func (p *Plan) carried(edges []results.EdgeSummary) {
	index := map[string]int{}
	for i := range edges {
		index[edges[i].Edge] = i
		edges[i].Uplink.QueueP99 = results.Absent()
	}
	for _, s := range p.Streams {
		e := &edges[index[s.Edge]]
		for n, at := range s.Arrivals {
			message, _ := s.message(n)
			if at < 0 || at >= p.Duration {
				continue
			}
			e.Uplink.Measured += results.Figure(8 * float64(shape.WireBytes(message)) / p.Duration.Seconds())
			e.CPU.UsedGFLOPS += results.Figure(s.FLOPs / 1e9 / p.Duration.Seconds())
		}
	}
	for i := range edges {
		edges[i].Uplink.Utilisation = edges[i].Uplink.Measured / edges[i].Uplink.Rate
	}
}

// simulate is the frames as the fluid model has them, in the order of streams. What the model does not know is NaN.
func (p *Plan) simulate(s *system) ([]results.Frame, error) {
	predicted, err := p.fluid(s)
	if err != nil {
		return nil, err
	}
	p.expect(predicted)
	unknown := math.NaN()
	var frames []results.Frame
	for i, stream := range p.Streams {
		for n, at := range stream.Arrivals {
			message, input := stream.message(n)
			received := unknown
			if predicted[i].Arrives(n) {
				received = predicted[i].Received[n].Seconds()
			}
			frames = append(frames, results.Frame{
				Task: stream.Task, Edge: stream.Edge, Frame: int64(stream.First + n), Cut: int32(stream.Cut),
				InputBytes: int64(input), WireBytes: int64(message),
				Captured: at.Seconds(), Started: unknown, Ready: predicted[i].Ready[n].Seconds(), Sent: unknown,
				Received:    received,
				TailStarted: unknown, TailEnded: unknown, Answered: unknown, Class: noClass, Reference: noClass,
			})
		}
	}
	return frames, nil
}
