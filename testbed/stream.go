package testbed

import (
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads"
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
	// Assigned is the bandwidth the schedule reserves; MessageBytes what a frame writes to its connection.
	Assigned     units.Rate  `json:"assigned"`
	MessageBytes units.Bytes `json:"message_bytes"`
	// Port is the first of the two TCP ports its edge sends from where links are divided among tasks; 0 where any will do.
	Port uint16 `json:"port,omitempty"`
	// FLOPs and TailFLOPs are the operations a frame costs the edge and the cloud.
	FLOPs     float64 `json:"flops"`
	TailFLOPs float64 `json:"tail_flops"`
	// Predicted is the transfer latency the fluid model expects: the median over the window.
	Predicted units.Virtual `json:"predicted"`
	// Arrivals are the capture times from the start of the window; the warm-up's are negative.
	Arrivals []units.Virtual `json:"arrivals"`
}

// streams lists what a schedule makes run, in the order of tasks and their places. The warm-up comes
// before the window, which is duration long.
func (s *system) streams(schedule scheduler.Schedule, undeployedToCloud bool, warmup, duration units.Virtual) []Stream {
	var all []Stream
	for t, task := range s.workload.Tasks {
		a := schedule.Tasks[t]
		if !a.Deployed && !undeployedToCloud {
			continue
		}
		cut := a.Cut
		if !a.Deployed {
			cut = 0
		}
		for p, source := range task.At {
			layers := s.profile(task, source).Layers
			stream := Stream{
				Task: task.Name, Edge: source.Edge, Model: task.Model, Height: source.Height, Width: source.Width,
				Cut: cut, Cuts: len(layers) - 1, Deployed: a.Deployed, Deadline: task.Deadline, Wire: task.Wire, Source: source,
				MessageBytes: s.messageBytes(task, source, cut),
				FLOPs:        layers[cut].FLOPs,
				TailFLOPs:    layers[len(layers)-1].FLOPs - layers[cut].FLOPs,
				Arrivals:     lifetime(task, source.Arrivals(-warmup, duration), duration),
			}
			if a.Deployed {
				stream.Assigned = a.Rates[p]
			}
			all = append(all, stream)
		}
	}
	return all
}

// lifetime keeps the arrivals between a task's start and stop. A task that is there from the beginning
// also sends during the warm-up.
func lifetime(task workloads.Task, arrivals []units.Virtual, duration units.Virtual) []units.Virtual {
	stop := task.Stop
	if stop == 0 {
		stop = duration
	}
	var kept []units.Virtual
	for _, at := range arrivals {
		if at < stop && (at >= task.Start || task.Start == 0) {
			kept = append(kept, at)
		}
	}
	return kept
}
