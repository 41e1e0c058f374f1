package testbed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/node"
	"github.com/splitbed/splitbed/workloads/replay"
)

// setUpTime bounds how long a node may take to load its networks and pictures. It is far more than any
// needs, and there so that a node that hangs is an error.
const setUpTime = 5 * time.Minute

// warmUp tells the nodes their parts, confines their compute threads, lets them load and connect, gives
// every node its quota, probes every loaded link and every CPU, and lets the delays begin.
func (t *testbed) warmUp(ctx context.Context) error {
	if err := t.phase(WarmUp, ""); err != nil {
		return err
	}
	ctx, cancel := t.watchNodes(ctx)
	defer cancel(nil)
	if err := t.setUp(ctx); err != nil {
		return cause(ctx, err)
	}
	return cause(ctx, t.probe(ctx, t.probing))
}

// watchNodes is a context that ends when one of the nodes or the delay line does, with the reason as its cause. The end of a node
// that was killed on purpose does not count.
func (t *testbed) watchNodes(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if line := t.links.Line(); line != nil {
		go func() {
			select {
			case <-line.Exited():
				cancel(line.Err())
			case <-ctx.Done():
			}
		}()
	}
	for _, n := range t.nodes {
		go func() {
			select {
			case <-n.Exited():
				if !t.heard.silent(n.Name()) {
					cancel(n.Err())
				}
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

// cause is err, or what ended the context where that made it.
func cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if c := context.Cause(ctx); c != nil && !errors.Is(err, c) {
		return c
	}
	return err
}

// setUp tells every node its part, the cloud first, and lets all of them load and connect together.
func (t *testbed) setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, setUpTime, fmt.Errorf("a node did not load its networks within %v", setUpTime))
	defer cancel()
	if err := t.meetNodes(ctx); err != nil {
		return cause(ctx, err)
	}
	nodes := t.plan.Network.Nodes
	halves, films := replay.NewHalfMaker(t.options.Store), newFilms(t.options.Store)
	for _, n := range slices.Backward(nodes) { // the cloud is the last, and must listen before an edge connects
		setup, err := t.plan.setup(ctx, n, halves, films, t.dir.nodeLog(n.Name))
		if err != nil {
			return err
		}
		if n.Name != emulator.CloudName {
			setup.Probes = t.probing.connections()
		}
		threads, err := t.conns[n.Name].Setup(ctx, setup)
		if err != nil {
			return cause(ctx, err)
		}
		if err := t.nodes[n.Name].Confine(threads.Compute); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		group.Go(func() error { return t.load(ctx, n) })
	}
	return cause(ctx, group.Wait())
}

// meetNodes waits until every node has connected to the hub.
func (t *testbed) meetNodes(ctx context.Context) error {
	t.conns = map[string]*replay.Conn{}
	for _, n := range t.plan.Network.Nodes {
		conn, err := t.hub.Node(ctx, n.Name, replay.Watch{Progress: t.heard.progress, Fault: t.heard.fault})
		if err != nil {
			return err
		}
		t.conns[n.Name] = conn
	}
	return nil
}

// load lets a node load without a quota, and sets it when the node is ready.
func (t *testbed) load(ctx context.Context, n emulator.Node) error {
	ready, err := t.conns[n.Name].Confined(ctx)
	if err != nil {
		return err
	}
	if err := t.dir.event(event{Event: "ready", Subject: n.Name, Detail: "I/O priority " + ready.Priority}); err != nil {
		return err
	}
	if n.CPU == nil {
		return nil
	}
	return t.nodes[n.Name].SetCPU(node.CPU{Quota: n.CPU.Quota, Period: n.CPU.Period})
}

// computes names the nodes that have layers to compute.
func (p *Plan) computes() map[string]bool {
	computes := map[string]bool{}
	for _, s := range p.Streams {
		if len(s.Arrivals) == 0 {
			continue
		}
		if s.Cut > 0 {
			computes[s.Edge] = true
		}
		if s.Cut < s.Cuts {
			computes[emulator.CloudName] = true
		}
	}
	return computes
}

// computingNodes lists the nodes that have a quota and layers to compute under it.
func (p *Plan) computingNodes() []emulator.Node {
	computes := p.computes()
	var nodes []emulator.Node
	for _, n := range p.Network.Nodes {
		if computes[n.Name] && n.CPU != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}
