package sweep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/workloads/model"
)

// point does with a point what the mode says. Problem is the point's, in mode schedule.
func (r *runner) point(ctx context.Context, problem *testbed.Problem, j job) ([]Outcome, error) {
	switch r.sweep.Mode {
	case Simulate:
		return r.run(ctx, j, testbed.Simulate)
	case Emulate:
		return r.run(ctx, j, testbed.Run)
	case Profile:
		return profile(j.experiment)
	default:
		return schedule(ctx, problem, j.experiment.Scheduler, r.sweep.Curve)
	}
}

// schedule plans a point. With a curve, an online algorithm has a row for every so many inputs and one for the last.
func schedule(ctx context.Context, problem *testbed.Problem, s testbed.Scheduler, curve int) ([]Outcome, error) {
	report, err := problem.Plan(ctx, s)
	if err != nil {
		return nil, err
	}
	last := Outcome{
		Algorithm: report.Algorithm, Inputs: int64(report.Tasks), Tasks: int64(report.Tasks), Deployed: int64(report.Deployed),
		Bound: results.Figure(report.Bound), Gap: results.Figure(report.Gap), Seconds: results.Figure(report.Seconds),
	}
	var rows []Outcome
	if curve > 0 && s.Schedule == nil {
		counts, err := problem.Curve(ctx, s.Algorithm)
		if err != nil {
			return nil, err
		}
		for n := curve; n < len(counts); n += curve {
			row := last
			row.Inputs, row.Deployed = int64(n), int64(counts[n-1])
			rows = append(rows, row)
		}
	}
	return append(rows, last), nil
}

// run has a point emulated on this host, or simulated, into a run directory of its own; again where the run is invalid, as often
// as the sweep allows.
func (r *runner) run(ctx context.Context, j job, run runFunc) ([]Outcome, error) {
	for attempt := 1; ; attempt++ {
		dir, err := r.runDir(j.key)
		if err != nil {
			return nil, err
		}
		summary, err := run(ctx, j.experiment, testbed.Options{Out: filepath.Join(r.options.Out, dir), Binary: r.options.Binary})
		if err != nil {
			return nil, err
		}
		if summary.Verdict == results.Invalid && attempt < r.sweep.Attempts {
			continue
		}
		row := judged(summary)
		row.Directory = dir
		return []Outcome{row}, nil
	}
}

// runFunc is [testbed.Run] or [testbed.Simulate].
type runFunc func(context.Context, *testbed.Experiment, testbed.Options) (*results.Summary, error)

// runDir is a directory for a run of a point, relative to the sweep's: a run that was interrupted left the one before.
func (r *runner) runDir(key string) (string, error) {
	for n := 1; ; n++ {
		dir := filepath.Join(runsDir, key[:12])
		if n > 1 {
			dir += fmt.Sprintf("-%d", n)
		}
		_, err := os.Stat(filepath.Join(r.options.Out, dir))
		if errors.Is(err, fs.ErrNotExist) {
			return dir, nil
		}
		if err != nil {
			return "", fmt.Errorf("sweep: %w", err)
		}
	}
}

// judged is the row of a run's or a simulation's summary.
func judged(s *results.Summary) Outcome {
	o := Outcome{
		Algorithm: s.Schedule.Algorithm, Tasks: int64(s.Schedule.Tasks), Deployed: int64(s.Schedule.Deployed), Bound: s.Schedule.Bound,
		Gap: results.Absent(), Seconds: s.WallSeconds, Verdict: s.Verdict, Frames: int64(s.QoS.Frames), OnTime: results.Absent(),
		Low: s.QoS.OnTimeLow, High: s.QoS.OnTimeHigh, P50: s.QoS.P50, P95: s.QoS.P95, P99: s.QoS.P99,
	}
	if o.Bound > 0 {
		o.Gap = 1 - results.Figure(o.Deployed)/o.Bound
	}
	if o.Frames > 0 {
		o.OnTime = results.Figure(s.QoS.OnTime) / results.Figure(o.Frames)
	}
	return o
}

// profile lists every cut of the networks of an experiment, at the picture sizes they were made for.
func profile(e *testbed.Experiment) ([]Outcome, error) {
	var rows []Outcome
	seen := map[string]bool{}
	for _, task := range e.Workload.Tasks {
		// A picture that is encoded to fewer bytes makes all that is counted by the byte larger.
		smaller := results.Figure(task.Encoding / model.EncodingRatio)
		for _, part := range task.Model {
			name := part.Model
			if seen[name] {
				continue
			}
			seen[name] = true
			d, err := model.DescribeUsual(name)
			if err != nil {
				return nil, &testbed.InputError{Err: err}
			}
			for _, l := range d.Layers {
				rows = append(rows, Outcome{Network: name, Cut: int64(l.K), Layer: l.Name,
					Ratio: results.Figure(l.Ratio) * smaller, Overhead: results.Figure(l.Overhead) * smaller})
			}
		}
	}
	return rows, nil
}
