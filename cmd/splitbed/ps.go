package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:  "ps",
		Usage: "list the testbeds that are running on this host",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			all, err := testbed.Testbeds(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, all)
			}
			if len(all) == 0 {
				_, err := fmt.Fprintln(c.App.Writer, "no testbed is running")
				return err
			}
			w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RUN\tEXPERIMENT\tPHASE\tNODES\tLINKS\tFOR\tPID\tDIRECTORY")
			for _, s := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%v\t%d\t%s\n", s.Run, s.Experiment, s.Phase, len(s.Nodes), len(s.Links),
					time.Since(s.Since).Round(time.Second), s.PID, s.Dir)
			}
			return w.Flush()
		},
	}
}
