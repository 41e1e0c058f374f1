package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/topologies"
)

func topologyCommand() *cli.Command {
	return &cli.Command{
		Name:  "topology",
		Usage: "look at topologies",
		Subcommands: []*cli.Command{{
			Name:      "show",
			Usage:     "print a topology, expanded, with every default filled in",
			ArgsUsage: "TOPOLOGY",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "format", Value: "yaml", Usage: "yaml, json or dot"},
				&cli.BoolFlag{Name: "json", Usage: "the same as --format json"},
			},
			Action: showTopology,
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
	if err == nil {
		topology, err = topology.Expand()
	}
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
	case "yaml":
		text, err := topology.YAML()
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(text)
		return err
	}
	return &testbed.InputError{Err: fmt.Errorf("--format %s: allowed are yaml, json and dot", format)}
}
