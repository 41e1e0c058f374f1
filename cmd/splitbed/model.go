package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
)

func modelCommand() *cli.Command {
	return &cli.Command{
		Name:  "model",
		Usage: "look at networks",
		Subcommands: []*cli.Command{{
			Name:      "list",
			Usage:     "the built-in networks: layers, parameters, operations and output sizes",
			ArgsUsage: "[MODEL]",
			Flags:     []cli.Flag{jsonFlag()},
			Action:    listModels,
		}, {
			Name:      "profile",
			Usage:     "measure every cut of a network: bytes, ratio, operations, overhead, head and tail times",
			ArgsUsage: "MODEL",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "shape", Usage: "input tensor `1,3,HEIGHT,WIDTH` (default: what the network was made for)"},
				jsonFlag(),
			},
			Action: profileModel,
		}},
	}
}

// listModels prints a line for each network, or one for each layer of the one named.
func listModels(c *cli.Context) error {
	names := model.Names()
	if c.NArg() > 0 {
		name, err := argument(c, "model")
		if err != nil {
			return err
		}
		names = []string{name}
	}
	var all []model.Description
	for _, name := range names {
		d, err := model.DescribeUsual(name)
		if err != nil {
			return &testbed.InputError{Err: err}
		}
		all = append(all, d)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, all)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	if c.NArg() > 0 {
		d := all[0]
		fmt.Fprintf(c.App.Writer, "%s at %d×%d: %.3g million parameters\n", d.Model, d.Height, d.Width, float64(d.Parameters)/1e6)
		fmt.Fprintln(w, "k\tlayer\toutput\tbytes\tratio\tGFLOP\tFLOP/byte")
		for _, l := range d.Layers {
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%.3g\t%.3g\t%.0f\n", l.K, l.Name, dimensions(l.Shape), l.Bytes, l.Ratio, l.FLOPs/1e9, l.Overhead)
		}
		return w.Flush()
	}
	fmt.Fprintln(w, "network\tpicture\tlayers\tparameters\tGFLOP\toutput after layers 1, 2, … (thousands)")
	for _, d := range all {
		var outputs []string
		for _, l := range d.Layers {
			outputs = append(outputs, fmt.Sprintf("%.3g", float64(l.Bytes)/1e3))
		}
		fmt.Fprintf(w, "%s\t%d×%d\t%d\t%.3g M\t%.3g\t%s\n", d.Model, d.Height, d.Width, len(d.Layers), float64(d.Parameters)/1e6,
			d.Layers[len(d.Layers)-1].FLOPs/1e9, strings.Join(outputs, " "))
	}
	return w.Flush()
}

// dimensions is a shape as a person reads it: 96×27×27.
func dimensions[T int | int64](shape []T) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shape)), "×"), "[]")
}

func profileModel(c *cli.Context) error {
	name, err := argument(c, "model")
	if err != nil {
		return err
	}
	height, width, err := model.UsualSize(name)
	if err != nil {
		return &testbed.InputError{Err: err}
	}
	if c.IsSet("shape") {
		if height, width, err = parseShape(c.String("shape")); err != nil {
			return &testbed.InputError{Err: fmt.Errorf("--shape: %w", err)}
		}
	}
	if _, err := model.Describe(name, height, width); err != nil {
		return &testbed.InputError{Err: err}
	}
	if err := engine.Init(); err != nil {
		return err
	}
	store, err := model.DefaultStore()
	if err != nil {
		return err
	}
	profile, err := engine.Profile(c.Context, store, name, height, width)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, profile)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(c.App.Writer, "%s at %d×%d: %d bytes encoded\n", name, height, width, profile.Input.Bytes)
	fmt.Fprintln(w, "k\tlayer\tshape\tbytes\tratio\tGFLOP\tFLOP/byte\thead ms\ttail ms\t")
	for _, l := range profile.Layers {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%.3f\t%.3f\t%.0f\t%.1f\t%.1f\t\n",
			l.K, l.Name, dimensions(l.Shape),
			l.Bytes, l.Ratio, l.FLOPs/1e9, l.Overhead, 1e3*l.Head, 1e3*l.Tail)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "head + tail differ from the whole network by at most %.1e (relative)\n", profile.Parity)
	return nil
}

// parseShape reads "1,3,H,W".
func parseShape(s string) (height, width int, err error) {
	parts := strings.Split(s, ",")
	if len(parts) != 4 || strings.TrimSpace(parts[0]) != "1" || strings.TrimSpace(parts[1]) != "3" {
		return 0, 0, fmt.Errorf("%q is not 1,3,HEIGHT,WIDTH", s)
	}
	height, errHeight := strconv.Atoi(strings.TrimSpace(parts[2]))
	width, errWidth := strconv.Atoi(strings.TrimSpace(parts[3]))
	if errHeight != nil || errWidth != nil || height <= 0 || width <= 0 {
		return 0, 0, fmt.Errorf("%q: height and width are whole numbers of pixels", s)
	}
	return height, width, nil
}
