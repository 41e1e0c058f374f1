package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads/model"
)

// Options say how a run goes about its experiment. The zero value is a good one.
type Options struct {
	// Out is the run directory; empty is runs/<id> below the working directory. It must be new or empty.
	Out string
	// ScheduleFile is a schedule to use instead of the experiment's algorithm.
	ScheduleFile string
	// AllowInfeasible tries a schedule that breaks constraints; the summary lists them.
	AllowInfeasible bool
	// Overcommit tries budgets that do not fit the host.
	Overcommit bool
	// Keep, if not nil, is called after the verdict, while the testbed still stands; it goes when Keep returns.
	Keep func(context.Context, *results.Summary)
	// Retries is how many times a run of dilation auto is repeated, at a larger dilation, when its checks make it invalid and
	// say that this would help. Each attempt has a run directory of its own; where Out is named, those that failed are renamed
	// to Out.invalid-1 and so on.
	Retries int
	// Progress is told what happens; nil is [Silent].
	Progress Progress
	// Binary is the splitbed command that becomes the nodes; empty is the running executable. A Go test
	// names the binary it built here.
	Binary string
	// Store keeps the networks' files; the zero value is model.DefaultStore().
	Store model.Store

	// bare says that links and CPUs are all that is wanted: no transfer's time matters.
	bare bool
}

// cleanupTime bounds the removal of a run's objects, which goes on after the context has ended.
const cleanupTime = 30 * time.Second

// Run schedules, builds, replays and judges an experiment on this host and returns its summary. It needs
// root. The error is an [*InputError] when the experiment has to change, in which case nothing was
// started; it is [ErrInterrupted] when ctx ended first, and then the summary, if the replay had begun, is
// that of what was measured until then. Everything the run made but its directory is gone when Run returns.
//
// Any number of runs may go on at once, as far as the host's CPU allows.
func Run(ctx context.Context, e *Experiment, o Options) (*results.Summary, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Retries > 0 && e.Emulation.Dilation != 0 {
		return nil, inputError(fmt.Errorf("a run is tried again with a larger dilation only where its dilation is auto, and it is %v", e.Emulation.Dilation))
	}
	for attempt := 1; ; attempt++ {
		summary, err := runOnce(ctx, e, o, attempt > o.Retries)
		next, ok := e.again(summary)
		if err != nil || !ok || attempt > o.Retries {
			return summary, err
		}
		o.Progress.Note(fmt.Sprintf("run %s is invalid at dilation %g: %s\ntrying again at dilation %v",
			summary.Run, float64(summary.Dilation), summary.Reason, next.Emulation.Dilation))
		if err := setAside(o.Out, attempt); err != nil {
			return summary, err
		}
		e = next
	}
}

// runOnce is one attempt. Unless it is the last, an invalid run that a larger dilation may cure is not kept standing.
func runOnce(ctx context.Context, e *Experiment, o Options, last bool) (summary *results.Summary, err error) {
	plan, err := prepare(ctx, e, o)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	dir, err := createRunDir(o.Out, plan)
	if err != nil {
		return nil, err
	}
	t := &testbed{plan: plan, options: o, dir: dir}
	measured := false
	defer func() {
		o.Progress.Phase(TearDown, "")
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		err = errors.Join(err, t.tearDown(cleanup))
		if measured {
			err = errors.Join(err, dir.close())
		} else {
			err = errors.Join(err, dir.discard())
		}
	}()
	if err := t.build(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	if err := t.warmUp(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	measured = true // and is kept, whatever ends the replay
	if summary, err = t.conclude(ctx, t.replay(ctx)); err != nil {
		return summary, err
	}
	if _, again := e.again(summary); o.Keep == nil || again && !last {
		return summary, nil
	}
	if err := t.phase(Kept, "until Ctrl-C"); err != nil {
		return summary, err
	}
	o.Keep(ctx, summary)
	return summary, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Progress == nil {
		o.Progress = Silent{}
	}
	if o.Store.Dir == "" {
		store, err := model.DefaultStore()
		if err != nil {
			return o, err
		}
		o.Store = store
	}
	if o.Binary == "" {
		exe, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("the path of the running command: %w", err)
		}
		o.Binary = exe
	}
	return o, nil
}

// interrupted is err, or [ErrInterrupted] where the end of the context is what made it.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}

// DefaultOut is where a run's directory goes that was not named: below the working directory.
func DefaultOut(run string) string { return filepath.Join("runs", run) }

// createRunDir makes the directory of a planned run and writes down what the run is about to do.
func createRunDir(out string, p *Plan) (*runDir, error) {
	if out == "" {
		out = DefaultOut(p.Run)
	}
	dir, err := newRunDir(out)
	if err != nil {
		return nil, err
	}
	if err := dir.writePlan(p); err != nil {
		return nil, errors.Join(err, dir.discard())
	}
	return dir, nil
}
