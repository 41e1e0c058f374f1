package testbed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/topologies"
)

// changes is what has become of the links and nodes of a testbed since it was built. Its methods may be called concurrently.
type changes struct {
	mu     sync.Mutex // held while a change is made, so that one comes after the other
	states map[string]topologies.State
	made   []results.Change
}

// list is what has been changed so far.
func (c *changes) list() []results.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

// setLink changes a link now, reads it back and notes the change. It returns when the change had taken effect.
func (t *testbed) setLink(ctx context.Context, name string, change topologies.Change, byHand bool) (results.Change, error) {
	at, err := t.become(ctx, name, func(s topologies.State) topologies.State { return s.After(change) })
	if err == nil {
		err = t.links.VerifyLinks(ctx)
	}
	if err != nil {
		return results.Change{}, fmt.Errorf("%s: %v: %w", name, change, err)
	}
	return t.noteChange(at, name, change.String(), byHand)
}

// checkChange tells what is wrong with a change of a link as it is now.
func (t *testbed) checkChange(name string, change topologies.Change) error {
	t.changes.mu.Lock()
	defer t.changes.mu.Unlock()
	state, known := t.changes.states[name]
	if !known {
		state = t.plan.state(name)
	}
	if err := state.Check(spec.Cursor{}, change); err != nil {
		return err
	}
	states := map[string]topologies.State{}
	maps.Copy(states, t.changes.states)
	states[name] = state.After(change)
	return t.plan.checkLinks(states)
}

// become makes a link another and returns when that was done, on the clock.
func (t *testbed) become(ctx context.Context, name string, next func(topologies.State) topologies.State) (at int64, err error) {
	t.changes.mu.Lock()
	defer t.changes.mu.Unlock()
	state, known := t.changes.states[name]
	if !known {
		state = t.plan.state(name)
	}
	states := map[string]topologies.State{}
	maps.Copy(states, t.changes.states)
	states[name] = next(state)
	links, err := t.plan.relink(states)
	if err != nil {
		return 0, err
	}
	err = t.links.Change(ctx, links)
	at = clock.Now()
	if err == nil {
		t.changes.states = states
	}
	return at, err
}

// noteChange writes a change down.
func (t *testbed) noteChange(at int64, subject, what string, byHand bool) (results.Change, error) {
	c := results.Change{At: results.Figure(t.timeline.seconds(at)), Subject: subject, Change: what, ByHand: byHand}
	t.changes.mu.Lock()
	t.changes.made = append(t.changes.made, c)
	t.changes.mu.Unlock()
	detail := what
	if byHand {
		detail += " (by hand)"
	}
	moment := t.timeline.virtual(at)
	return c, t.dir.event(event{Event: "change", Subject: subject, Detail: detail, At: &moment})
}

// kill ends a node as a power cut would. What it had not sent is lost, and its part of the run with it.
func (t *testbed) kill(name string) error {
	t.heard.expectSilence(name)
	if err := t.nodes[name].Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", name, err)
	}
	_, err := t.noteChange(clock.Now(), name, "killed", false)
	return err
}

// step is something the harness does at a time of the run.
type step struct {
	at units.Virtual
	// trace is the link a rate is of; for any other event it is empty.
	trace string
	rate  units.Rate
	event Event
}

// link is the link it happens to; empty where it is none.
func (s step) link() string { return cmp.Or(s.trace, s.event.Link) }

// after is the link after the step.
func (s step) after(state topologies.State) topologies.State {
	if s.trace != "" {
		state.Link = state.AtRate(s.rate)
		return state
	}
	return state.After(*s.event.Set)
}

// steps lists everything that is to happen to links and nodes, by time.
func (p *Plan) steps() []step {
	var all []step
	for _, name := range p.Topology.LinkNames() {
		l, _ := p.Topology.LinkNamed(name)
		if l.Trace == nil {
			continue
		}
		for _, s := range l.Trace.Between(-p.Warmup, p.Duration+p.Drain) {
			all = append(all, step{at: s.At, trace: name, rate: s.Rate})
		}
	}
	for _, e := range p.Experiment.Events.inOrder() {
		all = append(all, step{at: e.At, event: e})
	}
	slices.SortStableFunc(all, func(a, b step) int { return int(min(max(a.at-b.at, -1), 1)) })
	return all
}

// follow makes everything happen that is to, each at its time, on a real-time thread of its own. It ends with ctx, or after
// the last.
func (t *testbed) follow(ctx context.Context) error {
	steps := t.plan.steps()
	if len(steps) == 0 {
		return nil
	}
	return clock.OnRealTimeThread(func() error { return t.take(ctx, steps) })
}

// sleepAtMost bounds how long the end of a run waits for a thread that sleeps.
const sleepAtMost = 50 * time.Millisecond

func (t *testbed) take(ctx context.Context, steps []step) (err error) {
	late := map[string][]time.Duration{}
	for _, s := range steps {
		due := t.timeline.Start + t.plan.wallOffset(s.at)
		for now := clock.Now(); now < due && ctx.Err() == nil; now = clock.Now() {
			clock.SleepUntil(min(due, now+int64(sleepAtMost)))
		}
		if ctx.Err() != nil {
			break
		}
		at, err := t.happen(ctx, s)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return fmt.Errorf("at %v: %w", s.at, err)
		}
		if s.trace != "" {
			late[s.trace] = append(late[s.trace], time.Duration(at-due))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(late)) {
		sum := time.Duration(0)
		for _, l := range late[name] {
			sum += l
		}
		mean := sum / time.Duration(len(late[name]))
		err = errors.Join(err, t.dir.event(event{Event: "trace", Subject: name, Detail: fmt.Sprintf(
			"%d steps, %v late on average, %v at most (wall time)", len(late[name]), mean, slices.Max(late[name]))}))
	}
	return err
}

// happen takes one step and returns when it had taken effect.
func (t *testbed) happen(ctx context.Context, s step) (at int64, err error) {
	switch {
	case s.trace != "":
		return t.become(ctx, s.trace, s.after)
	case s.event.Kill != "":
		return clock.Now(), t.kill(s.event.Kill)
	}
	_, err = t.setLink(ctx, s.event.Link, *s.event.Set, false)
	return clock.Now(), err
}
