package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/workloads/replay"
)

// startLead is the wall time between the order to start and the start: every node has it by then.
const startLead = 300 * time.Millisecond

// progressEvery is how often the progress of the replay is shown.
const progressEvery = 100 * time.Millisecond

// replay starts all nodes at one moment and waits until the window and its drain are over, or every
// frame has been answered, a node has died, or ctx ends.
func (t *testbed) replay(ctx context.Context) error {
	p := t.plan
	if err := t.phase(Replay, fmt.Sprintf("%v + %v warm-up at dilation %v", p.Duration, p.Warmup, p.Dilation)); err != nil {
		return err
	}
	ctx, cancel := t.watchNodes(ctx)
	defer cancel(nil)

	if err := t.watchDelays(); err != nil {
		return cause(ctx, err)
	}
	stopSampling, err := t.startSampler(ctx)
	if err != nil {
		return err
	}
	err = t.monitor.watched(func() error {
		if err := t.begin(ctx); err != nil {
			return err
		}
		return t.observe(ctx)
	})
	t.readDelays()
	return errors.Join(cause(ctx, err), stopSampling())
}

// unfold waits for the end of the replay and makes happen meanwhile what is to happen to links and nodes.
func (t *testbed) unfold(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	followed := make(chan error, 1)
	go func() {
		err := t.follow(ctx)
		if err != nil {
			cancel(err)
		}
		followed <- err
	}()
	err := cause(ctx, t.wait(ctx))
	cancel(nil)
	if followErr := <-followed; err == nil {
		err = followErr
	}
	return err
}

// observe captures what is to be captured, until the replay is over.
func (t *testbed) observe(ctx context.Context) error {
	stop, err := t.startCaptures(ctx)
	if err != nil {
		return err
	}
	return errors.Join(t.unfold(ctx), stop())
}

// startSampler samples links and CPUs until the returned function is called.
func (t *testbed) startSampler(ctx context.Context) (stop func() error, err error) {
	log, err := os.OpenFile(t.dir.file(samplesLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	t.sampler = &sampler{links: t.links, nodes: t.nodes, log: log, points: map[string][]fidelity.LinkPoint{}, silent: t.heard.silent, dilation: t.plan.Dilation}
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return t.sampler.run(ctx) })
	return func() error {
		cancel()
		return errors.Join(group.Wait(), log.Close())
	}, nil
}

// begin tells all nodes when to start. The moment is written down meanwhile: a slow disk must not delay the order.
func (t *testbed) begin(ctx context.Context) error {
	t.timeline = timeline{Start: clock.Now() + int64(startLead), Warmup: t.plan.Warmup, Dilation: t.plan.Dilation}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return t.dir.writeJSON(timelineFile, t.timeline) })
	for _, conn := range t.conns {
		group.Go(func() error { return conn.Start(ctx, t.timeline.Start) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = true
	return nil
}

// wait waits for the end of the window and then for the answers, as long as the drain lasts.
func (t *testbed) wait(ctx context.Context) error {
	p := t.plan
	due := int64(0)
	for _, s := range p.Streams {
		due += int64(len(s.Arrivals))
	}
	window := t.timeline.Start + p.wallOffset(p.Duration)
	end := t.timeline.Start + p.wallOffset(p.Duration+p.Drain)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	told := 0 // of the timeline's decisions
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		now := clock.Now()
		var err error
		if told, err = p.tell(t.dir, told, p.Dilation.Virtual(time.Duration(now-t.timeline.Start))-p.Warmup); err != nil {
			return err
		}
		if now >= end || now >= window && t.heard.answered() >= due {
			return nil
		}
		t.options.Progress.Step(min(1, max(0, float64(now-t.timeline.Start)/float64(window-t.timeline.Start))))
	}
}

// verify has every stream's halves compute a frame once more, unquantised, to be compared with the uncut network. No time is
// measured, and its connections are new ones, so meanwhile packets are not delayed.
func (t *testbed) verify(ctx context.Context) ([]replay.Verified, error) {
	watched, cancel := t.watchNodes(ctx)
	defer cancel(nil)
	if t.heard.silent(emulator.CloudName) {
		return nil, nil
	}
	restore, err := t.links.Lift(watched)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(t.plan.loadedEdges(), t.heard.silent)
	verified := make([][]replay.Verified, len(names))
	group, ctx := errgroup.WithContext(watched)
	for i, name := range names {
		group.Go(func() (err error) {
			if verified[i], err = t.conns[name].Verify(ctx); err != nil {
				return fmt.Errorf("verify the answers at %s: %w", name, err)
			}
			return nil
		})
	}
	if err := errors.Join(group.Wait(), restore(watched)); err != nil {
		return nil, cause(watched, err)
	}
	return slices.Concat(verified...), nil
}
