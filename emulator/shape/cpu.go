package shape

import (
	"fmt"
	"math"
	"time"
)

// CPU is a CFS bandwidth limit: Quota of CPU time in every Period of wall time, over all cores together.
type CPU struct {
	Quota  time.Duration `json:"quota_ns"`
	Period time.Duration `json:"period_ns"`
}

// Cores is the limit as a number of cores.
func (c CPU) Cores() float64 { return float64(c.Quota) / float64(c.Period) }

// The kernel takes no period and no quota below MinQuota and no period above MaxPeriod (min_cfs_quota_period and
// max_cfs_quota_period in kernel/sched/core.c), on cgroup v1 and v2 alike; cfsUnit is its unit in cgroup files.
const (
	MinQuota  = time.Millisecond
	MaxPeriod = time.Second
	cfsUnit   = time.Microsecond
)

// goodQuota is the least quota chosen where a period may be long enough for it: a thread is held back at a tick of
// the kernel (4 ms at 250 Hz), so smaller ones are overdrawn several times before they are paid back.
const goodQuota = 2 * time.Millisecond

// NewCPU chooses quota and period for a number of cores, which may be a fraction or more than one.
//
// The kernel's own period of 100 ms is wrong beside a deadline of 200 ms: after a pause, 20 ms of work under a
// quarter of a core is done in 24 ms instead of 80, because a full quota lies ready. A short period bounds that head
// start. But a period under 4 ms is granted 10–35 % too little at 250 Hz, and a quota under 1 ms is refused. So it
// is 20 ms, 10 ms up to half a core, where the head start weighs more, 100 ms up to 5 % of a core, and
// wherever a quota would fall below 2 ms, as much longer as that takes, up to the kernel's longest.
//
// It fails below a thousandth of a core, which the longest period the kernel takes cannot express.
func NewCPU(cores float64) (CPU, error) {
	if !(cores > 0) || math.IsInf(cores, 1) {
		return CPU{}, fmt.Errorf("%g cores; a CPU limit needs a positive number", cores)
	}
	period := 20 * time.Millisecond
	switch {
	case cores <= 0.05:
		period = 100 * time.Millisecond
	case cores <= 0.5:
		period = 10 * time.Millisecond
	}
	quota := cfsRound(cores * float64(period))
	if quota < goodQuota {
		period = min(MaxPeriod, cfsRound(float64(goodQuota)/cores))
		quota = cfsRound(cores * float64(period))
	}
	if quota < MinQuota {
		return CPU{}, fmt.Errorf("%.3g cores are less than the kernel can grant (%v in %v); use a smaller dilation or a larger budget",
			cores, MinQuota, MaxPeriod)
	}
	return CPU{Quota: quota, Period: period}, nil
}

func cfsRound(ns float64) time.Duration {
	return time.Duration(math.Round(ns/float64(cfsUnit))) * cfsUnit
}
