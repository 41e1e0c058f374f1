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
func Run(ctx context.Context, e *Experiment, o Options) (summary *results.Summary, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
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
	if o.Keep != nil {
		o.Keep(ctx, summary)
	}
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
