package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say what this host can do, what is missing, and how to get it",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "fix", Usage: "first load kernel modules, mount cgroups and start Docker where these are missing; says what it does"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("fix") {
				testbed.Repair(c.Context, func(message string) { fmt.Fprintln(os.Stderr, message) })
			}
			diagnosis := testbed.Doctor(c.Context)
			if c.Bool("json") {
				if err := printJSON(c.App.Writer, diagnosis); err != nil {
					return err
				}
			} else {
				for _, check := range diagnosis.Checks {
					fmt.Fprintf(c.App.Writer, "%-8s %-14s %s\n", check.Status, check.Name, check.Message)
					if check.Fix != "" {
						fmt.Fprintf(c.App.Writer, "%-8s %-14s → %s\n", "", "", check.Fix)
					}
				}
			}
			if !diagnosis.OK {
				return errors.New("this host lacks something every run needs")
			}
			return nil
		},
	}
}
