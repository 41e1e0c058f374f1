package node

import "fmt"

// What both runtimes do with a node's quota group.

func confine(name string, pid int, g group, tids []int) error {
	host, err := hostThreads(pid, tids)
	if err != nil {
		return fmt.Errorf("confine node %s: %w", name, err)
	}
	for i, tid := range host {
		if err := g.add(tid); err != nil {
			return fmt.Errorf("confine node %s: thread %d: %w", name, tids[i], err)
		}
	}
	return nil
}

func setCPU(name string, g group, c CPU) error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	if err := g.setCPU(c); err != nil {
		return fmt.Errorf("node %s: set quota %v in a period of %v: %w", name, c.Quota, c.Period, err)
	}
	return nil
}

func usage(name string, g group) (Usage, error) {
	u, err := g.usage()
	if err != nil {
		return Usage{}, fmt.Errorf("node %s: read CPU usage: %w", name, err)
	}
	return u, nil
}
