package main

import (
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
)

func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "runs side by side, emulated and simulated",
		ArgsUsage: "RUN...",
		Description: "RUN is a run's directory or its id below runs/. A simulation is held against the emulated runs of the same\n" +
			"experiment, seed and algorithm: how far off was the prediction?",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "html", Usage: "write a page with charts to `FILE` as well"},
			jsonFlag(),
		},
		Action: compare,
	}
}

func compare(c *cli.Context) error {
	if c.NArg() < 2 {
		return &testbed.InputError{Err: fmt.Errorf("`%s RUN...` takes two runs or more, got %d", c.Command.HelpName, c.NArg())}
	}
	page := c.String("html")
	runs, err := testbed.ReadRuns(c.Args().Slice(), page != "")
	if err != nil {
		return err
	}
	if page != "" {
		if err := atomicfile.Write(page, func(w io.Writer) error { return results.CompareHTML(w, runs) }); err != nil {
			return err
		}
	}
	comparison := results.Compare(runs)
	if c.Bool("json") {
		return printJSON(c.App.Writer, comparison)
	}
	width, terminal := terminalWidth(os.Stdout)
	return comparison.Text(c.App.Writer, width, terminal)
}
