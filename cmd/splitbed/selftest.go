package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/topologies"
)

func selfTestCommand() *cli.Command {
	return &cli.Command{
		Name:      "selftest",
		Usage:     "build only the links and edges of a topology and measure them against the plan",
		ArgsUsage: "TOPOLOGY",
		Description: "TOPOLOGY is a shipped name (lab-4) or a file. Exit codes: 0 everything is as planned, 4 something is not,\n" +
			"2 the input is wrong, 1 anything else.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "runtime", Usage: "native or docker"},
			&cli.StringFlag{Name: "dilation", Usage: "wall seconds a virtual second takes: auto, or a number of at least 1"},
			jsonFlag(),
		},
		Action: selfTest,
	}
}

func selfTest(c *cli.Context) error {
	name, err := argument(c, "topology")
	if err != nil {
		return err
	}
	topology, err := topologies.Load(name)
	if err != nil {
		return &testbed.InputError{Err: err}
	}
	options := testbed.SelfTestOptions{Runtime: c.String("runtime")}
	if c.IsSet("dilation") {
		if options.Dilation, err = testbed.ParseDilation(c.String("dilation")); err != nil {
			return &testbed.InputError{Err: fmt.Errorf("--dilation: %w", err)}
		}
	}
	progress, finish := newProgress(os.Stderr)
	options.Progress = progress
	result, err := testbed.Test(c.Context, topology, options)
	finish()
	if err != nil {
		return optionError(c, err)
	}
	if c.Bool("json") {
		err = printJSON(c.App.Writer, result.Probes)
	} else {
		err = printProbes(c.App.Writer, result)
	}
	if err == nil && !result.OK() {
		err = verdictError(exitInvalid)
	}
	return err
}

// printProbes prints a self-test as a table.
func printProbes(w io.Writer, s testbed.SelfTest) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SUBJECT\tQUANTITY\tPLAN\tMEASURED\tERROR\t")
	failed := 0
	for _, p := range s.Probes {
		mark := "ok"
		if !p.OK {
			mark = "OFF"
			failed++
		}
		what := p.Quantity
		if p.Statistic != "" {
			what += " " + p.Statistic
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Subject, what, probeFigure(p.Quantity, p.Plan), probeFigure(p.Quantity, p.Measured), probeError(p), mark)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d as planned, at dilation %v\n", len(s.Probes)-failed, len(s.Probes), s.Dilation)
	return err
}

func probeFigure(quantity string, f results.Figure) string {
	switch x := float64(f); {
	case !f.Known():
		return "–"
	case quantity == results.ProbeRate:
		return fmt.Sprintf("%.5g Mb/s", x/1e6)
	case quantity == results.ProbeLoss:
		return fmt.Sprintf("%.3g %%", 100*x)
	case quantity == results.ProbeCPU:
		return fmt.Sprintf("%.4g cores", x)
	default:
		return fmt.Sprintf("%.4g ms", 1e3*x)
	}
}

func probeError(p results.Probe) string {
	switch x := float64(p.Error); {
	case !p.Error.Known():
		return "–"
	case p.Quantity == results.ProbeRTT:
		return fmt.Sprintf("%+.3f ms", 1e3*x)
	default:
		return fmt.Sprintf("%+.2f %%", 100*x)
	}
}
