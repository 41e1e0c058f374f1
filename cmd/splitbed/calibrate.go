package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/workloads/model"
)

func calibrateCommand() *cli.Command {
	return &cli.Command{
		Name:  "calibrate",
		Usage: "measure this host's GFLOPS per core and timer error",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			store, err := model.DefaultStore()
			if err != nil {
				return err
			}
			host, err := testbed.Calibrate(c.Context, store)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, host)
			}
			fmt.Fprintf(c.App.Writer, "%d cores (%s), %.1f GFLOPS per core, timers late by %.3f ms (median) and %.3f ms (99th percentile)\n",
				host.Cores, host.CPU, host.GFLOPSPerCore, 1e3*host.TimerP50, 1e3*host.TimerP99)
			return nil
		},
	}
}
