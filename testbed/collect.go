package testbed

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads/replay"
)

// records is what was measured in a run, read from the logs its nodes and sampler appended to.
type records struct {
	frames  []results.Frame // by stream, then frame number; every frame that was due
	edge    []replay.EdgeFrame
	samples []results.Sample
	flows   []results.FlowSample // of background traffic, in order of time
	// missing are the frames no node has recorded, without those of edges that were killed on purpose.
	missing int
	// changes is what became of links and nodes.
	changes []results.Change
	// lasted is the wall time from the start of the replay to the last sample.
	lasted time.Duration
}

// frameKey names a frame within a run.
type frameKey struct {
	task, edge string
	frame      uint64
}

// collect reads the logs below dir. A node that wrote no log has recorded nothing, which is no error:
// its frames are lost.
func (p *Plan) collect(dir string, t timeline) (records, error) {
	var r records
	var counted []replay.FlowSample
	edges, clouds := map[frameKey]replay.EdgeFrame{}, map[frameKey]replay.CloudFrame{}
	for _, node := range p.Network.Nodes {
		path := nodeLog(dir, node.Name)
		if node.Name == emulator.CloudName {
			log, err := replay.ReadCloudLog(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return r, err
			}
			counted = append(counted, log.Flows...)
			for _, f := range log.Frames {
				clouds[frameKey{f.Task, f.Edge, f.Frame}] = f
			}
			continue
		}
		log, err := replay.ReadEdgeLog(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
		counted = append(counted, log.Flows...)
		for _, f := range log.Frames {
			edges[frameKey{f.Task, f.Edge, f.Frame}] = f
		}
		r.edge = append(r.edge, log.Frames...)
	}
	for _, s := range p.Streams {
		dead := p.Experiment.Events.kills(s.Edge)
		for n, at := range s.Arrivals {
			key := frameKey{s.Task, s.Edge, uint64(s.First + n)}
			edge, recorded := edges[key]
			if !recorded && !dead {
				r.missing++
			}
			r.frames = append(r.frames, join(s, s.First+n, at, edge, clouds[key], t))
		}
	}
	r.flows = p.background(counted, t)
	readings, err := readReadings(filepath.Join(dir, samplesLog))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	for _, s := range readings {
		r.lasted = max(r.lasted, time.Duration(s.At-t.Start))
		r.samples = append(r.samples, results.Sample{
			Time: t.seconds(s.At), Subject: s.Subject, Bytes: s.Bytes, Drops: s.Drops, Backlog: s.Backlog, Rate: s.Rate, CPU: s.CPU, Throttled: s.Throttled})
	}
	return r, nil
}

// background joins what both ends of the background flows have counted, in order of time: each knows one side of a flow.
func (p *Plan) background(counted []replay.FlowSample, t timeline) []results.FlowSample {
	slices.SortStableFunc(counted, func(a, b replay.FlowSample) int { return cmp.Compare(a.At, b.At) })
	var kinds []string // by flow
	for _, f := range p.Background {
		kinds = append(kinds, slices.Repeat([]string{f.Traffic.Kind}, f.Flows)...)
	}
	last := map[uint32]results.FlowSample{}
	var all []results.FlowSample
	for _, c := range counted {
		if int(c.ID) >= len(kinds) {
			continue // not this plan's
		}
		f := last[c.ID]
		f.Time, f.Flow, f.Link, f.Kind = t.seconds(c.At), int64(c.ID), c.Link, kinds[c.ID]
		f.DeliveredBytes, f.Delivered = max(f.DeliveredBytes, c.Bytes), max(f.Delivered, c.Pieces)
		f.OfferedBytes, f.Offered = max(f.OfferedBytes, c.Offered), max(f.Offered, c.OfferedPieces)
		last[c.ID] = f
		all = append(all, f)
	}
	return all
}

// join makes the record of a frame out of what its edge and the cloud know of it, which may be nothing.
func join(s Stream, number int, due units.Virtual, edge replay.EdgeFrame, cloud replay.CloudFrame, t timeline) results.Frame {
	f := results.Frame{
		Task: s.Task, Edge: s.Edge, Frame: int64(number), Cut: int32(s.Cut),
		InputBytes: int64(edge.InputBytes), WireBytes: int64(edge.WireBytes),
		Captured: due.Seconds(),
		Started:  t.seconds(edge.Started), Ready: t.seconds(edge.Ready), Sent: t.seconds(edge.Sent),
		Received: t.seconds(cloud.Received), TailStarted: t.seconds(cloud.TailStarted), TailEnded: t.seconds(cloud.TailEnded),
		Answered: t.seconds(edge.Answered),
		HeadCPU:  float64(edge.HeadCPU) / 1e9,
		Class:    noClass, Reference: noClass,
	}
	if !math.IsNaN(f.Answered) {
		f.Class = edge.Class
	}
	return f
}

func nodeLog(dir, node string) string { return filepath.Join(dir, logsDir, node+".jsonl") }

// loadedEdges lists the edges that have frames, in the topology's order.
func (p *Plan) loadedEdges() []string {
	loaded := map[string]bool{}
	for _, s := range p.Streams {
		if len(s.Arrivals) > 0 {
			loaded[s.Edge] = true
		}
	}
	var names []string
	for _, n := range p.Network.Nodes {
		if loaded[n.Name] {
			names = append(names, n.Name)
		}
	}
	return names
}
