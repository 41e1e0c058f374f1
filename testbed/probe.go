package testbed

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/replay"
)

// probeTogether is the sum of rates (wall) of the links that are probed at a time. Slow links need long
// probes and little of the host, fast ones the opposite. A single thread of a delay line carries so much.
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
	// longestThorough bounds it in a self-test.
	longestThorough = 30 * time.Second
)

// probing says how links and CPUs are probed: before a run as shortly as its checks allow, in a self-test long
// enough for its tighter bounds.
type probing struct {
	thorough bool
}

// cpuTime is for how long (wall) a node's CPU is probed.
func (k probing) cpuTime(cpu emulator.CPU) time.Duration {
	granted, longest := probeCPU, longestProbe
	if k.thorough {
		granted, longest = 2*probeCPU, longestThorough
	}
	return max(probePeriods*cpu.Period, min(time.Duration(float64(granted)/cpu.Cores), longest))
}

// rateTime is for how long (wall) a link's rate is measured.
func (k probing) rateTime(planned units.Rate) time.Duration {
	if k.thorough {
		return max(time.Second, 4*fidelity.MeasuringTime(planned))
	}
	return fidelity.MeasuringTime(planned)
}

// connections is how many an edge makes for its probes before delays begin: one each way where they come after that.
func (k probing) connections() int {
	if k.thorough {
		return 2
	}
	return 0
}

// linkProbe is what the probes of one direction of an edge's way found. All figures are wall figures.
type linkProbe struct {
	// narrowest is the link on the way whose rate and queue the way shows.
	narrowest link.Link
	// lossy says that packets were lost on purpose meanwhile. TCP cannot keep the link busy then, and a goodput below the rate
	// says nothing about the link.
	lossy bool
	// goodput is what a bulk transfer got.
	goodput units.Rate
}

// echoProbe is what small messages to the cloud and back found.
type echoProbe struct {
	narrowest link.Link // of the uplink's way
	// planned is the round trip the delays of the plan add up to.
	planned time.Duration
	// idle is over idle links. empty and under are over an empty and a full queue, with the same delays in force.
	idle, empty, under replay.EchoResult
}

// filled tells whether the queue of the narrowest link was probed.
func (e echoProbe) filled() bool { return e.under.Sent > 0 }

// queue is how much longer than on idle links a round trip takes over the full queue of the narrowest link.
func (e echoProbe) queue() time.Duration {
	return time.Duration(e.under.RoundTrip.P50 - e.empty.RoundTrip.P50)
}

// probe measures every loaded link, lets the planned delays begin, and measures the CPU of every node that computes.
func (t *testbed) probe(ctx context.Context, k probing) error {
	if err := t.probeOpenLinks(ctx, k); err != nil {
		return err
	}
	return t.probeCompute(ctx, k)
}

// probeOpenLinks probes the links while what tasks have reserved on them stands open to the probes, which are no tasks. Then it is
// closed to all but the tasks, and everything is read back once more.
func (t *testbed) probeOpenLinks(ctx context.Context, k probing) error {
	if t.plan.Experiment.Emulation.Sharing == SharingShared {
		return t.probeAround(ctx, k)
	}
	if err := t.links.Open(); err != nil {
		return fmt.Errorf("open the links for their probes: %w", err)
	}
	if err := t.probeAround(ctx, k); err != nil {
		return err
	}
	if err := t.links.Restrict(); err != nil {
		return fmt.Errorf("close the links after their probes: %w", err)
	}
	return t.links.Verify(ctx)
}

// probeAround probes the links around the moment at which delays begin. Before a run rates and queues come before it: neither
// depends on a delay, and behind one a transfer takes a dozen round trips to fill a link, which at a dilation of 100 are half a minute.
// A self-test measures all of it with the delays in force.
func (t *testbed) probeAround(ctx context.Context, k probing) error {
	if k.thorough {
		if err := t.engage(ctx); err != nil {
			return err
		}
		return t.probeLinks(ctx, k)
	}
	if err := t.probeLinks(ctx, k); err != nil {
		return err
	}
	if t.plan.Network.Delay == "" {
		return nil
	}
	if err := t.drain(ctx); err != nil {
		return err
	}
	if err := t.engage(ctx); err != nil {
		return err
	}
	return t.probeDelays(ctx)
}

// drain waits until nothing waits on any link any more: a queue that a probe has filled would be taken for a delay.
func (t *testbed) drain(ctx context.Context) error {
	for {
		counters, err := t.links.Counters()
		if err != nil {
			return fmt.Errorf("wait for empty queues: %w", err)
		}
		waits := false
		for _, c := range counters {
			waits = waits || c.Backlog > 0
		}
		if !waits {
			return nil
		}
		select {
		case <-time.After(sampleEvery):
		case <-ctx.Done():
			return cause(ctx, ctx.Err())
		}
	}
}

// slowStart is how many round trips a probe over a delayed link is given to open its congestion window.
const slowStart = 12

// probeTurns lets probes have the links they need: edges behind the same trunk take turns, so that each has it for itself, and all
// together load the host no more than [probeTogether].
type probeTurns struct {
	trunk map[string]*sync.Mutex // by the last link of the way up
	room  *semaphore.Weighted
}

func newProbeTurns(ups [][]link.Link) probeTurns {
	turns := probeTurns{trunk: map[string]*sync.Mutex{}, room: semaphore.NewWeighted(int64(probeTogether))}
	for _, up := range ups {
		turns.trunk[up[len(up)-1].Name] = &sync.Mutex{}
	}
	return turns
}

// take waits for the turn of a way up; the returned function gives it on.
func (p probeTurns) take(up []link.Link) (done func()) {
	turn := p.trunk[up[len(up)-1].Name]
	turn.Lock()
	return turn.Unlock
}

// alone calls probe when there is room for a load of the link.
func (p probeTurns) alone(ctx context.Context, l link.Link, probe func() error) error {
	share := int64(min(l.Egress.Rate(), probeTogether))
	if err := p.room.Acquire(ctx, share); err != nil {
		return err
	}
	defer p.room.Release(share)
	return probe()
}

// probeLinks measures every uplink that streams will use: its rate, the round trip by small messages, and its queue; in
// a thorough probe the downlinks' rates, too.
func (t *testbed) probeLinks(ctx context.Context, k probing) error {
	names := t.plan.loadedEdges()
	up, down := make([][]link.Link, len(names)), make([][]link.Link, len(names))
	for i, name := range names {
		var err error
		if up[i], err = t.plan.way(name, uplink); err != nil {
			return err
		}
		if down[i], err = t.plan.way(name, downlink); err != nil {
			return err
		}
	}
	ups, downs, echoes := make([]linkProbe, len(names)), make([]linkProbe, len(names)), make([]echoProbe, len(names))
	turns := newProbeTurns(up)
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() error {
			defer turns.take(up[i])()
			narrow := narrowest(up[i])
			if err := turns.alone(ctx, narrow, func() (err error) {
				if ups[i], err = t.probeWay(ctx, name, narrow, false, k); err != nil {
					return err
				}
				echoes[i], err = t.probeEchoes(ctx, name, up[i], k)
				return err
			}); err != nil || !k.thorough {
				return err
			}
			narrow = narrowest(down[i])
			return turns.alone(ctx, narrow, func() (err error) {
				downs[i], err = t.probeWay(ctx, name, narrow, true, k)
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return cause(ctx, err)
	}
	t.probed, t.echoed = map[string]linkProbe{}, map[string]echoProbe{}
	for i, name := range names {
		t.probed[uplink(name)], t.echoed[name] = ups[i], echoes[i]
		if k.thorough {
			t.probed[downlink(name)] = downs[i]
		}
	}
	return nil
}

// slowestBefore is the rate, in bytes a second, of the slowest link on a way before the given one; 0 where that is the first.
func slowestBefore(way []link.Link, narrow link.Link) uint64 {
	slowest := uint64(0)
	for _, l := range way {
		if l.Name == narrow.Name {
			break
		}
		if slowest == 0 || l.Egress.BytesPerSecond < slowest {
			slowest = l.Egress.BytesPerSecond
		}
	}
	return slowest
}

func narrowest(way []link.Link) link.Link {
	return slices.MinFunc(way, func(a, b link.Link) int { return cmp.Compare(a.Egress.Rate(), b.Egress.Rate()) })
}

// way lists the links of one direction between an edge and the cloud: its own and those of the trunks behind it.
func (p *Plan) way(edge string, direction func(string) string) ([]link.Link, error) {
	names := []string{direction(edge)}
	for _, trunk := range p.trunks()[edge] {
		names = append(names, direction(trunk))
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

// detour is what delays an edge's packets on their way to the cloud and back (wall), and whether some of them are lost
// on purpose.
func (p *Plan) detour(edge string) (roundTrip time.Duration, lossy bool) {
	for _, l := range p.Network.Network.Links {
		if l.Delay != nil && (l.Name == uplink(edge) || l.Name == downlink(edge)) {
			roundTrip += l.Delay.Delay
			lossy = lossy || l.Delay.Loss > 0
		}
	}
	return roundTrip, lossy
}

// probeWay measures the rate of one direction between an edge and the cloud.
func (t *testbed) probeWay(ctx context.Context, edge string, narrow link.Link, down bool, k probing) (p linkProbe, err error) {
	p = linkProbe{narrowest: narrow}
	roundTrip := time.Duration(0)
	if k.thorough {
		roundTrip, p.lossy = t.plan.detour(edge)
	}
	p.goodput, err = t.probeLink(ctx, edge, narrow, down, slowStart*roundTrip+k.rateTime(narrow.Egress.Rate()))
	return p, err
}

// probeLink measures the goodput (wall) between an edge and the cloud in a bulk transfer, for the given time after
// the queue of the narrowest link on the way has filled once: only then is that link never idle.
func (t *testbed) probeLink(ctx context.Context, edge string, narrow link.Link, down bool, measured time.Duration) (units.Rate, error) {
	skip := narrow.Egress.Burst + narrow.Egress.Limit
	fill := time.Duration(float64(skip) / float64(narrow.Egress.BytesPerSecond) * float64(time.Second))
	result, err := t.conns[edge].Probe(ctx, replay.Probe{Duration: int64(fill + measured), Skip: skip, Down: down})
	if err != nil {
		return 0, fmt.Errorf("probe %s: %w", narrow.Name, err)
	}
	return result.Goodput(), nil
}

const (
	// echoCount is how many small messages measure a round trip, echoEvery how far they are apart.
	echoCount = 50
	echoEvery = 2 * time.Millisecond
	// echoesEvery is how far apart those of all edges are that are probed together.
	echoesEvery = 200 * time.Microsecond
	// echoPatience is what an echo may be late by on a busy host.
	echoPatience = 200 * time.Millisecond
	// overload is how much faster than the link the load comes that keeps its queue full.
	overload = 1.05
	// fillRate is how fast any host can send the load that fills a queue, in bytes a second; fillPace is what of a link's rate
	// it takes where it comes through one.
	fillRate, fillPace = 25e6, 0.95
	// leastLeft is the part of such a load that must stay in the queue for the probe to be worth its time.
	leastLeft = 0.2
	// lossCount is how many small messages measure loss in a self-test, lossTime bounds how long.
	lossCount = 5000
	lossTime  = 4 * time.Second
)

// probeEchoes measures round trips from an edge to the cloud and back, first over idle links, then while the queue of the
// narrowest link on the way is kept full. Where a link before that one is hardly faster no load fills its queue, and there is no such
// probe.
func (t *testbed) probeEchoes(ctx context.Context, edge string, way []link.Link, k probing) (p echoProbe, err error) {
	narrow := narrowest(way)
	p.narrowest = narrow
	p.planned, _ = t.plan.detour(edge)
	wait := echoPatience
	idle := replay.EchoProbe{Count: echoCount, Interval: int64(echoEvery)}
	if k.thorough {
		wait += 3 * p.planned
		// At a fifth of the rate, so that no queue forms.
		every := time.Duration(5 * replay.EchoWireBytes / float64(narrow.Egress.BytesPerSecond) * float64(time.Second))
		every = max(every, lossTime/lossCount, t.plan.apart(edge))
		idle.Interval, idle.Count = int64(every), max(echoCount, int(lossTime/every))
	}
	idle.Wait = int64(wait)
	if p.idle, err = t.conns[edge].Echo(ctx, idle); err != nil {
		return p, fmt.Errorf("probe %s: %w", edge, err)
	}
	p.empty = p.idle
	full := narrow.Egress.QueueTime()
	load := replay.EchoProbe{
		Count: echoCount, Interval: int64(max(echoEvery, full/echoCount)), Wait: int64(wait + 2*full),
		Fill: narrow.Egress.Burst + narrow.Egress.Limit*6/5, Load: units.Bytes(overload * float64(narrow.Egress.BytesPerSecond)),
	}
	arriving := fillRate
	if before := slowestBefore(way, narrow); before > 0 {
		// What comes through another link fills this one's queue by the difference of their rates only, and may not wait in front of it.
		arriving = fillPace * float64(before)
		left := 1 - float64(narrow.Egress.BytesPerSecond)/arriving
		if left < leastLeft {
			return p, nil
		}
		load.Fill, load.FillRate = units.Bytes(float64(load.Fill)/left), units.Bytes(arriving)
	}
	load.After = int64(echoEvery) + int64(float64(load.Fill)/arriving*1e9)
	if p.under, err = t.conns[edge].Echo(ctx, load); err != nil {
		return p, fmt.Errorf("probe the queue of %s: %w", narrow.Name, err)
	}
	return p, nil
}

// apart is how far apart (wall) small messages are so that none waits for one before it, which order would have it do: jitter lies
// within ±3σ.
func (p *Plan) apart(edge string) time.Duration { return time.Duration(6 * p.deviation(edge)) }

// probeDelays measures the round trips of all edges whose packets are delayed, together: most of the time it waits.
func (t *testbed) probeDelays(ctx context.Context) error {
	names := t.plan.loadedEdges()
	idle := make([]replay.EchoResult, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		planned := t.echoed[name].planned
		group.Go(func() (err error) {
			every := max(echoEvery, time.Duration(len(names))*echoesEvery, t.plan.apart(name))
			idle[i], err = t.conns[name].Echo(ctx, replay.EchoProbe{Count: echoCount, Interval: int64(every), Wait: int64(3*planned + echoPatience)})
			if err != nil {
				return fmt.Errorf("probe the delay of %s: %w", name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return cause(ctx, err)
	}
	for i, name := range names {
		e := t.echoed[name]
		e.idle = idle[i]
		t.echoed[name] = e
	}
	return nil
}

// probeCompute has all edges compute at once, each under its quota: what they get together is what they
// may count on in the run.
func (t *testbed) probeCompute(ctx context.Context, k probing) error {
	computing := t.plan.computingNodes()
	spans := make([]fidelity.Busy, len(computing))
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range computing {
		group.Go(func() error {
			result, err := t.conns[n.Name].ProbeCompute(ctx, replay.ComputeProbe{Duration: int64(k.cpuTime(*n.CPU))})
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

// rate is the probe of a link's rate as the packets on it count, in wall time.
func (p linkProbe) rate() units.Rate { return p.goodput / units.Rate(shape.GoodputShare) }
