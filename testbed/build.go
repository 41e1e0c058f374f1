package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/node"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/replay"
)

// testbed is a plan made real. What it holds is made in build and removed in tearDown, in reverse order.
type testbed struct {
	plan    *Plan
	options Options
	dir     *runDir

	journal *Journal
	hub     *replay.Hub
	runtime node.Runtime
	nodes   map[string]node.Node
	links   *link.Live
	conns   map[string]*replay.Conn // by node
	heard   heard

	// What the probes before the replay found, in wall time.
	monitor  monitor
	probing  probing
	probed   map[string]linkProbe     // by link, the edge's own
	echoed   map[string]echoProbe     // by edge
	granted  map[string]fidelity.Busy // CPU by node
	delays   delays
	timeline timeline
	sampler  *sampler // nil until the replay has begun
	changes  changes
	control  *control

	mu      sync.Mutex // guards what follows, and nodes while they are being started
	current Phase
	began   bool // the replay has, and with it the timeline
}

// phase begins a phase of the run, for who watches and for events.jsonl.
func (t *testbed) phase(p Phase, detail string) error {
	t.mu.Lock()
	t.current = p
	t.mu.Unlock()
	t.options.Progress.Phase(p, detail)
	return t.dir.event(event{Event: "phase", Subject: string(p), Detail: detail})
}

// parallelStarts bounds how many nodes start at once.
const parallelStarts = 8

// build makes the nodes and the network between them, and compares what the kernel has with the plan.
func (t *testbed) build(ctx context.Context) (err error) {
	names := t.plan.nodeNames()
	if err := t.phase(Build, fmt.Sprintf("%d nodes, %s runtime", len(names), t.plan.Runtime)); err != nil {
		return err
	}
	if t.journal, err = openJournal(t.plan.Run, t.dir.path); err != nil {
		return err
	}
	if t.hub, err = replay.Listen(t.dir.path); err != nil {
		return err
	}
	if t.control, err = openControl(t); err != nil {
		return err
	}
	if t.runtime, err = t.newRuntime(ctx); err != nil {
		return err
	}
	if err := t.startNodes(ctx); err != nil {
		return err
	}
	namespaces := map[string]string{}
	for name, n := range t.nodes {
		namespaces[name] = n.NetNS()
	}
	if t.links, err = link.Build(ctx, t.plan.Network.Network, namespaces, t.journal,
		link.HoldDelays(), link.WithDelayLine(delayline.Command{Binary: t.options.Binary, Args: []string{"delayline"}})); err != nil {
		return err
	}
	return t.links.Verify(ctx)
}

func (t *testbed) newRuntime(ctx context.Context) (node.Runtime, error) {
	if t.plan.Runtime == runtimeNative {
		return node.Native(t.journal)
	}
	library, err := engine.LibraryPath()
	if err != nil {
		return nil, err
	}
	return node.Docker(ctx, t.journal, node.ImageSpec{Binary: t.options.Binary, Engine: library})
}

// startNodes starts every node's process; they connect to the hub and wait for orders.
func (t *testbed) startNodes(ctx context.Context) error {
	started := make([]node.Node, len(t.plan.Network.Nodes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelStarts)
	for i, n := range t.plan.Network.Nodes {
		name := n.Name
		group.Go(func() (err error) {
			started[i], err = t.runtime.Start(ctx, node.Spec{
				Run: t.plan.Run, Name: name,
				Binary: t.options.Binary,
				Args:   []string{"node", "--control", t.hub.Path(), "--name", name},
				Env:    t.plan.environment(n),
				Dir:    t.dir.path,
				Mounts: append(t.plan.pictureDirs(), t.options.Store.Dir),
				Log:    filepath.Join(t.dir.file(logsDir), name+".log"),
			})
			return err
		})
	}
	err := group.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nodes = map[string]node.Node{}
	for i, n := range started {
		if n != nil {
			t.nodes[t.plan.Network.Nodes[i].Name] = n
		}
	}
	return err
}

// longestStop is the part of a timer's lateness allowed for which a quota may stop a node's compute thread without further ado; the rest is for what
// else makes timers late.
const longestStop = 0.75

// environment is what a node's process is started with. The Go runtime's monitor is kept awake only where a quota stops the node's compute
// thread for about as long as a timer may be late: it costs CPU time that no budget has, see [replay.AwakeMonitor].
func (p *Plan) environment(n emulator.Node) []string {
	if n.CPU == nil || n.CPU.Quota == 0 {
		return nil
	}
	stopped := p.Dilation.Virtual(n.CPU.Period - n.CPU.Quota)
	if stopped.Seconds() <= longestStop*fidelity.TimerShare*p.shortestDeadline().Seconds() {
		return nil
	}
	return replay.AwakeMonitor(os.Getenv("GODEBUG"))
}

// pictureDirs lists the directories of pictures the edges read.
func (p *Plan) pictureDirs() []string {
	var dirs []string
	for _, s := range p.Streams {
		if dir := s.Source.Frames; dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// tearDown removes everything the testbed made, as far as it came, and its journal when nothing is left.
func (t *testbed) tearDown(ctx context.Context) error {
	var errs []error
	if t.control != nil {
		errs = append(errs, t.control.close())
	}
	if t.links != nil {
		errs = append(errs, t.links.Close(ctx))
	}
	errs = append(errs, t.stopNodes(ctx))
	if t.runtime != nil {
		errs = append(errs, t.runtime.Close())
	}
	if t.hub != nil {
		errs = append(errs, t.hub.Close())
	}
	err := errors.Join(errs...)
	switch {
	case t.journal == nil:
	case err == nil:
		err = t.journal.remove(ctx)
	default: // it stays, for Clean
		err = errors.Join(err, t.journal.file.Close())
	}
	if err != nil {
		return fmt.Errorf("tear down (`splitbed clean` tries again once this process has ended): %w", err)
	}
	return nil
}

// stopNodes stops all nodes, whatever becomes of some of them.
func (t *testbed) stopNodes(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(parallelStarts)
	errs := make([]error, len(t.nodes))
	at := 0
	for _, n := range t.nodes {
		err := &errs[at]
		at++
		group.Go(func() error {
			*err = n.Stop(ctx)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// nodeNames lists the edges and the cloud.
func (p *Plan) nodeNames() []string {
	var names []string
	for _, n := range p.Network.Nodes {
		names = append(names, n.Name)
	}
	return names
}
