package testbed

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/internal/proc"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/replay"
)

// monitor is what the run notes about its host, its nodes and its network while the replay lasts, beside what the sampler
// reads. The zero value is ready.
type monitor struct {
	before, after fidelity.HostReading

	mu      sync.Mutex
	late    map[string]replay.Quantiles // of the nodes' own timers, in wall time
	stopped []string                    // nodes whose process was stopped when the replay ended
	// changed is what the network has become otherwise than planned.
	changed []string
}

// watched calls replay between two readings of the host.
func (m *monitor) watched(replay func() error) (err error) {
	if m.before, err = fidelity.ReadHost(); err != nil {
		return err
	}
	err = replay()
	after, readErr := fidelity.ReadHost()
	if readErr == nil {
		m.after = after
	}
	return errors.Join(err, readErr)
}

// beatShare is how many times in the shortest deadline a node's timer goes off, and shortestBeat how rarely at least: all
// of them together must cost next to nothing.
const (
	beatShare    = 20
	shortestBeat = 10 * time.Millisecond
)

// beat is how often, in wall nanoseconds, the nodes' timers go off.
func (p *Plan) beat() int64 {
	return int64(max(shortestBeat, p.Dilation.Wall(p.shortestDeadline())/beatShare))
}

// compareNetwork reads the network back at the end of the replay.
func (t *testbed) compareNetwork(ctx context.Context) error {
	err := t.links.Verify(ctx)
	var mismatch *link.MismatchError
	if !errors.As(err, &mismatch) {
		return err
	}
	for _, d := range mismatch.Differences {
		t.monitor.changed = append(t.monitor.changed, d.String())
	}
	return nil
}

// isStopped tells whether a process has been stopped by a signal or a debugger. One that is gone is not.
func isStopped(pid int) bool {
	state, err := proc.State(pid)
	return err == nil && (state == 'T' || state == 't')
}

// finishNode has a node complete its log and notes how late its timer was. A node that is stopped is not waited for.
func (t *testbed) finishNode(ctx context.Context, name string) error {
	if isStopped(t.nodes[name].PID()) {
		t.monitor.mu.Lock()
		defer t.monitor.mu.Unlock()
		t.monitor.stopped = append(t.monitor.stopped, name)
		return nil
	}
	done, err := t.conns[name].Finish(ctx)
	t.monitor.mu.Lock()
	defer t.monitor.mu.Unlock()
	if t.monitor.late == nil {
		t.monitor.late = map[string]replay.Quantiles{}
	}
	t.monitor.late[name] = done.Late
	return err
}

// monitorChecks are the checks of what the monitor has seen.
func (t *testbed) monitorChecks() []fidelity.Check {
	p, m := t.plan, &t.monitor
	var checks []fidelity.Check
	for _, n := range p.Network.Nodes {
		if slices.Contains(m.stopped, n.Name) {
			checks = append(checks, fidelity.Stopped(n.Name, true))
			continue
		}
		if late, ok := m.late[n.Name]; ok && late.Max > 0 {
			virtual := func(ns int64) units.Virtual { return p.Dilation.Virtual(time.Duration(ns)) }
			checks = append(checks,
				fidelity.TimerLateness(n.Name, virtual(late.P99), p.shortestDeadline()),
				fidelity.Stall(n.Name, virtual(late.Max), p.shortestDeadline()))
		}
	}
	checks = append(checks, fidelity.AsPlanned(m.changed))
	if m.after.At > 0 {
		checks = append(checks, fidelity.HostLeft(m.before, m.after), fidelity.HostDrops(m.before, m.after))
		if c, ok := fidelity.SoftirqStarved(m.before, m.after); ok {
			checks = append(checks, c)
		}
	}
	return checks
}
