package topologies

import (
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Topology is the system under test: edge servers, their links and a cloud node.
type Topology struct {
	Name string `yaml:"name" json:"name"`
	// Threshold is the fraction V of an uplink a schedule may assign, in (0,1]; default 1.
	Threshold float64   `yaml:"threshold" json:"threshold"`
	Cloud     Cloud     `yaml:"cloud" json:"cloud"`
	Edges     []Edge    `yaml:"edges,omitempty" json:"edges,omitempty"`
	Trunks    []Trunk   `yaml:"trunks,omitempty" json:"trunks,omitempty"`
	Generate  *Generate `yaml:"generate,omitempty" json:"generate,omitempty"`

	source spec.Cursor // where the topology stands in a file, for errors found later
}

// Cloud is the node that runs the upper halves. Compute 0 means whatever the host has left;
// tail and end-to-end times are then not virtual.
type Cloud struct {
	Compute units.FLOPS `yaml:"compute" json:"compute"`
}

// Edge is an edge server with a compute budget behind an uplink.
type Edge struct {
	Name     string      `yaml:"name" json:"name"`
	Compute  units.FLOPS `yaml:"compute" json:"compute"`
	Uplink   Link        `yaml:"uplink,flow" json:"uplink"`
	Downlink *Link       `yaml:"downlink,omitempty,flow" json:"downlink,omitempty"`
	Trunk    string      `yaml:"trunk,omitempty" json:"trunk,omitempty"`
}

// Link is one direction of a network link. Times are virtual.
type Link struct {
	Rate units.Rate `yaml:"rate" json:"rate"`
	// Trace is the rate over time. Rate is then what the link is scheduled by and its queue is measured in, by default the mean.
	Trace     *Trace            `yaml:"trace,omitempty" json:"trace,omitempty"`
	Delay     units.Virtual     `yaml:"delay,omitempty" json:"delay,omitempty"`
	Jitter    units.Virtual     `yaml:"jitter,omitempty" json:"jitter,omitempty"`
	Loss      units.Probability `yaml:"loss,omitempty" json:"loss,omitempty"`
	Reorder   units.Probability `yaml:"reorder,omitempty" json:"reorder,omitempty"`
	Duplicate units.Probability `yaml:"duplicate,omitempty" json:"duplicate,omitempty"`
	// Queue is the length of the link's FIFO in time at link rate; default 50ms.
	Queue units.Virtual `yaml:"queue,omitempty" json:"queue,omitempty"`
}

// Trunk is a link several edges share on their way to the cloud; it shapes both directions.
// Trunk.Trunk names the next one on the way, empty for the cloud.
type Trunk struct {
	Name  string `yaml:"name" json:"name"`
	Link  `yaml:",inline"`
	Trunk string `yaml:"trunk,omitempty" json:"trunk,omitempty"`
}

// Generate draws a topology's edges from distributions with a seed.
type Generate struct {
	Edges   int         `yaml:"edges" json:"edges"`
	Seed    uint64      `yaml:"seed" json:"seed"`
	Compute units.FLOPS `yaml:"compute" json:"compute"`
	Rate    Rates       `yaml:"rate" json:"rate"`
	Delay   Delays      `yaml:"delay,omitempty" json:"delay,omitempty"`
}

// Rates and Delays are what an uplink's rate and delay are drawn from.
type (
	Rates  = spec.Distribution[units.Rate]
	Delays = spec.Distribution[units.Virtual]
)
