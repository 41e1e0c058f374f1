package node

import (
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// groupV1 is a group in the cpu hierarchy and one of the same name in cpuacct.
type groupV1 struct {
	cg cgroup1.Cgroup

	mu  sync.Mutex
	cpu CPU // what the kernel has now
}

func makeV1(h hierarchy, p place) (*groupV1, error) {
	subsystems := func() ([]cgroup1.Subsystem, error) {
		root := path.Dir(h.mounts[0].point)
		return []cgroup1.Subsystem{cgroup1.NewCpu(root), cgroup1.NewCpuacct(root)}, nil
	}
	if h.isNative(p) {
		shares := 1024 * topWeight()
		weighted := &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}}
		if _, err := cgroup1.New(cgroup1.StaticPath("/"+top), weighted, cgroup1.WithHierarchy(subsystems)); err != nil {
			return nil, fmt.Errorf("make cgroup /%s: %w", top, err)
		}
	}
	at := func(controller cgroup1.Name) (string, error) { return p.quota[string(controller)], nil }
	cg, err := cgroup1.New(at, &specs.LinuxResources{}, cgroup1.WithHierarchy(subsystems))
	if err != nil {
		return nil, fmt.Errorf("make cgroup %s: %w", p.quota["cpu"], err)
	}
	return &groupV1{cg: cg, cpu: CPU{Period: defaultPeriod}}, nil
}

func (g *groupV1) add(tid int) error { return g.cg.AddTask(cgroup1.Process{Pid: tid}) }

// setCPU writes one figure at a time, because the library's order of the two is fixed.
func (g *groupV1) setCPU(c CPU) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range quotaSteps(g.cpu, c) {
		r := &specs.LinuxCPU{}
		if s.period != 0 {
			r.Period = &s.period
		} else {
			r.Quota = &s.quota
		}
		if err := g.cg.Update(&specs.LinuxResources{CPU: r}); err != nil {
			return err
		}
		if s.period != 0 {
			g.cpu.Period = c.Period
		} else {
			g.cpu.Quota = c.Quota
		}
	}
	return nil
}

func (g *groupV1) usage() (Usage, error) {
	m, err := g.cg.Stat()
	if err != nil {
		return Usage{}, err
	}
	return Usage{
		CPU:           time.Duration(m.CPU.Usage.Total),
		Periods:       m.CPU.Throttling.Periods,
		Throttled:     m.CPU.Throttling.ThrottledPeriods,
		ThrottledTime: time.Duration(m.CPU.Throttling.ThrottledTime),
	}, nil
}
