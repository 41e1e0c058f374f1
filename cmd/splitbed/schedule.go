package main

import (
	"fmt"
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
			jsonFlag(),
		},
		Action: schedule,
	}
}

func schedule(c *cli.Context) error {
	plans, err := planSchedules(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, plans)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "algorithm\ttasks\tdeployed\tcuts\tbusiest uplink\tbusiest edge\ttime")
	for _, p := range plans {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s %.0f %%\t%s %.0f %%\t%.3f s\n", p.Algorithm, p.Tasks, p.Deployed, p.CutCounts(),
			p.Uplink.Name, 100*p.Uplink.Use, p.Compute.Name, 100*p.Compute.Use, p.Seconds)
	}
	return w.Flush()
}

// planSchedules plans the experiment with every algorithm asked for.
func planSchedules(c *cli.Context) ([]testbed.ScheduleReport, error) {
	experiment := testbed.DefaultExperiment()
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
	return testbed.PlanSchedules(c.Context, experiment, c.StringSlice("algorithm")...)
}
