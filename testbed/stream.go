package testbed

import (
	"slices"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/replay"
)

// Stream is one task's frames at one edge: the unit a run replays, records and judges.
type Stream struct {
	Task   string `json:"task"`
	Edge   string `json:"edge"`
	Model  string `json:"model"`
	Height int    `json:"height"`
	Width  int    `json:"width"`
	// Cut is the layer after which the network is cut; Cuts the number of its layers.
	Cut  int `json:"k"`
	Cuts int `json:"layers"`
	// Deployed is false for a task the schedule left out whose pictures go to the cloud whole all the
	// same (undeployed: cloud); it is not judged.
	Deployed bool             `json:"deployed"`
	Deadline units.Virtual    `json:"deadline"`
	Wire     workloads.Wire   `json:"wire"`
	Source   workloads.Source `json:"source"`
	// Assigned is the bandwidth the schedule reserves; MessageBytes what a frame writes to its connection, at most where
	// its tensor is compressed or it is a packet of a video, and on average where sizes are recorded.
	Assigned     units.Rate  `json:"assigned"`
	MessageBytes units.Bytes `json:"message_bytes"`
	// Port is the first of the two TCP ports its edge sends from where links are divided among tasks; 0 where any will do.
	Port uint16 `json:"port,omitempty"`
	// FLOPs and TailFLOPs are the operations a frame costs the edge and the cloud; with measured overheads, FLOPs is what
	// the head's time is worth.
	FLOPs     float64 `json:"flops"`
	TailFLOPs float64 `json:"tail_flops"`
	// Predicted is the transfer latency the fluid model expects: the median over the window.
	Predicted units.Virtual `json:"predicted"`
	// Arrivals are the capture times from the start of the window; the warm-up's are negative.
	Arrivals []units.Virtual `json:"arrivals"`
	// First is the number of its first frame: the frames of a task at an edge are numbered through, those it sends deployed first.
	First int `json:"first_frame,omitempty"`
	// During are the intervals in which a deployed task runs.
	During []scheduler.Interval `json:"during,omitempty"`
}

// onWire says what a frame travels as: the wire type of its tensor, or the picture itself.
func (s Stream) onWire() string {
	switch {
	case s.Cut > 0:
		return s.Wire.String()
	case s.Source.Video != nil:
		return "video packet"
	}
	return "JPEG"
}

// mostCompressed is how many times smaller than its reservation a compressed tensor is taken to be at most; rectified
// activations become two to three times smaller. Taken too small, bursts are a little deeper than they should be.
const mostCompressed = 4

// smallestMessage is what a frame of the stream writes to its connection at least.
func (s Stream) smallestMessage() units.Bytes {
	switch {
	case s.Cut == 0 && s.Source.Video != nil:
		return replay.HeaderBytes + s.Source.Video.Smallest()
	case s.Cut == 0 && s.Source.Sized():
		return replay.HeaderBytes + s.Source.Recorded.Smallest().Bytes
	case s.Cut > 0 && s.Wire.Compress != workloads.CompressNone:
		return s.MessageBytes / mostCompressed
	}
	return s.MessageBytes
}

// packets tells whether its messages differ in size: they are those of a video, or of recorded sizes.
func (s Stream) packets() bool { return s.Cut == 0 && (s.Source.Video != nil || s.Source.Sized()) }

// meanMessage is what a frame of the stream writes to its connection on average, without compression.
func (s Stream) meanMessage() float64 {
	if s.Cut == 0 && s.Source.Video != nil {
		return replay.HeaderBytes + s.Source.Video.MeanBytes()
	}
	return float64(s.MessageBytes)
}

// message is what frame n of the stream writes to its connection, and the bytes of its encoded picture.
func (s Stream) message(n int) (message, input units.Bytes) {
	switch {
	case s.Source.Video != nil:
		input = s.Source.Video.Frames[s.shown(n)].Bytes
	case s.Source.Sized():
		input = s.Source.Recorded.Bytes(s.Arrivals[n])
	default:
		return s.MessageBytes, s.Source.Input
	}
	if s.Cut == 0 {
		return replay.HeaderBytes + input, input
	}
	return s.MessageBytes, input
}

// shown is which of its video's frames the stream's frame n is.
func (s Stream) shown(n int) int { return s.Source.Video.Shown(s.Source.Phase, s.Arrivals[n]) }

// streams lists what a schedule makes run, in the order of tasks and their places. The warm-up comes
// before the window, which is duration long. A task that is deployed for a part of its life has a stream with the frames of that
// part; with undeployedToCloud, another one sends those of the rest whole.
func (s *system) streams(inst scheduler.Instance, schedule scheduler.Schedule, undeployedToCloud bool, warmup, duration units.Virtual) []Stream {
	var all []Stream
	for t, task := range s.workload.Tasks {
		a := schedule.Tasks[t]
		if !a.Deployed && !undeployedToCloud {
			continue
		}
		life := scheduler.Interval{From: task.Start, To: task.Stop}
		active := schedule.Intervals(inst, t)
		for p, source := range task.At {
			var deployed, left []units.Virtual
			for _, at := range source.Arrivals(-warmup, duration) {
				runs := func(i scheduler.Interval) bool { return i.Contains(at) }
				switch {
				case slices.ContainsFunc(active, runs):
					deployed = append(deployed, at)
				case life.Contains(at):
					left = append(left, at)
				}
			}
			if a.Deployed {
				stream := s.stream(task, source, a.Cut, deployed)
				stream.Deployed, stream.Assigned, stream.During = true, a.Rates[p], active
				all = append(all, stream)
			}
			if undeployedToCloud && (len(left) > 0 || !a.Deployed) {
				stream := s.stream(task, source, 0, left)
				stream.First = len(deployed)
				all = append(all, stream)
			}
		}
	}
	return all
}

func (s *system) stream(task workloads.Task, source workloads.Source, cut int, arrivals []units.Virtual) Stream {
	profile := s.profile(task, source)
	layers := profile.Layers
	return Stream{
		Task: task.Name, Edge: source.Edge, Model: task.Model, Height: source.Height, Width: source.Width,
		Cut: cut, Cuts: len(layers) - 1, Deadline: task.Deadline, Wire: task.Wire, Source: source,
		MessageBytes: s.messageBytes(task, source, cut),
		FLOPs:        s.operations(profile, cut),
		TailFLOPs:    layers[len(layers)-1].FLOPs - layers[cut].FLOPs,
		Arrivals:     arrivals,
	}
}

// judged tells whether the stream counts: it does not when it is deployed for a part of the window in which no frame
// is due. One that runs all the time and has no frame to show makes a run invalid, which is too short then.
func (s Stream) judged(window units.Virtual) bool {
	if !s.Deployed {
		return false
	}
	if slices.ContainsFunc(s.Arrivals, func(at units.Virtual) bool { return at >= 0 && at < window }) {
		return true
	}
	return slices.ContainsFunc(s.During, func(i scheduler.Interval) bool { return i.From == 0 && (i.To == 0 || i.To >= window) })
}
