package main

import (
	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/emulator/delayline"
)

// delayLineCommand is what a run starts where the kernel cannot delay packets; it is not for users.
func delayLineCommand() *cli.Command {
	return &cli.Command{
		Name:   "delayline",
		Usage:  "delay the packets of a running testbed",
		Hidden: true,
		Action: func(c *cli.Context) error { return delayline.Serve(c.Context) },
	}
}
