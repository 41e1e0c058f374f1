package scheduler

import (
	"errors"
	"fmt"
	"math"
)

// ErrInstance is wrapped by every error of [Instance.Validate].
var ErrInstance = errors.New("bad scheduling instance")

// Validate reports the first thing that makes the instance impossible to schedule: a figure that is
// not a number, negative or infinite where it may not be, a name given twice, an index that points
// nowhere, a task without input. The error wraps [ErrInstance] and names the edge, trunk or task.
func (inst Instance) Validate() error {
	if !(positive(inst.Threshold) && inst.Threshold <= 1) {
		return fmt.Errorf("%w: threshold %v must be above 0 and at most 1%s", ErrInstance, inst.Threshold, outOfRange(inst.Threshold))
	}
	if len(inst.Edges) == 0 {
		return fmt.Errorf("%w: it has no edges", ErrInstance)
	}
	if err := inst.validateTrunks(); err != nil {
		return err
	}
	names := make(map[string]bool, len(inst.Edges))
	for i, e := range inst.Edges {
		if err := checkName(names, "edge", i, e.Name); err != nil {
			return err
		}
		if !positive(float64(e.Compute)) {
			return fmt.Errorf("%w: edge %s: compute %v FLOP/s must be finite and above 0%s", ErrInstance, e.Name, float64(e.Compute), outOfRange(float64(e.Compute)))
		}
		if !positive(float64(e.Uplink)) {
			return fmt.Errorf("%w: edge %s: uplink %v bit/s must be finite and above 0%s", ErrInstance, e.Name, float64(e.Uplink), outOfRange(float64(e.Uplink)))
		}
		if e.Trunk < -1 || e.Trunk >= len(inst.Trunks) {
			return fmt.Errorf("%w: edge %s: trunk index %d points to none of the %d trunks (-1 means no trunk)",
				ErrInstance, e.Name, e.Trunk, len(inst.Trunks))
		}
	}
	return inst.validateTasks()
}

func (inst Instance) validateTrunks() error {
	names := make(map[string]bool, len(inst.Trunks))
	for n, t := range inst.Trunks {
		if err := checkName(names, "trunk", n, t.Name); err != nil {
			return err
		}
		if !positive(float64(t.Rate)) {
			return fmt.Errorf("%w: trunk %s: rate %v bit/s must be finite and above 0%s", ErrInstance, t.Name, float64(t.Rate), outOfRange(float64(t.Rate)))
		}
		if t.Next < -1 || t.Next >= len(inst.Trunks) {
			return fmt.Errorf("%w: trunk %s: next %d points to none of the %d trunks (-1 means the cloud)",
				ErrInstance, t.Name, t.Next, len(inst.Trunks))
		}
	}
	for _, t := range inst.Trunks {
		// A way to the cloud passes every trunk at most once, so a longer one goes in circles.
		steps := 0
		for n := t.Next; n >= 0; n = inst.Trunks[n].Next {
			if steps++; steps > len(inst.Trunks) {
				return fmt.Errorf("%w: trunk %s never reaches the cloud: the trunks after it form a circle", ErrInstance, t.Name)
			}
		}
	}
	return nil
}

func (inst Instance) validateTasks() error {
	names := make(map[string]bool, len(inst.Tasks))
	seen := make([]int, len(inst.Edges)) // the last task (counted from 1) that had input at the edge
	for j, t := range inst.Tasks {
		if err := checkName(names, "task", j, t.Name); err != nil {
			return err
		}
		if len(t.At) == 0 {
			return fmt.Errorf("%w: task %s has input at no edge", ErrInstance, t.Name)
		}
		if err := t.validateCosts(); err != nil {
			return err
		}
		if t.Start < 0 || t.Stop < 0 || t.Stop != 0 && t.Stop <= t.Start {
			return fmt.Errorf("%w: task %s: its life from %v to %v is none (it starts at 0 or later and stops after that; stop 0 is the end)",
				ErrInstance, t.Name, t.Start, t.Stop)
		}
		for _, p := range t.At {
			if p.Edge < 0 || int(p.Edge) >= len(inst.Edges) {
				return fmt.Errorf("%w: task %s: edge index %d points to none of the %d edges", ErrInstance, t.Name, p.Edge, len(inst.Edges))
			}
			if seen[p.Edge] == j+1 {
				return fmt.Errorf("%w: task %s names edge %s twice", ErrInstance, t.Name, inst.Edges[p.Edge].Name)
			}
			seen[p.Edge] = j + 1
			if !positive(p.Input) {
				return fmt.Errorf("%w: task %s at %s: input %v B/s must be finite and above 0%s",
					ErrInstance, t.Name, inst.Edges[p.Edge].Name, p.Input, outOfRange(p.Input))
			}
			if p.Cost < 0 || int(p.Cost) >= len(t.Costs) {
				return fmt.Errorf("%w: task %s at %s: cost index %d points to none of the %d tables of costs",
					ErrInstance, t.Name, inst.Edges[p.Edge].Name, p.Cost, len(t.Costs))
			}
		}
	}
	return nil
}

func (t Task) validateCosts() error {
	if t.Cuts() < 1 {
		return fmt.Errorf("%w: task %s: its costs have no cut to choose from; cuts 0..N of a network with at least one layer need two or more",
			ErrInstance, t.Name)
	}
	for n, table := range t.Costs {
		if len(table) != t.Cuts()+1 {
			return fmt.Errorf("%w: task %s: %d demands in table %d of its costs, but %d in the first; a task has the same cuts everywhere",
				ErrInstance, t.Name, len(table), n, t.Cuts()+1)
		}
		for k, d := range table {
			if !(d.Rate >= 0) {
				return fmt.Errorf("%w: task %s, table %d, cut %d: rate %v bit/s must be at least 0", ErrInstance, t.Name, n, k, float64(d.Rate))
			}
			if !(d.Compute >= 0) || math.IsInf(float64(d.Compute), 1) {
				return fmt.Errorf("%w: task %s, table %d, cut %d: compute %v FLOP/s must be finite and at least 0", ErrInstance, t.Name, n, k, float64(d.Compute))
			}
		}
	}
	return nil
}

func checkName(seen map[string]bool, kind string, n int, name string) error {
	if name == "" {
		return fmt.Errorf("%w: %s number %d has no name", ErrInstance, kind, n+1)
	}
	if seen[name] {
		return fmt.Errorf("%w: two %ss are called %s", ErrInstance, kind, name)
	}
	seen[name] = true
	return nil
}

// leastFigure and mostFigure are the smallest and largest capacity and input. They are far beyond what anybody means, and between them an
// input over a threshold times a capacity is neither 0 nor infinite, so that parts of capacities can be computed with.
const leastFigure, mostFigure = 1e-100, 1e100

func positive(x float64) bool { return x >= leastFigure && x <= mostFigure }

// outOfRange explains why a figure that looks positive is refused.
func outOfRange(x float64) string {
	if x > 0 && !math.IsInf(x, 1) && !positive(x) {
		return fmt.Sprintf(", from %g to %g", leastFigure, mostFigure)
	}
	return ""
}
