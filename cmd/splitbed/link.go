package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

func linkCommand() *cli.Command {
	return &cli.Command{
		Name:  "link",
		Usage: "change the links of a running testbed",
		Subcommands: []*cli.Command{{
			Name:      "set",
			Usage:     "change a link, and wait until it has changed",
			ArgsUsage: "RUN LINK [rate=RATE] [queue=TIME] [delay=TIME] [jitter=TIME] [loss=P] [down|up]",
			Description: "RUN is a run's id, or a part of it that no other running one has; LINK an edge's or trunk's link, such as gw-a.uplink.\n" +
				"The change is in the run's events, samples and summary, marked as made by hand.",
			Flags: []cli.Flag{jsonFlag()},
			Action: func(c *cli.Context) error {
				if c.NArg() < 3 {
					return &testbed.InputError{Err: errors.New("link set takes a run, a link and what it is to become: splitbed link set RUN LINK rate=5Mbps")}
				}
				standing, err := testbed.FindTestbed(c.Context, c.Args().First())
				if err != nil {
					return err
				}
				change, err := testbed.SetLink(c.Context, standing, c.Args().Get(1), c.Args().Slice()[2:])
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return printJSON(c.App.Writer, change)
				}
				_, err = fmt.Fprintf(c.App.Writer, "%s: %s, since %.3f s of the window\n", change.Subject, change.Change, float64(change.At))
				return err
			},
		}},
	}
}
