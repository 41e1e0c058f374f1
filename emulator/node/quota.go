package node

import (
	"fmt"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
)

// CPU limits the confined threads of a node to Quota of CPU time in every Period of wall time, all CPUs counted
// together: Quota 30 ms in a Period of 20 ms is one and a half cores. Quota 0 is no limit.
type CPU struct{ Quota, Period time.Duration }

// defaultPeriod is that of a new group.
const defaultPeriod = 100 * time.Millisecond

func (c CPU) validate() error {
	if c.Quota == 0 && c.Period == 0 {
		return nil
	}
	if c.Period < shape.MinQuota || c.Period > shape.MaxPeriod {
		return fmt.Errorf("CPU period %v: the kernel takes %v to %v", c.Period, shape.MinQuota, shape.MaxPeriod)
	}
	if c.Quota != 0 && c.Quota < shape.MinQuota {
		return fmt.Errorf("CPU quota %v in a period of %v: the kernel takes no quota under %v; use a longer period or a larger dilation",
			c.Quota, c.Period, shape.MinQuota)
	}
	return nil
}

// quotaStep is one write to a v1 group: either the quota (µs, -1 for none) or the period (µs).
type quotaStep struct {
	quota  int64
	period uint64
}

// quotaSteps orders the two writes that lead a v1 group from one setting to another. Between them the group has one old and
// one new figure, and the kernel refuses a share larger than that of a limited parent (tg_cfs_schedulable_down). In this
// order the share in between is never larger than both the old and the new one.
func quotaSteps(from, to CPU) []quotaStep {
	period := quotaStep{period: uint64(to.Period.Microseconds())}
	quota := quotaStep{quota: to.Quota.Microseconds()}
	if to.Quota == 0 {
		quota.quota = -1
	}
	switch {
	case to.Period == 0 || to.Period == from.Period:
		return []quotaStep{quota}
	case from.Quota != 0 && to.Quota != 0 && to.Period < from.Period:
		return []quotaStep{quota, period}
	case to.Quota == 0:
		return []quotaStep{quota, period}
	default:
		return []quotaStep{period, quota}
	}
}
