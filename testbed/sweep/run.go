package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
)

// Options say how a sweep is gone about. The zero value is a good one.
type Options struct {
	// Out is the sweep's directory, where a sweep that was interrupted is found again; empty is sweeps/<name> below the
	// working directory.
	Out string
	// Jobs is how many points are worked on at once; 0 is one for each CPU. Emulated runs come one after the other.
	Jobs int
	// Only keeps, of each field of the grid that it names, the points with one of these values, as the table writes them.
	Only map[string][]string
	// Version is the program's: results of another one are not taken over.
	Version string
	// Progress, if not nil, is told how many points are done and which one was last. Calls come one at a time.
	Progress func(done, total int, last string)
	// Binary is the splitbed command that becomes the nodes of emulated runs; empty is the running executable.
	Binary string
}

// Result is what a sweep came to.
type Result struct {
	Sweep string `json:"sweep"`
	Mode  string `json:"mode"`
	// Points of the grid; of these, Reused were done before, and Failed have an error in the table instead of a result.
	Points int `json:"points"`
	Reused int `json:"reused"`
	Failed int `json:"failed"`
	Rows   int `json:"rows"`
	// Directory holds everything; the other paths are below it.
	Directory string   `json:"directory"`
	Table     string   `json:"table"`
	Figures   []string `json:"figures"`
}

// ErrInterrupted is returned by a sweep whose context ended first. The points finished until then are kept, and
// running the sweep again with the same directory goes on with the others.
var ErrInterrupted = errors.New("sweep interrupted")

// The files of a sweep's directory, beside those of its figures and the runs.
const (
	logFile   = "points.jsonl"
	tableFile = "sweep.parquet"
	runsDir   = "runs"
)

// Run works on every point of a sweep that is not done yet and writes the table and the figures. A point that fails
// does not end the sweep: it stands in the table with its error, Result.Failed counts it, and the next Run tries it
// again. Errors are a [*testbed.InputError] for what the user has to change, [ErrInterrupted], and
// those of writing.
func Run(ctx context.Context, s *Sweep, o Options) (result *Result, err error) {
	if o, err = o.withDefaults(s); err != nil {
		return nil, err
	}
	work, err := s.plan(o)
	if err != nil {
		return nil, &testbed.InputError{Err: err}
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	log, err := openLog(filepath.Join(o.Out, logFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.close()) }()

	r := &runner{sweep: s, options: o, log: log, failed: map[string]error{}, total: len(work)}
	pending := r.pending(work)
	result = &Result{Sweep: s.Name, Mode: s.Mode, Points: len(work), Reused: r.done, Directory: o.Out}
	if err := r.work(ctx, pending); err != nil {
		return result, err
	}
	return result, r.conclude(work, result)
}

func (o Options) withDefaults(s *Sweep) (Options, error) {
	if o.Out == "" {
		o.Out = filepath.Join("sweeps", s.Name)
	}
	switch {
	case o.Jobs < 0:
		return o, &testbed.InputError{Err: fmt.Errorf("%d jobs at once are none", o.Jobs)}
	case s.Mode == Emulate && o.Jobs > 1:
		return o, &testbed.InputError{Err: errors.New("emulated runs would measure each other: mode run takes one job at a time")}
	case s.Mode == Emulate:
		o.Jobs = 1
	case o.Jobs == 0:
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	return o, nil
}

// job is a point ready to be worked on.
type job struct {
	point      point
	experiment *testbed.Experiment
	key, group string
}

// plan composes the points that are asked for, which checks them.
func (s *Sweep) plan(o Options) ([]job, error) {
	points, err := s.selected(o.Only)
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, p := range points {
		e, err := s.compose(p)
		if err != nil {
			return nil, err
		}
		j := job{point: p, experiment: e}
		if j.key, err = s.keyOf(e, o.Version); err != nil {
			return nil, err
		}
		if j.group, err = groupOf(e); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// runner is a sweep at work.
type runner struct {
	sweep   *Sweep
	options Options
	log     *pointLog

	mu     sync.Mutex
	done   int
	total  int
	failed map[string]error // by key
}

// pending are the jobs that are not in the log, those of a group together, in the order of the grid. An invalid run has not shown
// anything, so that its point is not done either.
func (r *runner) pending(jobs []job) [][]job {
	var groups [][]job
	at := map[string]int{}
	queued := map[string]bool{}
	for _, j := range jobs {
		rows, done := r.log.rows(j.key)
		invalid := slices.ContainsFunc(rows, func(o Outcome) bool { return o.Verdict == results.Invalid })
		if done && !invalid || queued[j.key] {
			r.done++
			continue
		}
		queued[j.key] = true
		n, ok := at[j.group]
		if !ok {
			n = len(groups)
			at[j.group] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], j)
	}
	return groups
}

// work does the groups, several at once.
func (r *runner) work(ctx context.Context, groups [][]job) error {
	workers, each := errgroup.WithContext(ctx)
	workers.SetLimit(r.options.Jobs)
	r.report("")
	for _, group := range groups {
		if each.Err() != nil {
			break
		}
		workers.Go(func() error { return r.group(each, group) })
	}
	err := workers.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %d of %d points are done and kept in %s; the same command goes on with the others",
			ErrInterrupted, r.done-len(r.failed), r.total, r.options.Out)
	}
	return err
}

// group works on the points of one scheduling problem. Its error ends the sweep; what goes wrong at a point does not.
func (r *runner) group(ctx context.Context, jobs []job) error {
	var problem *testbed.Problem
	var unsolvable error
	if r.sweep.Mode == Schedule {
		problem, unsolvable = testbed.NewProblem(ctx, jobs[0].experiment)
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rows, err := []Outcome(nil), unsolvable
		if err == nil {
			rows, err = r.point(ctx, problem, j)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.finish(j, rows, err); err != nil {
			return err
		}
	}
	return nil
}

// finish keeps what a point came to. A failure is not logged, so that the next run tries again.
func (r *runner) finish(j job, rows []Outcome, failure error) error {
	if failure == nil {
		if err := r.log.add(j.key, rows); err != nil {
			return err
		}
	}
	r.mu.Lock()
	if failure != nil {
		r.failed[j.key] = failure
	}
	r.done++
	r.mu.Unlock()
	r.report(j.point.String())
	return nil
}

func (r *runner) report(last string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.options.Progress != nil {
		r.options.Progress(r.done, r.total, last)
	}
}

// conclude writes the table and the figures.
func (r *runner) conclude(jobs []job, result *Result) error {
	t := r.table(jobs)
	result.Rows = len(t.rows)
	for _, j := range jobs {
		if r.failed[j.key] != nil {
			result.Failed++
		}
	}
	result.Table = filepath.Join(r.options.Out, tableFile)
	if err := t.write(result.Table); err != nil {
		return err
	}
	for _, f := range r.sweep.Figures {
		paths, err := f.write(r.options.Out, t)
		if err != nil {
			return err
		}
		result.Figures = append(result.Figures, paths...)
	}
	return r.failure(jobs)
}

// failure names the first points that failed.
func (r *runner) failure(jobs []job) error {
	const most = 3
	var errs []error
	for _, j := range jobs {
		if err := r.failed[j.key]; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", j.point, err))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	summary := fmt.Errorf("%d of %d points failed, and the same command tries them again", len(errs), len(jobs))
	return errors.Join(append([]error{summary}, errs[:min(most, len(errs))]...)...)
}
