package testbed

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
)

// Experiment joins a topology and a workload and says how to run them: what an experiment file holds.
type Experiment struct {
	Name string `yaml:"name" json:"name"`
	// Topology and Workload are a shipped name, a path or inline in the file, and always here.
	Topology  *topologies.Topology `yaml:"topology" json:"topology"`
	Workload  *workloads.Workload  `yaml:"workload" json:"workload"`
	Scheduler Scheduler            `yaml:"scheduler" json:"scheduler"`
	QoS       QoS                  `yaml:"qos,flow" json:"qos"`
	Emulation Emulation            `yaml:"emulation" json:"emulation"`
	// Events happen to links and nodes while the run lasts.
	Events Events `yaml:"events,omitempty" json:"events,omitempty"`
	// Seed decides everything drawn at random.
	Seed uint64 `yaml:"seed" json:"seed"`

	source spec.Cursor // where the experiment stands in a file, for errors found later
}

// Scheduler says which tasks run where, and after which layer each network is cut.
type Scheduler struct {
	// Algorithm is one of scheduler.Known, file:PATH, a schedule made elsewhere, or exec:CMD, a program that makes one.
	Algorithm string `yaml:"algorithm" json:"algorithm"`
	// Margin is the part of every deadline kept in reserve, in [0,1).
	Margin float64 `yaml:"margin" json:"margin"`
	// Undeployed says what becomes of the frames of tasks that are not scheduled.
	Undeployed string `yaml:"undeployed" json:"undeployed"`
	// Framing counts a frame's TCP/IP and Ethernet headers in the bandwidth it needs. The paper does not.
	Framing bool `yaml:"framing" json:"framing"`
	// Ratios are those of each picture's real tensors, or nominal: one for each network and cut, as in the paper's simulation.
	Ratios string `yaml:"ratios" json:"ratios"`
	// Overheads says whether a head costs the operations counted from its shapes, or what its time on this host is worth.
	Overheads string `yaml:"overheads" json:"overheads"`
	// Measured are head costs measured before, in a run this experiment repeats. What is missing is measured anew.
	Measured *Measured `yaml:"measured,omitempty" json:"measured,omitempty"`
	// Schedule is used as it is instead of asking the algorithm. A file:PATH is read into it.
	Schedule *scheduler.Schedule `yaml:"schedule,omitempty" json:"schedule,omitempty"`
}

// QoS is what a task at an edge must do to keep its deadline.
type QoS struct {
	// Quantile is the fraction of frames that must be on time, in (0,1].
	Quantile float64 `yaml:"quantile" json:"quantile"`
	// On is the latency that counts.
	On string `yaml:"on" json:"on"`
}

// Emulation says how the testbed is built and for how long it runs. Times are virtual.
type Emulation struct {
	Runtime string `yaml:"runtime" json:"runtime"`
	// Dilation 0, auto in a file, is the smallest that fits the host.
	Dilation units.Dilation `yaml:"dilation" json:"dilation"`
	// Sharing is how tasks share uplinks and trunks.
	Sharing string `yaml:"sharing" json:"sharing"`
	// Delay auto is netem where the kernel has it, else userspace.
	Delay    string        `yaml:"delay" json:"delay"`
	TCP      TCP           `yaml:"tcp,flow" json:"tcp"`
	Warmup   units.Virtual `yaml:"warmup" json:"warmup"`
	Duration units.Virtual `yaml:"duration" json:"duration"`
	// Capture lists links whose packets are written to a pcap file.
	Capture []Capture `yaml:"capture,omitempty" json:"capture,omitempty"`
}

// TCP is the transport of all frames and background flows.
type TCP struct {
	// Congestion auto is cubic at dilation 1 and reno above, where cubic's growth by wall time would be wrong.
	Congestion string `yaml:"congestion" json:"congestion"`
}

// What becomes of the frames of a task that is not scheduled: UndeployedDrop makes none,
// UndeployedCloud sends them whole, without a reservation.
const (
	UndeployedDrop  = "drop"
	UndeployedCloud = "cloud"
)

// What Scheduler.Ratios takes.
const (
	RatiosExact   = "exact"
	RatiosNominal = "nominal"
)

// How tasks share links: SharingShared is one FIFO for all. With SharingReserved every deployed task has a class of its own on every
// link to the cloud, at its assignment, and with SharingBorrow it may also use what others leave idle.
const (
	SharingShared   = "shared"
	SharingReserved = "reserved"
	SharingBorrow   = "borrow"
)

// What Scheduler.Overheads takes.
const (
	OverheadsCounted  = "counted"
	OverheadsMeasured = "measured"
)

// The latency QoS.On names.
const (
	OnTransfer = "transfer"
	OnEndToEnd = "end_to_end"
)

// DefaultExperiment holds what an experiment file leaves out; it lacks a name, a topology and a workload.
func DefaultExperiment() *Experiment {
	return &Experiment{
		Scheduler: Scheduler{Algorithm: "layer", Margin: 0.1, Undeployed: UndeployedDrop, Framing: true, Ratios: RatiosExact, Overheads: OverheadsCounted},
		QoS:       QoS{Quantile: 0.99, On: OnTransfer},
		Emulation: Emulation{
			Runtime:  runtimeNative,
			Sharing:  SharingShared,
			Delay:    "auto",
			TCP:      TCP{Congestion: "auto"},
			Warmup:   units.Virtual(1e9),
			Duration: units.Virtual(10e9),
		},
		Seed: 1,
	}
}

// choices are the words an experiment takes.
type choices struct {
	algorithm, undeployed, ratios, overheads, on, runtime, sharing, delay, congestion spec.Choice
}

func known() choices {
	return choices{
		algorithm:  slices.DeleteFunc(scheduler.Known(), func(name string) bool { return strings.HasPrefix(name, algorithmFixed) }),
		undeployed: spec.Choice{UndeployedDrop, UndeployedCloud},
		ratios:     spec.Choice{RatiosExact, RatiosNominal},
		overheads:  spec.Choice{OverheadsCounted, OverheadsMeasured},
		on:         spec.Choice{OnTransfer, OnEndToEnd},
		runtime:    spec.Choice{runtimeNative, runtimeDocker},
		sharing:    spec.Choice{SharingShared, SharingReserved, SharingBorrow},
		delay:      spec.Choice{"auto", emulator.DelayNetem, emulator.DelayUserspace},
		congestion: spec.Choice{"auto", "cubic", "reno"},
	}
}

const (
	algorithmFixed = "fixed:"
	algorithmFile  = "file:"
	algorithmExec  = "exec:"
)

// ParseExperiment reads an experiment and the topology, workload and schedule it names; relative paths start from the
// directory of file, which is also the name errors carry. Every error is a *spec.Error.
func ParseExperiment(file string, data []byte) (*Experiment, error) {
	e := &Experiment{}
	if _, err := spec.Decode(file, data, e); err != nil {
		return nil, err
	}
	return e, nil
}

// UnmarshalSpec reads an experiment over DefaultExperiment and checks it.
func (e *Experiment) UnmarshalSpec(c spec.Cursor) error {
	type plain Experiment
	p := plain(*DefaultExperiment())
	p.source = c
	if err := c.Decode(&p); err != nil {
		return err
	}
	*e = Experiment(p)
	at := c.Field("scheduler").Field("algorithm")
	if err := e.locateProgram(at); err != nil {
		return err
	}
	if err := e.readSchedule(at); err != nil {
		return err
	}
	return e.Validate()
}

// SetAlgorithm has the experiment scheduled by another algorithm, or by file:PATH, which is read; a schedule it brought
// along is dropped. Relative paths start from the working directory.
func (e *Experiment) SetAlgorithm(name string) error {
	e.Scheduler.Algorithm, e.Scheduler.Schedule = name, nil
	if err := checkAlgorithm(e.source.Field("scheduler").Field("algorithm"), name); err != nil {
		return err
	}
	return e.readSchedule(spec.Cursor{})
}

// locateProgram makes the path of an exec:CMD, if it is one, start from the experiment's file. A directory with spaces cannot be written in
// a command, which is split at them.
func (e *Experiment) locateProgram(at spec.Cursor) error {
	command, ok := strings.CutPrefix(e.Scheduler.Algorithm, algorithmExec)
	program, arguments, _ := strings.Cut(strings.TrimSpace(command), " ")
	if !ok || !strings.Contains(program, "/") {
		return nil // one on the PATH
	}
	path, err := at.Path(program)
	if err == nil && !strings.Contains(path, " ") {
		e.Scheduler.Algorithm = strings.TrimSpace(algorithmExec + path + " " + arguments)
	}
	return err
}

// readSchedule reads the schedule a file:PATH that stands at a place names, unless an earlier reading left it inline.
func (e *Experiment) readSchedule(at spec.Cursor) error {
	path, ok := strings.CutPrefix(e.Scheduler.Algorithm, algorithmFile)
	if !ok || path == "" || e.Scheduler.Schedule != nil {
		return nil
	}
	path, err := at.Path(path)
	if err != nil {
		return err
	}
	data, err := spec.ReadFile(path)
	if err != nil {
		return at.Wrap(err)
	}
	s := &scheduler.Schedule{}
	if err := json.Unmarshal(data, s); err != nil {
		return at.Wrap(fmt.Errorf("%s is not a schedule: %w", path, err))
	}
	e.Scheduler.Algorithm, e.Scheduler.Schedule = algorithmFile+path, s
	return nil
}

// Replace puts another topology or workload, by shipped name or path, in the place of the experiment's. An empty name
// leaves it as it is.
func (e *Experiment) Replace(topology, workload string) error {
	if topology != "" {
		t, err := topologies.Load(topology)
		if err != nil {
			return err
		}
		e.Topology = t
	}
	if workload != "" {
		w, err := workloads.Load(workload)
		if err != nil {
			return err
		}
		e.Workload = w
	}
	if e.Name == "" && e.Topology != nil && e.Workload != nil {
		e.Name = e.Workload.Name
	}
	return e.Validate()
}

// ParseDilation reads a dilation as an experiment file has it: auto, which is 0, or a number of at least 1.
func ParseDilation(s string) (units.Dilation, error) {
	var d units.Dilation
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// YAML writes the experiment with everything it names inlined, and the topology expanded: a file that repeats
// the run wherever it lies. Only ONNX files and directories of pictures stay outside, by absolute path.
func (e *Experiment) YAML() ([]byte, error) {
	inlined := *e
	if e.Topology != nil {
		expanded, err := e.Topology.Expand()
		if err != nil {
			return nil, err
		}
		inlined.Topology = expanded
	}
	return spec.Encode(&inlined)
}

// Validate checks everything an experiment can get wrong in itself. Its error is a *spec.Error, which points into the file
// when the experiment came from one.
func (e *Experiment) Validate() error {
	c := e.source
	if err := c.Field("name").CheckName(e.Name); err != nil {
		return err
	}
	if e.Topology == nil {
		return c.Field("topology").Errorf("a shipped name, a path, or a topology", "is missing")
	}
	if e.Workload == nil {
		return c.Field("workload").Errorf("a shipped name, a path, or a workload", "is missing")
	}
	if err := e.Scheduler.validate(c.Field("scheduler")); err != nil {
		return err
	}
	if err := e.QoS.validate(c.Field("qos")); err != nil {
		return err
	}
	if err := e.Emulation.validate(c.Field("emulation")); err != nil {
		return err
	}
	if err := e.Workload.Validate(); err != nil {
		return err
	}
	expanded, err := e.Topology.Expand()
	if err != nil {
		return err
	}
	if err := e.Workload.Check(expanded); err != nil {
		return err
	}
	if err := checkCaptures(c.Field("emulation").Field("capture"), e.Emulation.Capture, expanded.LinkNames()); err != nil {
		return err
	}
	return e.Events.validate(c.Field("events"), expanded, e.Emulation.Duration)
}

func (s Scheduler) validate(c spec.Cursor) error {
	if err := checkAlgorithm(c.Field("algorithm"), s.Algorithm); err != nil {
		return err
	}
	if !(s.Margin >= 0 && s.Margin < 1) {
		return c.Field("margin").Errorf("from 0 to below 1", "%v is not a part of a deadline", s.Margin)
	}
	if err := known().undeployed.Check(c.Field("undeployed"), s.Undeployed); err != nil {
		return err
	}
	if err := known().ratios.Check(c.Field("ratios"), s.Ratios); err != nil {
		return err
	}
	if err := known().overheads.Check(c.Field("overheads"), s.Overheads); err != nil {
		return err
	}
	if err := s.Measured.validate(c.Field("measured")); err != nil {
		return err
	}
	if s.Schedule == nil {
		return nil
	}
	return validateSchedule(c.Field("schedule"), s.Schedule)
}

func checkAlgorithm(c spec.Cursor, word string) error {
	algorithms := known().algorithm
	allowed := strings.Join(algorithms, ", ") + ", fixed:K, file:PATH, exec:CMD"
	if k, ok := strings.CutPrefix(word, algorithmFixed); ok {
		if n, err := strconv.Atoi(k); err != nil || n < 1 {
			return c.Errorf("fixed:1, fixed:2, …", "%q is no layer to cut after", spec.Clip(k))
		}
		return nil
	}
	if path, ok := strings.CutPrefix(word, algorithmFile); ok {
		if path == "" {
			return c.Errorf("file:PATH", "names no file")
		}
		return nil
	}
	if command, ok := strings.CutPrefix(word, algorithmExec); ok {
		if len(strings.Fields(command)) == 0 {
			return c.Errorf("exec:CMD", "names no command")
		}
		return nil
	}
	return algorithms.CheckOr(c, word, allowed)
}

// validateSchedule checks a schedule by itself; whether it fits the topology is the scheduler's to say.
func validateSchedule(c spec.Cursor, s *scheduler.Schedule) error {
	names := spec.Unique{}
	for i, a := range s.Tasks {
		at := c.Field("tasks").Index(i)
		if err := names.Add(at.Field("task"), a.Task, fmt.Sprintf("task %d of the schedule", i+1)); err != nil {
			return err
		}
		if a.Cut < 0 {
			return at.Field("k").Errorf("0 or more", "%d is no layer to cut after", a.Cut)
		}
		for j, r := range a.Rates {
			if !(r >= 0) || math.IsInf(float64(r), 0) {
				return at.Field("rates").Index(j).Errorf("0bit or more", "%v cannot be assigned", r)
			}
		}
	}
	return nil
}

func (q QoS) validate(c spec.Cursor) error {
	if !(q.Quantile > 0 && q.Quantile <= 1) {
		return c.Field("quantile").Errorf("above 0, at most 1", "%v is not a fraction of frames", q.Quantile)
	}
	return known().on.Check(c.Field("on"), q.On)
}

func (e Emulation) validate(c spec.Cursor) error {
	for _, word := range []struct {
		at     spec.Cursor
		choice spec.Choice
		value  string
	}{
		{c.Field("runtime"), known().runtime, e.Runtime},
		{c.Field("sharing"), known().sharing, e.Sharing},
		{c.Field("delay"), known().delay, e.Delay},
		{c.Field("tcp").Field("congestion"), known().congestion, e.TCP.Congestion},
	} {
		if err := word.choice.Check(word.at, word.value); err != nil {
			return err
		}
	}
	if e.Dilation != 0 && !(e.Dilation >= 1 && e.Dilation <= maxDilation) {
		return c.Field("dilation").Errorf(fmt.Sprintf("auto, or 1 to %v", maxDilation), "%v is no dilation to run at", float64(e.Dilation))
	}
	if e.Warmup < 0 || e.Warmup > maxDuration {
		return c.Field("warmup").Errorf(fmt.Sprintf("0s to %v", maxDuration), "%v is out of range", e.Warmup)
	}
	if e.Duration <= 0 || e.Duration > maxDuration {
		return c.Field("duration").Errorf(fmt.Sprintf("above 0s, at most %v", maxDuration), "%v is out of range", e.Duration)
	}
	return nil
}

const (
	// maxDilation makes a second last a working day; a larger one is a slip.
	maxDilation = units.Dilation(10_000)
	maxDuration = units.Virtual(24 * 3600e9)
)
