package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/topologies"
)

func topologyCommand() *cli.Command {
	format := []cli.Flag{
		&cli.StringFlag{Name: "format", Value: "yaml", Usage: "yaml, json, dot, or commands: a script of the ip and tc commands that make its network"},
		&cli.BoolFlag{Name: "json", Usage: "the same as --format json"},
	}
	return &cli.Command{
		Name:  "topology",
		Usage: "look at topologies, and draw them at random",
		Subcommands: []*cli.Command{{
			Name:      "show",
			Usage:     "print a topology, expanded, with every default filled in",
			ArgsUsage: "TOPOLOGY",
			Flags:     format,
			Action:    showTopology,
		}, {
			Name:  "generate",
			Usage: "draw the edges of a topology at random and print it, the same one for the same seed",
			Description: "Rates and delays are one value or a range such as 10Mbps..1Gbps, all of which is equally likely. Other distributions\n" +
				"can be had in a topology file with `generate`.",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "name", Value: "generated", Usage: "the topology's name"},
				&cli.IntFlag{Name: "edges", Usage: "how many; must be given", DefaultText: "none"},
				&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "another topology for every seed"},
				&cli.StringFlag{Name: "compute", Value: "290GFLOPS", Usage: "budget of every edge"},
				&cli.StringFlag{Name: "rate", Value: "10Mbps..1Gbps", Usage: "of uplinks"},
				&cli.StringFlag{Name: "delay", Value: "0s", Usage: "of uplinks and downlinks, one way"},
			}, format...),
			Action: generateTopology,
		}, {
			Name:  "list",
			Usage: "name the shipped topologies",
			Action: func(c *cli.Context) error {
				for _, name := range topologies.Names() {
					fmt.Fprintln(c.App.Writer, name)
				}
				return nil
			},
		}},
	}
}

func showTopology(c *cli.Context) error {
	name, err := argument(c, "topology")
	if err != nil {
		return err
	}
	topology, err := topologies.Load(name)
	if err != nil {
		return &testbed.InputError{Err: err}
	}
	return printTopology(c, topology)
}

func generateTopology(c *cli.Context) error {
	if c.NArg() > 0 {
		return &testbed.InputError{Err: fmt.Errorf("`%s` takes options only, got %q", c.Command.HelpName, c.Args().First())}
	}
	if !c.IsSet("edges") {
		return &testbed.InputError{Err: errors.New("--edges NUMBER is missing: how many to draw")}
	}
	drawn := topologies.Generate{Edges: c.Int("edges"), Seed: c.Uint64("seed")}
	var err error
	if drawn.Compute, err = units.ParseFLOPS(c.String("compute")); err != nil {
		return &testbed.InputError{Err: fmt.Errorf("--compute: %w", err)}
	}
	if drawn.Rate, err = spec.ParseRange(c.String("rate"), units.ParseRate); err != nil {
		return &testbed.InputError{Err: fmt.Errorf("--rate: %w", err)}
	}
	if drawn.Delay, err = spec.ParseRange(c.String("delay"), units.ParseVirtual); err != nil {
		return &testbed.InputError{Err: fmt.Errorf("--delay: %w", err)}
	}
	return printTopology(c, &topologies.Topology{Name: c.String("name"), Generate: &drawn})
}

// printTopology prints a topology as --format and --json say.
func printTopology(c *cli.Context, topology *topologies.Topology) error {
	topology, err := topology.Expand()
	if err != nil {
		return &testbed.InputError{Err: err}
	}
	format := c.String("format")
	if c.Bool("json") {
		format = "json"
	}
	switch format {
	case "json":
		return printJSON(c.App.Writer, topology)
	case "dot":
		_, err = io.WriteString(c.App.Writer, topology.DOT())
		return err
	case "commands":
		return emulator.WriteCommands(c.App.Writer, topology, emulator.Options{})
	case "yaml":
		text, err := topology.YAML()
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(text)
		return err
	}
	return &testbed.InputError{Err: fmt.Errorf("--format %s: allowed are yaml, json, dot and commands", format)}
}
