package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/testbed/sweep"
)

func sweepCommand() *cli.Command {
	return &cli.Command{
		Name:      "sweep",
		Usage:     "an experiment over a grid of its fields, as one table; goes on where it was interrupted",
		ArgsUsage: "FILE",
		Description: "FILE is a sweep file or a shipped name: " + strings.Join(sweep.Names(), ", ") + ".\n" +
			"A sweep that was interrupted, by Ctrl-C or by kill -9, goes on when the same command is given again.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "directory of the sweep (default sweeps/<name>)"},
			&cli.StringFlag{Name: "mode", Usage: "do this with the points instead of what the file says: schedule, simulate, run"},
			&cli.StringSliceFlag{Name: "only", Usage: "only the points where a field of the grid has this value, FIELD=VALUE; several for a field are alternatives"},
			&cli.IntFlag{Name: "jobs", Usage: "points worked on at once; always one in mode run", DefaultText: "one for each CPU"},
			jsonFlag(),
		},
		Action: runSweep,
	}
}

func runSweep(c *cli.Context) error {
	name, err := argument(c, "sweep")
	if err != nil {
		return err
	}
	s, err := sweep.Load(name)
	if err != nil {
		return &testbed.InputError{Err: err}
	}
	if c.IsSet("mode") {
		if s, err = s.In(c.String("mode")); err != nil {
			return &testbed.InputError{Err: err}
		}
	}
	only, err := selection(c.StringSlice("only"))
	if err != nil {
		return err
	}
	progress, finish := sweepProgress(os.Stderr)
	result, err := sweep.Run(c.Context, s, sweep.Options{
		Out: c.String("out"), Jobs: c.Int("jobs"), Only: only, Version: version, Progress: progress,
	})
	finish(err == nil)
	if result == nil || errors.Is(err, sweep.ErrInterrupted) {
		return err
	}
	return errors.Join(err, printSweep(c, result))
}

// selection reads FIELD=VALUE options: values by field.
func selection(options []string) (map[string][]string, error) {
	only := map[string][]string{}
	for _, option := range options {
		field, value, ok := strings.Cut(option, "=")
		if !ok {
			return nil, &testbed.InputError{Err: fmt.Errorf("--only %q is not FIELD=VALUE, such as scheduler.algorithm=layer", option)}
		}
		only[field] = append(only[field], value)
	}
	return only, nil
}

// printSweep says where the results are.
func printSweep(c *cli.Context, r *sweep.Result) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	fmt.Fprintf(c.App.Writer, "%s: %d points, %d of them done before, %d failed\n", r.Sweep, r.Points, r.Reused, r.Failed)
	for _, path := range append([]string{r.Table}, r.Figures...) {
		if path != "" {
			fmt.Fprintln(c.App.Writer, path)
		}
	}
	return nil
}

// sweepProgress shows on stderr how far a sweep is: as a bar on a terminal, as a line every tenth elsewhere.
// finish must be called before anything else is printed.
func sweepProgress(file *os.File) (progress func(done, total int, last string), finish func(complete bool)) {
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		tenth := -1
		return func(done, total int, last string) {
			if now := 10 * done / total; now > tenth {
				tenth = now
				fmt.Fprintf(file, "%d of %d points\n", done, total)
			}
		}, func(bool) {}
	}
	bars := mpb.New(mpb.WithOutput(file), mpb.WithWidth(40))
	var at atomic.Value // the point done last, a string; bars are drawn by a goroutine of their own
	at.Store("")
	bar := bars.AddBar(0,
		mpb.PrependDecorators(decor.CountersNoUnit("%d of %d points", decor.WC{W: 20, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6}), decor.Any(func(decor.Statistics) string { return "  " + at.Load().(string) })))
	return func(done, total int, last string) {
			at.Store(last)
			bar.SetTotal(int64(total), false)
			bar.SetCurrent(int64(done))
		}, func(complete bool) {
			if complete {
				bar.SetTotal(-1, true)
			} else {
				bar.Abort(false)
			}
			bars.Wait()
		}
}
