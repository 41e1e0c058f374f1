package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/splitbed/splitbed/internal/units"
)

// instanceFile is the text form of an instance, for schedulers made elsewhere. All figures are plain numbers: bit/s, FLOP/s,
// bytes a second, seconds.
type instanceFile struct {
	Threshold float64     `json:"threshold"`
	Edges     []edgeFile  `json:"edges"`
	Trunks    []trunkFile `json:"trunks"`
	Tasks     []taskFile  `json:"tasks"`
}

type edgeFile struct {
	Name    string  `json:"name"`
	Compute float64 `json:"compute"`
	Uplink  float64 `json:"uplink"`
	Trunk   int     `json:"trunk"`
}

type trunkFile struct {
	Name string  `json:"name"`
	Rate float64 `json:"rate"`
	Next int     `json:"next"`
}

type taskFile struct {
	Name  string         `json:"name"`
	Costs [][]demandFile `json:"costs"`
	At    []placeFile    `json:"at"`
	// Start and Stop are seconds; 0 is the beginning and the end.
	Start float64 `json:"start_s,omitempty"`
	Stop  float64 `json:"stop_s,omitempty"`
}

// demandFile has null for a rate that would have to be infinite.
type demandFile struct {
	Rate    *float64 `json:"rate"`
	Compute float64  `json:"compute"`
}

type placeFile struct {
	Edge  int32   `json:"edge"`
	Cost  int32   `json:"cost"`
	Input float64 `json:"input"`
}

// WriteInstance writes the instance, which must be valid, as one line of JSON, the form [ReadInstance] takes.
func WriteInstance(w io.Writer, inst Instance) error {
	file := instanceFile{Threshold: inst.Threshold, Edges: []edgeFile{}, Trunks: []trunkFile{}, Tasks: []taskFile{}}
	for _, e := range inst.Edges {
		file.Edges = append(file.Edges, edgeFile{e.Name, float64(e.Compute), float64(e.Uplink), e.Trunk})
	}
	for _, t := range inst.Trunks {
		file.Trunks = append(file.Trunks, trunkFile{t.Name, float64(t.Rate), t.Next})
	}
	for _, t := range inst.Tasks {
		task := taskFile{Name: t.Name, Start: t.Start.Seconds(), Stop: t.Stop.Seconds()}
		for _, table := range t.Costs {
			demands := make([]demandFile, len(table))
			for k, d := range table {
				demands[k] = demandFile{finite(float64(d.Rate)), float64(d.Compute)}
			}
			task.Costs = append(task.Costs, demands)
		}
		for _, p := range t.At {
			task.At = append(task.At, placeFile(p))
		}
		file.Tasks = append(file.Tasks, task)
	}
	if err := json.NewEncoder(w).Encode(file); err != nil {
		return fmt.Errorf("write instance: %w", err)
	}
	return nil
}

// ReadInstance reads an instance and validates it. Unknown keys and text after the end are errors, too; all that lie in the text
// wrap [ErrInstance].
func ReadInstance(r io.Reader) (Instance, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var file instanceFile
	if err := dec.Decode(&file); err != nil {
		return Instance{}, fmt.Errorf("%w: %w", ErrInstance, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Instance{}, fmt.Errorf("%w: text after the end of the JSON object", ErrInstance)
	}
	inst := Instance{Threshold: file.Threshold}
	for _, e := range file.Edges {
		inst.Edges = append(inst.Edges, Edge{e.Name, units.FLOPS(e.Compute), units.Rate(e.Uplink), e.Trunk})
	}
	for _, t := range file.Trunks {
		inst.Trunks = append(inst.Trunks, Trunk{t.Name, units.Rate(t.Rate), t.Next})
	}
	for _, t := range file.Tasks {
		task := Task{Name: t.Name, Start: virtual(t.Start), Stop: virtual(t.Stop)}
		for _, demands := range t.Costs {
			table := make([]Demand, len(demands))
			for k, d := range demands {
				table[k] = Demand{units.Rate(math.Inf(1)), units.FLOPS(d.Compute)}
				if d.Rate != nil {
					table[k].Rate = units.Rate(*d.Rate)
				}
			}
			task.Costs = append(task.Costs, table)
		}
		for _, p := range t.At {
			task.At = append(task.At, Place(p))
		}
		inst.Tasks = append(inst.Tasks, task)
	}
	return inst, inst.Validate()
}
