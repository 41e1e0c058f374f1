package testbed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/splitbed/splitbed/scheduler"
)

// ScheduleReport is what one algorithm makes of an experiment.
type ScheduleReport struct {
	Algorithm string  `json:"algorithm"`
	Tasks     int     `json:"tasks"`
	Deployed  int     `json:"deployed"`
	Seconds   float64 `json:"seconds"` // wall time of planning
	// Cuts counts the deployed tasks by their cut.
	Cuts map[int]int `json:"cuts"`
	// Uplink and Compute are the busiest of their kind.
	Uplink  Use `json:"busiest_uplink"`
	Compute Use `json:"busiest_edge"`
	// Schedule is the schedule itself.
	Schedule scheduler.Schedule `json:"schedule"`
}

// Use is the part of what may be assigned that a schedule assigns at an edge.
type Use struct {
	Name string  `json:"name"`
	Use  float64 `json:"use"`
}

// CutCounts tells how often each cut is used: "2×k=2, 3×k=5".
func (r ScheduleReport) CutCounts() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(r.Cuts)) {
		parts = append(parts, fmt.Sprintf("%d×k=%d", r.Cuts[k], k))
	}
	return strings.Join(parts, ", ")
}

// PlanSchedules plans an experiment with each of the algorithms, or with its own where none is named, without
// emulating anything. Errors are *InputError.
func PlanSchedules(ctx context.Context, e *Experiment, algorithms ...string) ([]ScheduleReport, error) {
	s, err := resolve(e)
	if err != nil {
		return nil, inputError(err)
	}
	inst := s.instance(e.Scheduler.Margin, e.Scheduler.Framing)
	with := []Scheduler{e.Scheduler}
	if len(algorithms) > 0 {
		with = nil
	}
	for _, name := range algorithms {
		other := *e
		if err := other.SetAlgorithm(name); err != nil {
			return nil, inputError(err)
		}
		with = append(with, other.Scheduler)
	}
	var reports []ScheduleReport
	for _, s := range with {
		started := time.Now()
		schedule, err := s.plan(ctx, inst)
		if err != nil {
			return nil, inputError(err)
		}
		report := newScheduleReport(inst, schedule)
		report.Seconds = time.Since(started).Seconds()
		reports = append(reports, report)
	}
	return reports, nil
}

func newScheduleReport(inst scheduler.Instance, schedule scheduler.Schedule) ScheduleReport {
	r := ScheduleReport{Algorithm: schedule.Algorithm, Tasks: len(inst.Tasks), Cuts: map[int]int{}, Schedule: schedule}
	uplinks, compute := make([]float64, len(inst.Edges)), make([]float64, len(inst.Edges))
	for t, a := range schedule.Tasks {
		if !a.Deployed {
			continue
		}
		r.Deployed++
		r.Cuts[a.Cut]++
		for n, place := range inst.Tasks[t].At {
			e := inst.Edges[place.Edge]
			uplinks[place.Edge] += float64(a.Rates[n]) / (inst.Threshold * float64(e.Uplink))
			compute[place.Edge] += float64(inst.Tasks[t].Demand(place, a.Cut).Compute) / float64(e.Compute)
		}
	}
	for i, e := range inst.Edges {
		if uplinks[i] >= r.Uplink.Use {
			r.Uplink = Use{e.Name, uplinks[i]}
		}
		if compute[i] >= r.Compute.Use {
			r.Compute = Use{e.Name, compute[i]}
		}
	}
	return r
}
