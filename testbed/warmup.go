package testbed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/node"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/replay"
)

// setUpTime bounds how long a node may take to load its networks and pictures. It is far more than any
// needs, and there so that a node that hangs is an error.
const setUpTime = 5 * time.Minute

// probeTogether is the sum of rates (wall) of the uplinks that are probed at a time. Slow links need long
// probes and little of the host, fast ones the opposite.
const probeTogether = units.Rate(200e6)

const (
	// probePeriods is for how many quota periods an edge's CPU is probed at least: the one that may be cut
	// short at either end then weighs little.
	probePeriods = 20
	// probeCPU is the CPU time a probe should be granted: a thread may overdraw its quota by a timer tick of
	// the kernel, 4 ms, before it is held back.
	probeCPU = 150 * time.Millisecond
	// longestProbe bounds the probe of an edge with a very small quota.
	longestProbe = 3 * time.Second
)

// probeTimeOf is for how long (wall) a node's CPU is probed.
func probeTimeOf(cpu emulator.CPU) time.Duration {
	granted := time.Duration(float64(probeCPU) / cpu.Cores)
	return max(probePeriods*cpu.Period, min(granted, longestProbe))
}

// warmUp tells the nodes their parts, confines their compute threads, lets them load and connect, gives
// every node its quota and probes every loaded uplink.
func (t *testbed) warmUp(ctx context.Context) error {
	if err := t.phase(WarmUp, ""); err != nil {
		return err
	}
	ctx, cancel := t.watchNodes(ctx)
	defer cancel(nil)
	if err := t.setUp(ctx); err != nil {
		return cause(ctx, err)
	}
	if err := t.probeOpenLinks(ctx); err != nil {
		return cause(ctx, err)
	}
	return cause(ctx, t.probeCompute(ctx))
}

// watchNodes is a context that ends when one of the nodes does, with the reason as its cause.
func (t *testbed) watchNodes(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	for _, n := range t.nodes {
		go func() {
			select {
			case <-n.Exited():
				cancel(n.Err())
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
	halves := replay.NewHalfMaker(t.options.Store)
	for _, n := range slices.Backward(nodes) { // the cloud is the last, and must listen before an edge connects
		setup, err := t.plan.setup(n, halves, t.dir.nodeLog(n.Name))
		if err != nil {
			return err
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

// linkProbe is what a bulk transfer over an edge's uplink got, and the rate it should have shown: that of the
// narrowest link on the way to the cloud. Both are wall rates. Where packets are lost on purpose TCP cannot
// keep the link busy, and a goodput below the rate says nothing about the link.
type linkProbe struct {
	planned, goodput units.Rate
	lossy            bool
}

// slowStart is how many round trips a probe over a delayed link is given to open its congestion window.
const slowStart = 12

// probeOpenLinks probes the links while what tasks have reserved on them stands open to the probes, which are no tasks. Then it is
// closed to all but the tasks, and everything is read back once more.
func (t *testbed) probeOpenLinks(ctx context.Context) error {
	if t.plan.Experiment.Emulation.Sharing == SharingShared {
		return t.probeLinks(ctx)
	}
	if err := t.links.Open(); err != nil {
		return fmt.Errorf("open the links for their probes: %w", err)
	}
	if err := t.probeLinks(ctx); err != nil {
		return err
	}
	if err := t.links.Restrict(); err != nil {
		return fmt.Errorf("close the links after their probes: %w", err)
	}
	return t.links.Verify(ctx)
}

// probeLinks measures the rate of every uplink that streams will use. Edges behind the same trunk take
// turns, so that each has it for itself.
func (t *testbed) probeLinks(ctx context.Context) error {
	names := t.plan.loadedEdges()
	probes := make([]linkProbe, len(names))
	turns := map[string]*sync.Mutex{} // by the trunk nearest to the cloud
	room := semaphore.NewWeighted(int64(probeTogether))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		way, err := t.plan.way(name)
		if err != nil {
			return err
		}
		last := way[len(way)-1].Name
		if turns[last] == nil {
			turns[last] = &sync.Mutex{}
		}
		group.Go(func() (err error) {
			turns[last].Lock()
			defer turns[last].Unlock()
			narrowest := slices.MinFunc(way, func(a, b link.Link) int { return cmp.Compare(a.Egress.Rate(), b.Egress.Rate()) })
			rate := narrowest.Egress.Rate()
			share := int64(min(rate, probeTogether))
			if err := room.Acquire(ctx, share); err != nil {
				return err
			}
			defer room.Release(share)
			roundTrip, lossy := t.plan.detour(name)
			probes[i] = linkProbe{planned: rate, lossy: lossy}
			probes[i].goodput, err = t.probeLink(ctx, name, narrowest, slowStart*roundTrip+fidelity.MeasuringTime(rate))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return cause(ctx, err)
	}
	t.probed = map[string]linkProbe{}
	for i, name := range names {
		t.probed[uplink(name)] = probes[i]
	}
	return nil
}

// way lists the links from an edge to the cloud: its uplink and those of the trunks behind it.
func (p *Plan) way(edge string) ([]link.Link, error) {
	names := []string{uplink(edge)}
	for _, trunk := range p.trunks()[edge] {
		names = append(names, uplink(trunk))
	}
	var way []link.Link
	for _, name := range names {
		l, ok := p.Network.Link(name)
		if !ok {
			return nil, fmt.Errorf("the plan has no link %s", name)
		}
		way = append(way, l)
	}
	return way, nil
}

// detour is what netem adds on the way of an edge's packets to the cloud and back: delay (wall), and whether it
// loses some of them.
func (p *Plan) detour(edge string) (roundTrip time.Duration, lossy bool) {
	for _, l := range p.Network.Network.Links {
		if l.Delay != nil && (l.Name == uplink(edge) || l.Name == edge+".downlink") {
			roundTrip += l.Delay.Delay
			lossy = lossy || l.Delay.Loss > 0
		}
	}
	return roundTrip, lossy
}

// probeLink measures the goodput (wall) from an edge to the cloud in a bulk transfer, for the given time after
// the queue of the narrowest link on the way has filled once: only then is that link never idle.
func (t *testbed) probeLink(ctx context.Context, edge string, narrowest link.Link, measured time.Duration) (units.Rate, error) {
	skip := narrowest.Egress.Burst + narrowest.Egress.Limit
	fill := time.Duration(float64(skip) / float64(narrowest.Egress.BytesPerSecond) * float64(time.Second))
	result, err := t.conns[edge].Probe(ctx, replay.Probe{Duration: int64(fill + measured), Skip: skip})
	if err != nil {
		return 0, fmt.Errorf("probe %s: %w", uplink(edge), err)
	}
	return result.Goodput(), nil
}

// probeCompute has all edges compute at once, each under its quota: what they get together is what they
// may count on in the run.
func (t *testbed) probeCompute(ctx context.Context) error {
	computing := t.plan.computingNodes()
	spans := make([]fidelity.Busy, len(computing))
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range computing {
		group.Go(func() error {
			result, err := t.conns[n.Name].ProbeCompute(ctx, replay.ComputeProbe{Duration: int64(probeTimeOf(*n.CPU))})
			if err != nil {
				return fmt.Errorf("probe the CPU of %s: %w", n.Name, err)
			}
			spans[i] = fidelity.Busy{Wall: time.Duration(result.Wall), CPU: time.Duration(result.CPU)}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.granted = map[string]fidelity.Busy{}
	for i, n := range computing {
		t.granted[n.Name] = spans[i]
	}
	return nil
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
