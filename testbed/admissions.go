package testbed

import (
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
)

// tell writes the decisions of an online algorithm up to a moment of the run into events.jsonl, those from number told
// on, and returns the number of the next.
func (p *Plan) tell(dir *runDir, told int, now units.Virtual) (int, error) {
	if p.Timeline == nil {
		return told, nil
	}
	for ; told < len(p.Timeline.Decisions) && p.Timeline.Decisions[told].At <= now; told++ {
		d := p.Timeline.Decisions[told]
		if err := dir.event(event{Event: d.What, Subject: d.Task, Detail: d.String(), At: &d.At}); err != nil {
			return told, err
		}
	}
	return told, nil
}

// deployedAt counts the tasks of a schedule that run at a moment.
func deployedAt(inst scheduler.Instance, schedule scheduler.Schedule, at units.Virtual) int {
	n := 0
	for j := range inst.Tasks {
		for _, i := range schedule.Intervals(inst, j) {
			if i.Contains(at) {
				n++
			}
		}
	}
	return n
}
