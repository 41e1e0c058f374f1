package testbed

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/video"
)

// Plan is everything a run will make and do, decided before anything is made. It is a pure function of
// the experiment, its seed, the schedule and the host's figures.
type Plan struct {
	Run        string                `json:"run"`
	Started    time.Time             `json:"started"`
	Experiment *Experiment           `json:"-"` // experiment.yaml, everything inlined
	Topology   *topologies.Topology  `json:"-"` // the experiment's, expanded
	Host       Host                  `json:"-"` // host.json
	Instance   scheduler.Instance    `json:"-"`
	Schedule   scheduler.Schedule    `json:"-"` // schedule.json
	Violations []scheduler.Violation `json:"violations,omitempty"`
	// Timeline is what an online algorithm decides, and when; nil for the others.
	Timeline *scheduler.Timeline `json:"timeline,omitempty"`
	// Bound is how many tasks any schedule can deploy that cuts as early as this one may; 0 where it is not known because tasks come
	// and go.
	Bound int `json:"bound"`
	// AtEnd is how many tasks run when the window ends.
	AtEnd int `json:"deployed_at_end"`

	Runtime  string         `json:"runtime"`
	Dilation units.Dilation `json:"dilation"`
	Budget   Budget         `json:"budget"`
	Warmup   units.Virtual  `json:"warmup"`
	Duration units.Virtual  `json:"duration"`
	// Drain is how long answers are waited for after the window.
	Drain units.Virtual `json:"drain"`
	// Measured is what heads cost where overheads are measured.
	Measured   *Measured      `json:"measured_overheads,omitempty"`
	Streams    []Stream       `json:"streams"`
	Background []Flow         `json:"background,omitempty"`
	Network    *emulator.Plan `json:"network"`

	bare   bool   // see Options
	delays string // what delays packets, where any are
}

// prepare resolves, schedules and plans an experiment. It starts nothing.
func prepare(ctx context.Context, e *Experiment, o Options) (*Plan, error) {
	p, s, err := scheduled(ctx, e, o)
	if err != nil {
		return nil, err
	}
	o.Progress.Phase(Planning, "")
	// What this host cannot do at all is said before anything is measured on it.
	if err := p.checkHost(ctx); err != nil {
		return nil, err
	}
	if p.Host, err = Calibrate(ctx, o.Store); err != nil {
		return nil, err
	}
	if p.delays, err = p.chooseDelay(); err != nil {
		return nil, err
	}
	if err := p.chooseDilation(s, e.Emulation.Dilation, o.Overcommit); err != nil {
		return nil, err
	}
	if err := p.planNetwork(s); err != nil {
		return nil, inputError(err)
	}
	if err := p.checkDelays(); err != nil {
		return nil, err
	}
	if err := p.checkEvents(); err != nil {
		return nil, err
	}
	if err := p.predict(s); err != nil {
		return nil, err
	}
	return p, nil
}

// scheduled is the part of a plan that does not depend on the host: what runs where, and when its frames come.
func scheduled(ctx context.Context, e *Experiment, o Options) (*Plan, *system, error) {
	o.Progress.Phase(Resolve, "")
	s, err := resolve(ctx, e, o.Store)
	if err != nil {
		return nil, nil, inputError(err)
	}
	o.Progress.Phase(Schedule, e.Scheduler.Algorithm)
	started := time.Now()
	p := &Plan{
		Run: newRunID(started), Started: started, Experiment: e, Topology: s.topology, Runtime: e.Emulation.Runtime,
		Warmup: e.Emulation.Warmup, Duration: e.Emulation.Duration, Measured: s.measured, bare: o.bare,
	}
	if s.measured != nil {
		// Inlined, so that experiment.yaml repeats the run wherever it is run.
		inlined := *e
		inlined.Scheduler.Measured = s.measured
		p.Experiment = &inlined
	}
	if err := p.schedule(ctx, s, o); err != nil {
		return nil, nil, err
	}
	p.Streams = s.streams(p.Instance, p.Schedule, e.Scheduler.Undeployed == UndeployedCloud, p.Warmup, p.Duration)
	p.Background = s.flows(p.Duration, e.Seed)
	if len(p.Streams) == 0 {
		return nil, nil, inputError(fmt.Errorf("the schedule deploys none of the %d tasks: there is nothing to run", len(p.Instance.Tasks)))
	}
	p.Drain = drain(p.Streams)
	return p, s, p.givePorts()
}

// resolve looks up everything an experiment names. Where overheads are measured it takes what the experiment or the store has
// and measures the rest, which needs the engine.
func resolve(ctx context.Context, e *Experiment, store model.Store) (*system, error) {
	topology, err := e.Topology.Expand()
	if err != nil {
		return nil, err
	}
	workload, err := e.Workload.Resolve(topology, e.Seed, networks{ctx, store})
	if err != nil {
		return nil, err
	}
	return newSystem(ctx, topology, workload, e.Scheduler, store)
}

// schedule plans the tasks, or takes a schedule made elsewhere, and checks it.
func (p *Plan) schedule(ctx context.Context, s *system, o Options) (err error) {
	p.Instance = s.instance(p.Experiment.Scheduler)
	if err := p.Instance.Validate(); err != nil {
		return inputError(err)
	}
	if o.ScheduleFile != "" {
		if p.Experiment, err = p.Experiment.withSchedule(o.ScheduleFile, p.Instance); err != nil {
			return inputError(err)
		}
	}
	if p.Schedule, p.Timeline, err = p.Experiment.Scheduler.plan(ctx, p.Instance, p.Duration); err != nil {
		return inputError(err)
	}
	if strings.HasPrefix(p.Experiment.Scheduler.Algorithm, algorithmExec) {
		// Inlined, so that experiment.yaml repeats the run without the program.
		inlined := *p.Experiment
		inlined.Scheduler.Schedule = &p.Schedule
		p.Experiment = &inlined
	}
	p.AtEnd = deployedAt(p.Instance, p.Schedule, p.Duration-1)
	if !p.Instance.Timed() {
		if p.Bound, err = scheduler.Bound(ctx, p.Instance, firstCut(p.Schedule)); err != nil {
			return err
		}
	}
	p.Violations = scheduler.Check(p.Instance, p.Schedule)
	if len(p.Violations) > 0 && !o.AllowInfeasible {
		return inputError(&InfeasibleError{p.Violations})
	}
	return nil
}

// withSchedule is the experiment with a schedule from a file inlined in place of its algorithm, so that
// its experiment.yaml repeats the run.
func (e *Experiment) withSchedule(path string, inst scheduler.Instance) (*Experiment, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	defer file.Close()
	schedule, err := scheduler.ReadSchedule(file, inst)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", path, err)
	}
	inlined := *e
	inlined.Scheduler.Algorithm, inlined.Scheduler.Schedule = algorithmFile+path, &schedule
	return &inlined, nil
}

// plan is the schedule the experiment brings, or the one its algorithm makes. An online algorithm decides about the tasks that
// come before the end of the window, and its decisions are there, too.
func (s Scheduler) plan(ctx context.Context, inst scheduler.Instance, window units.Virtual) (scheduler.Schedule, *scheduler.Timeline, error) {
	if s.Schedule != nil {
		schedule, err := scheduler.Match(*s.Schedule, inst)
		return schedule, nil, err
	}
	if command, ok := strings.CutPrefix(s.Algorithm, algorithmExec); ok {
		schedule, err := execute(ctx, s.Algorithm, strings.Fields(command), inst)
		return schedule, nil, err
	}
	if rule, ok := scheduler.RuleByName(s.Algorithm); ok {
		timeline, err := scheduler.Admissions(ctx, inst, rule, window)
		if err != nil {
			return scheduler.Schedule{}, nil, err
		}
		return timeline.Schedule(inst), &timeline, nil
	}
	planner, err := scheduler.ByName(s.Algorithm)
	if err != nil {
		return scheduler.Schedule{}, nil, err
	}
	schedule, err := planner.Plan(ctx, inst)
	return schedule, nil, err
}

// InfeasibleError names every constraint a schedule breaks.
type InfeasibleError struct{ Violations []scheduler.Violation }

func (e *InfeasibleError) Error() string {
	text := "the schedule breaks constraints (--allow-infeasible tries it all the same):"
	for _, v := range e.Violations {
		text += "\n  " + v.String()
	}
	return text
}

// drain is how long a run waits for answers after its window.
func drain(streams []Stream) units.Virtual {
	longest := units.Virtual(0)
	for _, s := range streams {
		longest = max(longest, results.Grace(s.Deadline))
	}
	return longest
}

// shortestDeadline is what timers are held against.
func (p *Plan) shortestDeadline() units.Virtual {
	shortest := p.Streams[0].Deadline
	for _, s := range p.Streams {
		shortest = min(shortest, s.Deadline)
	}
	return shortest
}

// networks tells the workload what networks take, and imports ONNX files into the store.
type networks struct {
	ctx   context.Context // of the one call of Resolve
	store model.Store
}

func (networks) MinSize(name string) (h, w int, err error) { return model.MinSize(name) }

// Clip is what is replayed of a video.
func (n networks) Clip(fileOrName string, keyframes bool) (*video.Clip, error) {
	return video.Probe(n.ctx, videoDir(n.store), fileOrName, keyframes)
}

// FileSize is the one picture size of an ONNX file, which is imported.
func (n networks) FileSize(path string, shape []int) (h, w int, err error) {
	p, err := engine.Import(n.ctx, n.store, path, shape)
	return p.Height, p.Width, err
}
