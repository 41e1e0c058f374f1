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
	Name string
	// Costs are tables of what the cuts ask for an input of one byte a second: Costs[c][k] for cut k = 0..N.
	// Tables may be shared, between the places of a task and between tasks, which is what keeps large
	// instances small: in the paper's form, 8·r_jk/Q_j and l_jk, a task has one.
	Costs [][]Demand
	At    []Place
	// Start and Stop bound the task's life: it is there in [Start, Stop). Start 0 is the beginning, Stop 0 the end, of everything.
	// Online rules decide about it at Start; offline planners keep room for every task at all times.
	Start, Stop units.Virtual
}

// life is the interval in which the task is there.
func (t Task) life() Interval { return Interval{t.Start, t.Stop} }

// Place is a task's input at one edge.
type Place struct {
	Edge int32 // index into Instance.Edges
	Cost int32 // index into Task.Costs
	// Input is d_ij, bytes of encoded input a second.
	Input float64
}

// Demand is what one cut of a task asks of one edge.
type Demand struct {
	// Rate is the smallest useful assignment on the uplink; +Inf when no rate is enough.
	Rate units.Rate `json:"rate"`
	// Compute is the operations a second of layers 1..k.
	Compute units.FLOPS `json:"compute"`
}

// times is the demand of x times the input.
func (d Demand) times(x float64) Demand {
	return Demand{d.Rate * units.Rate(x), d.Compute * units.FLOPS(x)}
}

// Cuts is N, the number of layers of the task's network and so its deepest cut; 0 when there is no cost table.
func (t Task) Cuts() int {
	if len(t.Costs) == 0 {
		return 0
	}
	return len(t.Costs[0]) - 1
}

// Demand is what cut k asks of the edge at a place of the task.
func (t Task) Demand(p Place, k int) Demand { return t.Costs[p.Cost][k].times(p.Input) }

// Add gives the task input at one more edge, of so many bytes a second, where cut k asks for demand[k].
func (t *Task) Add(edge int, input float64, demand []Demand) {
	table := make([]Demand, len(demand))
	for k, d := range demand {
		table[k] = Demand{d.Rate / units.Rate(input), d.Compute / units.FLOPS(input)}
	}
	t.At = append(t.At, Place{Edge: int32(edge), Cost: int32(len(t.Costs)), Input: input})
	t.Costs = append(t.Costs, table)
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
	// During are the intervals in which the task runs, ascending and apart; empty is all of its life. What lies outside its life
	// counts for nothing.
	During []Interval `json:"during,omitempty" yaml:"during,omitempty"`
}

// Violation is one constraint a schedule breaks.
type Violation struct {
	Task     string  `json:"task,omitempty"`
	Subject  string  `json:"subject"`  // edge or trunk name
	Resource string  `json:"resource"` // "uplink", "trunk", "compute", "latency"
	Asked    float64 `json:"asked"`    // bit/s or FLOP/s
	Allowed  float64 `json:"allowed"`
	// At is the first moment at which the most is asked, where tasks come and go.
	At units.Virtual `json:"at_s,omitempty"`
}
