package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "schedule, build, replay, check and report an experiment",
		ArgsUsage: "EXPERIMENT",
		Description: "EXPERIMENT is a shipped name (quickstart) or a file. Exit codes: 0 deadline kept, 3 violated,\n" +
			"4 invalid (the emulation cannot be trusted), 2 the input is wrong (nothing was started), 1 anything else.",
		Flags: append(experimentFlags(),
			&cli.StringFlag{Name: "runtime", Usage: "native or docker"},
			&cli.StringFlag{Name: "dilation", Usage: "wall seconds a virtual second takes: auto, or a number of at least 1"},
			&cli.StringSliceFlag{Name: "capture", Usage: "write the packets of `LINK` (gw-a.uplink) to a pcap file; may be repeated"},
			&cli.StringFlag{Name: "sharing", Usage: "how tasks share links: shared, reserved or borrow"},
			&cli.BoolFlag{Name: "overcommit", Usage: "try budgets that do not fit this host"},
			&cli.BoolFlag{Name: "retry", Usage: "with dilation auto: repeat an invalid run, at most three times, at the dilation its checks name"},
			&cli.BoolFlag{Name: "keep", Usage: "leave the testbed up after the verdict, until Ctrl-C"},
		),
		Action: run,
	}
}

// experimentFlags are the options of all commands that run an experiment in some way.
func experimentFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "duration", Usage: "length of the measured window, in virtual time, such as 10s"},
		&cli.StringFlag{Name: "scheduler", Usage: "scheduling algorithm: layer, fixed:K, price, …, file:PATH or exec:CMD"},
		&cli.Float64Flag{Name: "margin", Usage: "part of the deadline a schedule keeps in reserve", DefaultText: "the experiment's"},
		&cli.StringFlag{Name: "schedule", Usage: "use the schedule in `FILE` (a run's schedule.json) instead of an algorithm"},
		&cli.BoolFlag{Name: "allow-infeasible", Usage: "try a schedule that breaks a constraint, and list what it breaks"},
		&cli.Uint64Flag{Name: "seed", Usage: "seed of everything random", DefaultText: "the experiment's"},
		&cli.StringFlag{Name: "out", Usage: "run directory (default runs/<id>)"},
		jsonFlag(),
	}
}

func simulateCommand() *cli.Command {
	return &cli.Command{
		Name:      "simulate",
		Usage:     "an experiment in a fluid model: no emulation, no root, any scale",
		ArgsUsage: "EXPERIMENT",
		Description: "Writes what a run writes, marked as simulated. Exit codes: 0 deadline kept, 3 violated, 4 too short to say\n" +
			"anything, 2 the input is wrong, 1 anything else.",
		Flags: experimentFlags(),
		Action: func(c *cli.Context) error {
			experiment, err := experimentOf(c)
			if err != nil {
				return err
			}
			summary, err := testbed.Simulate(c.Context, experiment, optionsOf(c))
			return report(c, summary, err)
		},
	}
}

// experimentOf is the experiment the command line names, with its options applied.
func experimentOf(c *cli.Context) (*testbed.Experiment, error) {
	name, err := argument(c, "experiment")
	if err != nil {
		return nil, err
	}
	experiment, err := testbed.LoadExperiment(name)
	if err != nil {
		return nil, &testbed.InputError{Err: err}
	}
	if err := override(c, experiment); err != nil {
		return nil, &testbed.InputError{Err: err}
	}
	return experiment, nil
}

func optionsOf(c *cli.Context) testbed.Options {
	return testbed.Options{Out: c.String("out"), ScheduleFile: c.String("schedule"), AllowInfeasible: c.Bool("allow-infeasible")}
}

// mostRetries bounds --retry: each attempt is at least half as slow again as the one before.
const mostRetries = 3

func run(c *cli.Context) error {
	experiment, err := experimentOf(c)
	if err != nil {
		return err
	}
	progress, finish := newProgress(os.Stderr)
	options := optionsOf(c)
	options.Overcommit, options.Progress = c.Bool("overcommit"), progress
	if c.Bool("retry") {
		options.Retries = mostRetries
	}
	if c.Bool("keep") {
		options.Keep = func(ctx context.Context, s *results.Summary) {
			progress.Note(fmt.Sprintf("run %s: %s; the testbed stays up until Ctrl-C", s.Run, s.Verdict))
			<-ctx.Done()
		}
	}
	summary, err := testbed.Run(c.Context, experiment, options)
	finish()
	return report(c, summary, err)
}

// report prints the summary of a run, if there is one, and gives its error or that of its verdict.
func report(c *cli.Context, summary *results.Summary, err error) error {
	if summary != nil {
		if printErr := printSummary(c, summary); err == nil {
			err = printErr
		}
	}
	if err != nil {
		return err
	}
	switch summary.Verdict {
	case results.Kept:
		return nil
	case results.Violated:
		return verdictError(exitViolated)
	default:
		return verdictError(exitInvalid)
	}
}

// override applies the options of the command line to an experiment.
func override(c *cli.Context, e *testbed.Experiment) error {
	if c.IsSet("runtime") {
		e.Emulation.Runtime = c.String("runtime")
	}
	if c.IsSet("dilation") {
		d, err := testbed.ParseDilation(c.String("dilation"))
		if err != nil {
			return fmt.Errorf("--dilation: %w", err)
		}
		e.Emulation.Dilation = d
	}
	if c.IsSet("duration") {
		d, err := units.ParseVirtual(c.String("duration"))
		if err != nil {
			return fmt.Errorf("--duration: %w", err)
		}
		e.Emulation.Duration = d
	}
	if c.IsSet("capture") {
		e.Emulation.Capture = nil
		for _, link := range c.StringSlice("capture") {
			e.Emulation.Capture = append(e.Emulation.Capture, testbed.NewCapture(link))
		}
	}
	if c.IsSet("sharing") {
		e.Emulation.Sharing = c.String("sharing")
	}
	if c.IsSet("scheduler") {
		if err := e.SetAlgorithm(c.String("scheduler")); err != nil {
			return optionError(c, err)
		}
	}
	if c.IsSet("margin") {
		e.Scheduler.Margin = c.Float64("margin")
	}
	if c.IsSet("seed") {
		e.Seed = c.Uint64("seed")
	}
	return optionError(c, e.Validate())
}

// printSummary writes the summary to stdout, for a person or, with --json, for a program.
func printSummary(c *cli.Context, s *results.Summary) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, s)
	}
	width, terminal := terminalWidth(os.Stdout)
	if err := s.Text(c.App.Writer, width, terminal); err != nil {
		return err
	}
	out := c.String("out")
	if out == "" {
		out = testbed.DefaultOut(s.Run)
	}
	report := filepath.Join(out, "report.html")
	if _, err := os.Stat(report); err != nil {
		return nil // it could not be written, which the run's own error says
	}
	_, err := fmt.Fprintf(c.App.Writer, "\nreport: %s\n", report)
	return err
}

// terminalWidth is the width of a terminal, or 100 columns for anything else.
func terminalWidth(file *os.File) (columns int, terminal bool) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 100, false
	}
	return int(size.Col), true
}

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "rebuild report.html of a run",
		ArgsUsage: "RUN",
		Action: func(c *cli.Context) error {
			dir, err := argument(c, "run directory")
			if err != nil {
				return err
			}
			path, err := testbed.Report(dir)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, path)
			return nil
		},
	}
}
