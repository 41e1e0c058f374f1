package scheduler

import "github.com/splitbed/splitbed/internal/units"

// Instance is a scheduling problem. It is sparse: a task lists only the edges where it has input.
type Instance struct {
	// Threshold is the fraction V of every link that may be assigned.
	Threshold float64 `json:"threshold"`
	Edges     []Edge  `json:"edges"`
	Trunks    []Trunk `json:"trunks,omitempty"`
	Tasks     []Task  `json:"tasks"`
}

// Edge is an edge server: compute capacity and uplink rate. Trunk is an index into
// Instance.Trunks, or -1.
type Edge struct {
	Name    string      `json:"name"`
	Compute units.FLOPS `json:"compute"`
	Uplink  units.Rate  `json:"uplink"`
	Trunk   int         `json:"trunk"`
}

// Trunk is a link several edges share; Next is the trunk it feeds, or -1 for the cloud.
type Trunk struct {
	Name string     `json:"name"`
	Rate units.Rate `json:"rate"`
	Next int        `json:"next"`
}

// Task is one CNN service; it is deployed at every place of At, with one cut for all, or not at all.
type Task struct {
	Name string  `json:"name"`
	At   []Place `json:"at"`
}

// Place is a task's input at one edge (an index into Instance.Edges).
type Place struct {
	Edge int `json:"edge"`
	// Input is d_ij, bytes of encoded input a second.
	Input float64 `json:"input"`
	// Demand[k] is what cut k asks of the edge, k = 0..N.
	Demand []Demand `json:"demand"`
}

// Demand is what one cut of a task asks of one edge.
type Demand struct {
	// Rate is the smallest useful assignment on the uplink; +Inf when no rate is enough.
	Rate units.Rate `json:"rate"`
	// Compute is the operations a second of layers 1..k.
	Compute units.FLOPS `json:"compute"`
}

// Schedule says for each task of an instance, in its order, whether it runs and how.
type Schedule struct {
	Algorithm string       `json:"algorithm"`
	Tasks     []Assignment `json:"tasks"`
}

// Assignment is the decision about one task.
type Assignment struct {
	Task     string `json:"task"`
	Deployed bool   `json:"deployed"`
	Cut      int    `json:"k"`
	// Rates[n] is the bandwidth assigned at the task's n-th place; empty when not deployed.
	Rates []units.Rate `json:"rates,omitempty"`
}

// Violation is one constraint a schedule breaks.
type Violation struct {
	Task     string  `json:"task,omitempty"`
	Subject  string  `json:"subject"`  // edge or trunk name
	Resource string  `json:"resource"` // "uplink", "trunk", "compute", "latency"
	Asked    float64 `json:"asked"`    // bit/s or FLOP/s
	Allowed  float64 `json:"allowed"`
}
