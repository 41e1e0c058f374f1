package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

func execCommand() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "run a command in the network of a node of a running testbed",
		ArgsUsage: "RUN NODE -- COMMAND [ARGUMENT…]",
		Description: "RUN is a run's id, or a part of it that no other running one has; NODE an edge or cloud. The command sees this host's\n" +
			"files and processes, and the node's devices, addresses and routes. Its exit code is passed on.",
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if len(args) > 2 && args[2] == "--" {
				args = append(args[:2:2], args[3:]...)
			}
			if len(args) < 3 {
				return &testbed.InputError{Err: errors.New("exec takes a run, a node and a command: splitbed exec RUN NODE -- COMMAND")}
			}
			standing, err := testbed.FindTestbed(c.Context, args[0])
			if err != nil {
				return err
			}
			command := exec.CommandContext(c.Context, args[2], args[3:]...)
			command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
			err = testbed.Exec(standing, args[1], command)
			var ended *exec.ExitError
			if errors.As(err, &ended) && ended.Exited() {
				return verdictError(ended.ExitCode())
			}
			if err != nil {
				return fmt.Errorf("exec %s: %w", args[2], err)
			}
			return nil
		},
	}
}
