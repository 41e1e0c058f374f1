package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

func cleanCommand() *cli.Command {
	return &cli.Command{
		Name:  "clean",
		Usage: "remove what dead runs left behind, and only that",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be removed"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			cleaned, err := testbed.Clean(c.Context, c.Bool("dry-run"))
			if c.Bool("json") {
				if printErr := printJSON(c.App.Writer, cleaned); err == nil {
					err = printErr
				}
				return err
			}
			verb := "removed"
			if c.Bool("dry-run") {
				verb = "would remove"
			}
			for _, o := range cleaned.Removed {
				fmt.Fprintf(c.App.Writer, "%s %s %s of run %s\n", verb, o.Kind, o.Name, o.Run)
			}
			fmt.Fprintf(c.App.Writer, "%s %d objects; %d running testbeds left alone\n", verb, len(cleaned.Removed), cleaned.Kept)
			return err
		},
	}
}
