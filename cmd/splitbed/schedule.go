package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

func scheduleCommand() *cli.Command {
	return &cli.Command{
		Name:      "schedule",
		Usage:     "only the schedule of an experiment, no emulation",
		ArgsUsage: "[EXPERIMENT]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "topology", Usage: "topology, instead of the experiment's"},
			&cli.StringFlag{Name: "workload", Usage: "workload, instead of the experiment's"},
			&cli.StringSliceFlag{Name: "algorithm", Usage: "algorithm, instead of the experiment's; may be given more than once"},
			&cli.StringFlag{Name: "explain", Usage: "why `TASK` is not deployed (which edge, which resource, how much is missing), or with what it is"},
			&cli.BoolFlag{Name: "timeline", Usage: "what an online algorithm decides, and when"},
			&cli.BoolFlag{Name: "edges", Usage: "the use of every edge and trunk as well"},
			&cli.StringFlag{Name: "write-instance", Usage: "write the scheduling problem as JSON to `FILE`, for a scheduler of your own"},
			&cli.StringFlag{Name: "overheads", Usage: "what heads cost: counted from shapes, or measured on this host"},
			jsonFlag(),
		},
		Action: schedule,
	}
}

func schedule(c *cli.Context) error {
	experiment, err := scheduledExperiment(c)
	if err != nil {
		return err
	}
	if path := c.String("write-instance"); path != "" {
		if err := testbed.WriteInstance(c.Context, path, experiment); err != nil {
			return err
		}
	}
	plans, err := testbed.PlanSchedules(c.Context, experiment, c.StringSlice("algorithm")...)
	if err != nil {
		return optionError(c, err)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, plans)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "algorithm\ttasks\tdeployed\tbound\tgap\tcuts\tbusiest uplink\tbusiest edge\ttime")
	for _, p := range plans {
		bound, gap := "–", "–" // no bound is known of tasks that come and go
		if p.Bound > 0 {
			bound, gap = fmt.Sprint(p.Bound), fmt.Sprintf("%.1f %%", 100*p.Gap)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s %.0f %%\t%s %.0f %%\t%.3f s\n", p.Algorithm, p.Tasks, p.Deployed,
			bound, gap, p.CutCounts(), p.Uplink.Name, 100*p.Uplink.Use, p.Compute.Name, 100*p.Compute.Use, p.Seconds)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range plans {
		for _, v := range p.Violations {
			fmt.Fprintf(c.App.Writer, "%s breaks a constraint: %v\n", p.Algorithm, v)
		}
	}
	if c.Bool("edges") {
		if err := printUse(c.App.Writer, plans); err != nil {
			return err
		}
	}
	if c.Bool("timeline") {
		printTimelines(c.App.Writer, plans)
	}
	if task := c.String("explain"); task != "" {
		return explain(c.Context, c.App.Writer, experiment, plans, task)
	}
	return nil
}

// printTimelines prints what each online algorithm decides, a line each.
func printTimelines(out io.Writer, plans []testbed.ScheduleReport) {
	for _, p := range plans {
		if p.Timeline == nil {
			fmt.Fprintf(out, "\n%s decides about all tasks at once\n", p.Algorithm)
			continue
		}
		fmt.Fprintf(out, "\n%s:\n", p.Algorithm)
		for _, d := range p.Timeline.Decisions {
			fmt.Fprintf(out, "  %-9v %v\n", d.At, d)
		}
	}
}

// printUse prints a line for every edge and trunk: what each algorithm uses of it.
func printUse(out io.Writer, plans []testbed.ScheduleReport) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\n\t")
	for _, p := range plans {
		fmt.Fprintf(w, "%s: uplink\tcompute\t", p.Algorithm)
	}
	fmt.Fprintln(w)
	for i, e := range plans[0].Edges {
		fmt.Fprintf(w, "%s\t", e.Edge)
		for _, p := range plans {
			fmt.Fprintf(w, "%.1f %%\t%.1f %%\t", 100*p.Edges[i].Uplink, 100*p.Edges[i].Compute)
		}
		fmt.Fprintln(w)
	}
	for i, t := range plans[0].Trunks {
		fmt.Fprintf(w, "%s\t", t.Name)
		for _, p := range plans {
			fmt.Fprintf(w, "%.1f %%\t\t", 100*p.Trunks[i].Use)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// explain says what each algorithm makes of a task, and why.
func explain(ctx context.Context, out io.Writer, experiment *testbed.Experiment, plans []testbed.ScheduleReport, task string) error {
	for _, p := range plans {
		x, err := testbed.ExplainTask(ctx, experiment, p, task)
		if err != nil {
			return err
		}
		if len(x.Decisions) > 0 {
			fmt.Fprintf(out, "\n%s:\n", p.Algorithm)
			for _, d := range x.Decisions {
				fmt.Fprintf(out, "  at %v %v\n", d.At, d)
			}
			if !x.Assignment.Deployed {
				continue
			}
		}
		if a := x.Assignment; a.Deployed {
			fmt.Fprintf(out, "\n%s deploys %s with k=%d:\n", p.Algorithm, task, a.Cut)
			for n, edge := range x.Edges {
				fmt.Fprintf(out, "  %s: %.4g Mb/s\n", edge, float64(a.Rates[n])/1e6)
			}
			continue
		}
		fmt.Fprintf(out, "\n%s does not deploy %s. Beside what it deploys,\n", p.Algorithm, task)
		for _, s := range x.Shortages {
			fmt.Fprintf(out, "  %v\n", s)
		}
	}
	return nil
}

// scheduledExperiment is the experiment of the command line.
func scheduledExperiment(c *cli.Context) (*testbed.Experiment, error) {
	experiment := testbed.DefaultExperiment()
	if c.NArg() == 0 && !(c.IsSet("topology") && c.IsSet("workload")) {
		return nil, &testbed.InputError{Err: errors.New("schedule takes an experiment, or both --topology and --workload: what is to be scheduled")}
	}
	if c.NArg() > 0 {
		name, err := argument(c, "experiment")
		if err != nil {
			return nil, err
		}
		if experiment, err = testbed.LoadExperiment(name); err != nil {
			return nil, &testbed.InputError{Err: err}
		}
	}
	if err := experiment.Replace(c.String("topology"), c.String("workload")); err != nil {
		return nil, &testbed.InputError{Err: err}
	}
	if c.IsSet("overheads") {
		experiment.Scheduler.Overheads = c.String("overheads")
		if err := experiment.Validate(); err != nil {
			return nil, optionError(c, err)
		}
	}
	return experiment, nil
}
