package main

import (
	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/workloads/replay"
)

// nodeCommand is what a run starts in its containers and namespaces; it is not for users.
func nodeCommand() *cli.Command {
	return &cli.Command{
		Name:   "node",
		Usage:  "be an edge server or the cloud of a running testbed",
		Hidden: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "control", Required: true, Usage: "path of the testbed's control socket"},
			&cli.StringFlag{Name: "name", Required: true, Usage: "name of this node"},
		},
		Action: func(c *cli.Context) error {
			return replay.Node(c.Context, c.String("control"), c.String("name"))
		},
	}
}
