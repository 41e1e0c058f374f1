package node

import (
	"fmt"
	"path"
	"time"

	"github.com/containerd/cgroups/v3/cgroup2"
)

// groupV2 is a threaded group: the process stays in its parent, which is the root of the threaded subtree.
type groupV2 struct{ cg *cgroup2.Manager }

// makeV2 makes the group and enables the hierarchy's controllers for it on the way down from the root. The group is made threaded before
// that, because only threaded controllers may be enabled in a group that has processes, and only once it is a thread root.
func makeV2(h hierarchy, p place) (*groupV2, error) {
	point, quota := h.mounts[0].point, p.quota[""]
	cg, err := cgroup2.NewManager(point, quota, &cgroup2.Resources{})
	if err != nil {
		return nil, fmt.Errorf("make cgroup %s: %w", quota, err)
	}
	if err := cg.SetType(cgroup2.Threaded); err != nil {
		return nil, fmt.Errorf("make cgroup %s threaded: %w", quota, err)
	}
	if len(h.controllers) == 0 {
		return &groupV2{cg}, nil
	}
	if err := cg.ToggleControllers(h.controllers, cgroup2.Enable); err != nil {
		return nil, fmt.Errorf("enable the cpu controller for cgroup %s (is it in %s, and are there no processes "+
			"in the groups between?): %w", quota, path.Join(point, "cgroup.controllers"), err)
	}
	if h.isNative(p) {
		parent, err := cgroup2.Load("/"+top, cgroup2.WithMountpoint(point))
		if err != nil {
			return nil, err
		}
		weight := 100 * topWeight()
		if err := parent.Update(&cgroup2.Resources{CPU: &cgroup2.CPU{Weight: &weight}}); err != nil {
			return nil, fmt.Errorf("weight of cgroup /%s: %w", top, err)
		}
	}
	return &groupV2{cg}, nil
}

func (g *groupV2) add(tid int) error { return g.cg.AddThread(uint64(tid)) }

func (g *groupV2) setCPU(c CPU) error {
	var quota *int64
	var period *uint64
	if c.Quota != 0 {
		q := c.Quota.Microseconds()
		quota = &q
	}
	if c.Period != 0 {
		p := uint64(c.Period.Microseconds())
		period = &p
	}
	return g.cg.Update(&cgroup2.Resources{CPU: &cgroup2.CPU{Max: cgroup2.NewCPUMax(quota, period)}})
}

func (g *groupV2) usage() (Usage, error) {
	m, err := g.cg.StatFiltered(cgroup2.StatCPU)
	if err != nil {
		return Usage{}, err
	}
	return Usage{
		CPU:           time.Duration(m.CPU.UsageUsec) * time.Microsecond,
		Periods:       m.CPU.NrPeriods,
		Throttled:     m.CPU.NrThrottled,
		ThrottledTime: time.Duration(m.CPU.ThrottledUsec) * time.Microsecond,
	}, nil
}
