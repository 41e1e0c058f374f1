package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
)

// SelfTestOptions say how a topology is tested.
type SelfTestOptions struct {
	// Runtime is native (or empty) or docker.
	Runtime string
	// Dilation 0 is the smallest that fits the host.
	Dilation units.Dilation
	Progress Progress
	// Binary is as in Options.
	Binary string
}

// SelfTest is what a self-test found.
type SelfTest struct {
	Dilation units.Dilation
	Probes   []results.Probe
}

// OK tells whether everything was as planned.
func (s SelfTest) OK() bool {
	for _, p := range s.Probes {
		if !p.OK {
			return false
		}
	}
	return len(s.Probes) > 0
}

// probeWorkload puts a network at every edge to probe its CPU with: the convolutions of AlexNet, which the host's GFLOPS are
// counted with, too. Nothing is replayed.
const probeWorkload = `
name: self-test
tasks: [{name: probe, model: alexnet, input: 48kB, fps: 1, edges: all, deadline: 200ms}]
`

// probeCut is the layer after the last convolution of the probe's network.
const probeCut = 5

// Test builds the links and edges of a topology, measures all of them against the plan, and removes them. It needs root. The
// error is an [*InputError] where the topology or the dilation has to change. That something is not as planned is no error.
func Test(ctx context.Context, topology *topologies.Topology, o SelfTestOptions) (result SelfTest, err error) {
	e, err := selfTestExperiment(topology, o)
	if err != nil {
		return result, inputError(err)
	}
	options, err := Options{Progress: o.Progress, Binary: o.Binary, AllowInfeasible: true, bare: true}.withDefaults()
	if err != nil {
		return result, err
	}
	plan, err := prepare(ctx, e, options)
	if err != nil {
		return result, interrupted(ctx, err)
	}
	parent, err := os.MkdirTemp("", "splitbed-selftest-*")
	if err != nil {
		return result, fmt.Errorf("self-test: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	dir, err := createRunDir(filepath.Join(parent, plan.Run), plan)
	if err != nil {
		return result, err
	}
	t := &testbed{plan: plan, options: options, dir: dir, probing: probing{thorough: true}}
	defer func() {
		options.Progress.Phase(TearDown, "")
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		err = errors.Join(err, t.tearDown(cleanup), dir.discard())
	}()
	if err := t.build(ctx); err != nil {
		return result, interrupted(ctx, err)
	}
	if err := t.warmUp(ctx); err != nil {
		return result, interrupted(ctx, err)
	}
	return SelfTest{Dilation: plan.Dilation, Probes: t.measured(thorough, t.probing)}, nil
}

// selfTestExperiment is the experiment whose testbed a self-test builds.
func selfTestExperiment(topology *topologies.Topology, o SelfTestOptions) (*Experiment, error) {
	expanded, err := topology.Expand()
	if err != nil {
		return nil, err
	}
	workload, err := workloads.Parse("self-test", []byte(probeWorkload))
	if err != nil {
		return nil, err
	}
	e := DefaultExperiment()
	e.Name, e.Topology, e.Workload = "self-test", expanded, workload
	e.Emulation.Dilation = o.Dilation
	if o.Runtime != "" {
		e.Emulation.Runtime = o.Runtime
	}
	e.Scheduler.Schedule = &scheduler.Schedule{Algorithm: "self-test", Tasks: []scheduler.Assignment{
		{Task: "probe", Deployed: true, Cut: probeCut, Rates: make([]units.Rate, len(expanded.Edges))},
	}}
	return e, e.Validate()
}
