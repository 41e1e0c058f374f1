package testbed

import (
	"context"
	"fmt"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/replay"
	"github.com/splitbed/splitbed/workloads/wire"
)

// system is a topology and a workload with every reference looked up: what there is to schedule.
type system struct {
	topology *topologies.Topology
	workload *workloads.Resolved
	edges    map[string]int // index into topology.Edges by name
	profiles map[pictureSize]model.Profile
	usual    map[string]model.Profile // by network, at the size it was made for
	measured *Measured                // nil where overheads are counted
}

// pictureSize is what a network's costs depend on.
type pictureSize struct {
	model         string
	height, width int
}

// newSystem profiles every network of the workload at every picture size it meets.
func newSystem(ctx context.Context, topology *topologies.Topology, workload *workloads.Resolved, rules Scheduler, store model.Store) (*system, error) {
	s := &system{topology: topology, workload: workload, edges: map[string]int{}, profiles: map[pictureSize]model.Profile{}}
	for i, e := range topology.Edges {
		s.edges[e.Name] = i
	}
	for _, task := range workload.Tasks {
		for _, source := range task.At {
			size := pictureSize{task.Model, source.Height, source.Width}
			if _, ok := s.profiles[size]; ok {
				continue
			}
			profile, err := store.Describe(size.model, size.height, size.width)
			if err != nil {
				return nil, fmt.Errorf("task %s at %s: %w", task.Name, source.Edge, err)
			}
			s.profiles[size] = profile
		}
	}
	var err error
	if s.usual, err = usualProfiles(workload, store); err != nil {
		return nil, err
	}
	if rules.Overheads == OverheadsMeasured {
		if s.measured, err = rules.Measured.complete(ctx, store, s.headsNeeded(rules)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *system) profile(task workloads.Task, source workloads.Source) model.Profile {
	return s.profiles[pictureSize{task.Model, source.Height, source.Width}]
}

// messageBytes is what one frame of a task writes to its connection at a cut: header and payload. A cut
// at 0 sends the encoded picture; of a video this is the largest. What compression will save depends on the picture, so it is not counted: this is the most a frame
// can have.
func (s *system) messageBytes(task workloads.Task, source workloads.Source, cut int) units.Bytes {
	if cut == 0 && source.Video != nil {
		return replay.HeaderBytes + source.Video.Largest()
	}
	if cut == 0 {
		return replay.HeaderBytes + source.Input
	}
	return replay.HeaderBytes + wire.Bytes(task.Wire, s.profile(task, source).Layers[cut].Shape)
}

// headsNeeded lists the networks and picture sizes whose heads a schedule under these rules is made of.
func (s *system) headsNeeded(rules Scheduler) []model.Profile {
	var all []model.Profile
	for _, p := range s.profiles {
		all = append(all, p)
	}
	if rules.Ratios == RatiosNominal {
		for _, p := range s.usual {
			all = append(all, p)
		}
	}
	return all
}

// operations is what layers 1..cut cost an edge for a picture of this size.
func (s *system) operations(profile model.Profile, cut int) float64 {
	if cut > 0 {
		if heads := s.measured.heads(profile); heads != nil {
			return heads.GFLOP[cut-1] * 1e9
		}
	}
	return profile.Layers[cut].FLOPs
}

// delay is the one-way delay from an edge to the cloud: its uplink's and that of every trunk on the way.
func (s *system) delay(edge int) units.Virtual {
	delay := s.topology.Edges[edge].Uplink.Delay
	for _, trunk := range s.topology.Path(edge) {
		delay += s.topology.Trunks[trunk].Delay
	}
	return delay
}

// instance is the scheduling problem of this system under the given rules.
func (s *system) instance(rules Scheduler) scheduler.Instance {
	inst := scheduler.Instance{Threshold: s.topology.Threshold}
	for _, t := range s.topology.Trunks {
		inst.Trunks = append(inst.Trunks, scheduler.Trunk{Name: t.Name, Rate: t.Rate, Next: s.topology.TrunkIndex(t.Trunk)})
	}
	for _, e := range s.topology.Edges {
		inst.Edges = append(inst.Edges, scheduler.Edge{
			Name: e.Name, Compute: e.Compute, Uplink: e.Uplink.Rate, Trunk: s.topology.TrunkIndex(e.Trunk)})
	}
	tables := costTables{system: s, rules: rules, made: map[costKey][]scheduler.Demand{}}
	for _, task := range s.workload.Tasks {
		inst.Tasks = append(inst.Tasks, tables.task(task))
	}
	return inst
}
