package replay

import (
	"fmt"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/video"
)

// Role is a node's part in a run.
type Role string

// The roles of nodes.
const (
	Edge  Role = "edge"
	Cloud Role = "cloud"
)

// Setup tells a node everything about its part in the run.
type Setup struct {
	Role Role `json:"role"`
	// Address is where the cloud listens for this edge, "10.2.0.1:7000" (edge).
	Address string `json:"address,omitempty"`
	// Listen are the addresses to listen on, one per edge or ":7000" for all (cloud).
	Listen []string `json:"listen,omitempty"`
	// Tasks are the edge's own, or, for the cloud, those of all edges.
	Tasks []Task `json:"tasks"`
	// Flows are the background flows on the edge's links, or, for the cloud, on all links.
	Flows []Flow `json:"flows,omitempty"`
	// Threads is the number of ONNX Runtime's threads within an operator; 0 means one.
	Threads int `json:"threads,omitempty"`
	// Nice is the nice value of the compute threads.
	Nice int `json:"nice,omitempty"`
	// Congestion is the TCP congestion control every connection must have; empty leaves the namespace's.
	Congestion string `json:"congestion,omitempty"`
	// Beat is how often, in wall nanoseconds, the I/O thread's timer goes off during the replay to see how late it is; 0 is never.
	Beat int64 `json:"beat,omitempty"`
	// Probes is how many connections are made beside the tasks' for later calls of [Conn.Probe], one each (edge).
	Probes int `json:"probes,omitempty"`
	// Log is the path of the node's record log, made anew.
	Log string `json:"log"`
	// QueueLimit bounds the payloads waiting in this node, to be sent or for their tail. A frame beyond it is recorded and
	// dropped: an overloaded run must not take the host's memory. 0 means DefaultQueueLimit.
	QueueLimit units.Bytes `json:"queueLimit,omitempty"`
}

// DefaultQueueLimit is the QueueLimit of a Setup that has none.
const DefaultQueueLimit units.Bytes = 512e6

// Task is a task at one edge: the frames it captures and the half of its network the node runs.
type Task struct {
	// Stream numbers the pair of task and edge within the run; both nodes know it by this.
	Stream uint32 `json:"stream"`
	Name   string `json:"name"`
	Edge   string `json:"edge"`
	// Cut is the number of layers that run on the edge; at 0 the picture itself travels.
	Cut int `json:"k"`
	// Half is the head on the edge, the tail in the cloud (for cut 0 the whole network). Its Path is empty where there is nothing to run:
	// at cut 0 on the edge, at the last cut in the cloud. Shapes are needed all the same: for the cloud's identity Input and
	// Output are the answer vector.
	Half model.File `json:"half"`
	// Port is what the edge sends the task's frames from, and Port + 1 what it verifies from, so that links can tell its packets
	// from others; 0 is any (edge).
	Port uint16 `json:"port,omitempty"`
	// Wire is how the tensor travels; ignored at cut 0.
	Wire workloads.Wire `json:"wire,omitzero"`
	// Height and Width are the size of the network's input in pixels.
	Height int `json:"height"`
	Width  int `json:"width"`
	// Pictures are what the task captures in turn (edge). The cloud has those of a video at cut 0, too: a packet cannot be decoded
	// without the ones before it, so the network computes on the picture that the packet stands for.
	Pictures Pictures `json:"pictures,omitzero"`
	// Shows are the pictures of the frames from First on, by number; where it is empty they come in turn.
	Shows []int `json:"shows,omitempty"`
	// Captures are the times at which frames are captured, in wall nanoseconds from the start; ascending (edge).
	Captures []int64 `json:"captures,omitempty"`
	// First is the number of the first of these frames (edge, and in the cloud with Shows).
	First uint64 `json:"first,omitempty"`
	// Sizes are the bytes of the frames from First on where their pictures are padded to recorded ones; empty where they are sent
	// as they are (edge).
	Sizes []units.Bytes `json:"sizes,omitempty"`
	// Verify says that a frame of this task is computed once more after the run (edge), see [Conn.Verify].
	Verify bool `json:"verify,omitempty"`
}

// Pictures says which pictures a task captures: frame f shows picture f modulo their number.
type Pictures struct {
	// Directory holds JPEG files; empty for a synthetic scene.
	Directory string `json:"directory,omitempty"`
	// Seed and Bytes are the scene's, see camera.Scene.
	Seed  uint64      `json:"seed,omitempty"`
	Bytes units.Bytes `json:"bytes,omitempty"`
	// Count is the number of different pictures, at least 1.
	Count int `json:"count"`
	// Reel is a video's frames; nil where there is none, and all there is where there is one.
	Reel *video.Reel `json:"reel,omitempty"`
}

// shown is the picture that a frame shows, of so many.
func (t Task) shown(frame uint64, pictures int) int {
	if len(t.Shows) == 0 {
		return int(frame % uint64(pictures))
	}
	// A frame before or after those announced is none of a run's; it shows what is nearest.
	at := 0
	if frame > t.First {
		at = int(min(frame-t.First, uint64(len(t.Shows)-1)))
	}
	return t.Shows[at]
}

// validateShows refuses pictures that are not there.
func (t Task) validateShows(pictures int) error {
	if len(t.Shows) == 0 {
		return nil
	}
	if least, most := slices.Min(t.Shows), slices.Max(t.Shows); least < 0 || most >= pictures {
		return fmt.Errorf("its frames show pictures %d to %d of %d", least, most, pictures)
	}
	return nil
}

// Flow is one background flow beside the tasks.
type Flow struct {
	ID   uint32 `json:"id"`
	Link string `json:"link"` // "gw-a.uplink", for the records
	// Down is the direction cloud → edge.
	Down bool     `json:"down,omitempty"`
	Kind FlowKind `json:"kind"`
	// Start and Stop are in wall nanoseconds from the start of the replay.
	Start int64 `json:"start"`
	Stop  int64 `json:"stop"`
	// Congestion is the congestion control of its TCP connections; empty is that of the set-up.
	Congestion string `json:"congestion,omitempty"`
	// Pace or Sends is when datagrams are sent; Sends when transfers begin. Only the end that does so needs it: the sender of
	// datagrams, the edge for transfers in both directions.
	Pace  *Pace  `json:"pace,omitempty"`
	Sends *Sends `json:"sends,omitempty"`
}

// FlowKind says what a background flow consists of.
type FlowKind string

// The kinds of background flows.
const (
	FlowBulk      FlowKind = "bulk"      // a TCP connection that always has data to send
	FlowDatagrams FlowKind = "datagrams" // UDP packets
	FlowTransfers FlowKind = "transfers" // TCP connections, each for so many bytes
)

// Pace is a constant rate of packets of one size, with pauses between bursts where On is not 0. Times are wall nanoseconds.
type Pace struct {
	Packet int     `json:"packet"` // bytes, headers from Ethernet up included
	Every  float64 `json:"every_ns"`
	On     int64   `json:"on_ns,omitempty"`
	Off    int64   `json:"off_ns,omitempty"`
	// Phase is how far the flow is in a burst and the pause after it when it starts; below the sum of both.
	Phase int64 `json:"phase_ns,omitempty"`
}

// Sends are times in wall nanoseconds from the start of the replay, ascending, and the bytes of each: of datagrams with their
// headers from Ethernet up, of transfers the payload.
type Sends struct {
	At    []int64 `json:"at"`
	Bytes []int64 `json:"bytes"`
}

// validate refuses what cannot be sent; sends tells whether this node is the one to.
func (f Flow) validate(sends bool) error {
	switch {
	case f.Kind != FlowBulk && f.Kind != FlowDatagrams && f.Kind != FlowTransfers:
		return fmt.Errorf("background flow %d: unknown kind %q", f.ID, f.Kind)
	case f.Kind == FlowBulk || !sends:
		return nil
	case f.Sends != nil && (len(f.Sends.At) != len(f.Sends.Bytes) || !slices.IsSorted(f.Sends.At)):
		return fmt.Errorf("background flow %d: %d times, which must ascend, and %d sizes", f.ID, len(f.Sends.At), len(f.Sends.Bytes))
	case f.Sends == nil && (f.Kind == FlowTransfers || f.Pace == nil):
		return fmt.Errorf("background flow %d: nothing says when it sends", f.ID)
	case f.Sends == nil && (!(f.Pace.Every >= 1) || f.Pace.On < 0 || f.Pace.Off < 0 || f.Pace.Phase < 0 || f.Pace.Phase > f.Pace.On+f.Pace.Off):
		return fmt.Errorf("background flow %d: a packet every %v ns, for %d ns, pauses of %d ns, %d ns of that before the start", f.ID, f.Pace.Every, f.Pace.On, f.Pace.Off, f.Pace.Phase)
	}
	return nil
}

// Threads are a node's threads by their ids inside its own PID namespace. The quota is for Compute alone.
type Threads struct {
	Compute []int `json:"compute"`
	IO      []int `json:"io"`
}

// Ready says how a node stands after its set-up.
type Ready struct {
	// Priority is what the I/O thread got, one of clock's Priority constants.
	Priority string `json:"priority"`
}

// Probe asks an edge to fill its uplink with a bulk transfer over a connection of its own.
type Probe struct {
	// Duration ends the transfer, in wall nanoseconds.
	Duration int64 `json:"duration"`
	// Skip is how many bytes are let through before the measurement starts: the shaper's burst and TCP's first window.
	Skip units.Bytes `json:"skip,omitempty"`
	// Down is the direction cloud → edge: the downlink is filled.
	Down bool `json:"down,omitempty"`
}

// ProbeResult is what the cloud measured of a probe.
type ProbeResult struct {
	// Bytes were read after the first read that reached Skip; at the rate at which they came this takes Nanoseconds
	// of wall time.
	Bytes       units.Bytes `json:"bytes"`
	Nanoseconds int64       `json:"ns"`
	// Total is all that was read.
	Total units.Bytes `json:"total"`
}

// Goodput is the payload rate in wall time; 0 if there was nothing to measure.
func (r ProbeResult) Goodput() units.Rate {
	if r.Nanoseconds <= 0 {
		return 0
	}
	return units.Rate(float64(r.Bytes) * 8e9 / float64(r.Nanoseconds))
}

// Progress counts what a node has seen so far. Sent and Answered are an edge's, Received and Tails the cloud's.
type Progress struct {
	Captured int64 `json:"captured,omitempty"`
	Sent     int64 `json:"sent,omitempty"`
	Answered int64 `json:"answered,omitempty"`
	Received int64 `json:"received,omitempty"`
	Tails    int64 `json:"tails,omitempty"`
	// Dropped frames found the queue at its limit.
	Dropped int64 `json:"dropped,omitempty"`
	// Late is how late the I/O thread's timer was over the replay, at even steps; only in what Finish returns.
	Late Quantiles `json:"late,omitzero"`
}

// Verified is the check of one frame: what head and tail answer together when the tensor travels
// unchanged, to be compared with the uncut network's answer to the same picture.
type Verified struct {
	Stream uint32 `json:"stream"`
	Edge   string `json:"edge"`
	Task   string `json:"task"`
	// Frame is a frame of the run that was answered, or 0 if none was; Picture its index in what
	// Pictures.Load returns for the task.
	Frame   uint64 `json:"frame"`
	Picture int    `json:"picture"`
	Seed    uint64 `json:"seed"`
	// Output is the whole output vector.
	Output Vector `json:"output"`
	// Class is what the run's answer for Frame was, −1 if there was none.
	Class int32 `json:"class"`
}

// fault is a node's report that something went wrong.
type fault struct {
	Text string `json:"text"`
	// Fatal faults end the node; others (a connection lost) leave it running.
	Fatal bool `json:"fatal,omitempty"`
}

// hello introduces a node to the harness.
type hello struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// start is the command to begin.
type start struct {
	T0 int64 `json:"t0"` // the clock's reading at the start of the replay
}

// message is one line on the control socket. Call names what is asked; the answer repeats Call and ID.
// A node's hello, progress and fault are nobody's answer and have ID 0, except a fault that is one.
type message struct {
	ID   uint64 `json:"id,omitempty"`
	Call string `json:"call"`

	Hello    *hello         `json:"hello,omitempty"`
	Setup    *Setup         `json:"setup,omitempty"`
	Threads  *Threads       `json:"threads,omitempty"`
	Ready    *Ready         `json:"ready,omitempty"`
	Probe    *Probe         `json:"probe,omitempty"`
	Result   *ProbeResult   `json:"result,omitempty"`
	Echo     *EchoProbe     `json:"echo,omitempty"`
	Echoed   *EchoResult    `json:"echoed,omitempty"`
	Compute  *ComputeProbe  `json:"compute,omitempty"`
	Computed *ComputeResult `json:"computed,omitempty"`
	Start    *start         `json:"start,omitempty"`
	Progress *Progress      `json:"progress,omitempty"`
	Verified []Verified     `json:"verified,omitempty"`
	Fault    *fault         `json:"fault,omitempty"`
}

// What a message is about.
const (
	callHello    = "hello"
	callSetup    = "setup"
	callConfined = "confined"
	callProbe    = "probe"
	callEcho     = "echo"
	callCompute  = "compute"
	callStart    = "start"
	callFinish   = "finish"
	callVerify   = "verify"
	callStop     = "stop"
	callProgress = "progress"
	callFault    = "fault"
)
