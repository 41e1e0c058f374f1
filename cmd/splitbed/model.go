package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/results"
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
			Name:        "profile",
			Usage:       "measure every cut of a network: bytes, ratio, operations, overhead, head and tail times",
			ArgsUsage:   "MODEL",
			Description: "MODEL is a built-in network or an ONNX file. At every cut head and tail together are compared with the whole network.",
			Flags: []cli.Flag{
				shapeFlag(),
				&cli.IntFlag{Name: "scenes", Usage: "also run `N` synthetic scenes over every cut and wire type, and count answers that agree with the uncut float32 network"},
				&cli.StringFlag{Name: "plot", Usage: "draw ratio and overhead over the layers to `FILE.svg`"},
				jsonFlag(),
			},
			Action: profileModel,
		}, {
			Name:        "cut",
			Usage:       "write the two halves of a network as ONNX files",
			ArgsUsage:   "MODEL",
			Description: "MODEL is a built-in network or an ONNX file. NAME-head.onnx, NAME-tail.onnx and their weights run anywhere with ONNX Runtime.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "after", Usage: "`LAYER` to cut after, by name or number; must be given"},
				&cli.StringFlag{Name: "out", Value: ".", Usage: "directory of the files"},
				shapeFlag(),
			},
			Action: cutModel,
		}, {
			Name:  "fit",
			Usage: "fit the last layer of " + engine.Fitted + " to a cat and a dog, and say how often it is right about others",
			Description: "As transfer learning does: ridge regression on what the layers before the last make of synthetic camera scenes. The network comes with " +
				"the weights this made; --shipped asks it as it is, without fitting anything.",
			Flags: []cli.Flag{
				&cli.IntFlag{Name: "pictures", Value: 400, Usage: "`NUMBER` of scenes to fit to"},
				&cli.IntFlag{Name: "held-out", Value: 100, Usage: "`NUMBER` of other scenes to ask about"},
				&cli.BoolFlag{Name: "shipped", Usage: "ask the network with the weights it has"},
				&cli.StringFlag{Name: "out", Usage: "write the weights to `FILE`, as workloads/model/alexnet2.fit holds them"},
				shapeFlag(),
				jsonFlag(),
			},
			Action: fitModel,
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

// printAgreement prints what wire types cost in accuracy at every cut.
func printAgreement(c *cli.Context, profile engine.ModelProfile, scenes int) error {
	fmt.Fprintf(c.App.Writer, "\nshare of %d scenes with the class of the uncut float32 network\n", scenes)
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "k\tlayer\t")
	for _, form := range engine.Forms() {
		fmt.Fprintf(w, "%s\t", form.Name)
	}
	fmt.Fprintln(w)
	for _, l := range profile.Layers {
		fmt.Fprintf(w, "%d\t%s\t", l.K, l.Name)
		for _, form := range engine.Forms() {
			fmt.Fprintf(w, "%.2f\t", l.Agreement[form.Name])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// dimensions is a shape as a person reads it: 96×27×27.
func dimensions[T int | int64](shape []T) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shape)), "×"), "[]")
}

func shapeFlag() cli.Flag {
	return &cli.StringFlag{Name: "shape", Usage: "input tensor `1,3,HEIGHT,WIDTH` (default: what the network was made for)"}
}

// network is the network the command line names, at its picture size. A file is imported first.
func network(c *cli.Context) (model.Store, model.Profile, error) {
	wrong := func(err error) (model.Store, model.Profile, error) {
		return model.Store{}, model.Profile{}, &testbed.InputError{Err: err}
	}
	name, err := argument(c, "model")
	if err != nil {
		return model.Store{}, model.Profile{}, err
	}
	var shape []int
	if c.IsSet("shape") {
		if shape, err = parseShape(c.String("shape")); err != nil {
			return wrong(fmt.Errorf("--shape: %w", err))
		}
	}
	store, err := model.DefaultStore()
	if err != nil {
		return store, model.Profile{}, err
	}
	if model.IsFile(name) {
		if err := engine.Init(); err != nil {
			return store, model.Profile{}, err
		}
		p, err := engine.Import(c.Context, store, name, shape)
		if err != nil {
			return wrong(err)
		}
		return store, p, nil
	}
	height, width, err := model.UsualSize(name)
	if err != nil {
		return wrong(err)
	}
	if shape != nil {
		height, width = shape[2], shape[3]
	}
	p, err := store.Describe(name, height, width)
	if err != nil {
		return wrong(err)
	}
	return store, p, engine.Init()
}

func profileModel(c *cli.Context) error {
	scenes, plot := c.Int("scenes"), c.String("plot")
	if scenes < 0 {
		return &testbed.InputError{Err: fmt.Errorf("--scenes: %d is no number of scenes", scenes)}
	}
	if plot != "" && filepath.Ext(plot) != ".svg" {
		return &testbed.InputError{Err: fmt.Errorf("--plot: %s: a chart is written as SVG, to a name that ends in .svg", plot)}
	}
	if info, err := os.Stat(filepath.Dir(plot)); plot != "" && (err != nil || !info.IsDir()) {
		return &testbed.InputError{Err: fmt.Errorf("--plot: %s is not a directory; make it first", filepath.Dir(plot))}
	}
	store, p, err := network(c)
	if err != nil {
		return err
	}
	profile, err := engine.Profile(c.Context, store, p.Model, p.Height, p.Width)
	if err != nil {
		return err
	}
	if scenes > 0 {
		agreement, err := engine.Agree(c.Context, store, p, scenes)
		if err != nil {
			return err
		}
		for i := range profile.Layers {
			profile.Layers[i].Agreement = agreement[i]
		}
	}
	if plot != "" {
		if err := plotProfile(plot, profile); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, profile)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(c.App.Writer, "%s at %d×%d: %d bytes encoded\n", p.Model, p.Height, p.Width, profile.Input.Bytes)
	fmt.Fprintln(w, "k\tlayer\tshape\tuint4\tuint8\tfloat16\tfloat32\tratio\tGFLOP\tFLOP/byte\thead ms\ttail ms\tGFLOPS\t")
	var large []string
	for _, l := range profile.Layers {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%d\t%d\t%.3f\t%.3g\t%.0f\t%.2f\t%.2f\t%.0f\t\n",
			l.K, l.Name, dimensions(l.Shape), l.Wire["uint4"], l.Wire["uint8"], l.Wire["float16"], l.Wire["float32"],
			l.Ratio, l.FLOPs/1e9, l.Overhead, 1e3*l.Head, 1e3*l.Tail, l.GFLOPS)
		if l.Ratio > 1 {
			large = append(large, l.Name)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if scenes > 0 {
		if err := printAgreement(c, profile, scenes); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.App.Writer, "head + tail differ from the whole network by at most %.1e (relative)\n", profile.Parity)
	if len(large) > 0 {
		fmt.Fprintf(c.App.Writer, "note: after %s the tensor has more bytes than the encoded picture (ratio above 1): a cut there sends more than no cut at all\n",
			strings.Join(large, ", "))
	}
	return nil
}

// plotProfile draws what the paper's figure 3 shows: the ratio falls and the overhead rises with k.
func plotProfile(path string, profile engine.ModelProfile) error {
	ratio, overhead := results.Line{Name: "ratio"}, results.Line{Name: "overhead"}
	last := profile.Layers[len(profile.Layers)-1]
	for _, l := range profile.Layers {
		point := func(v float64) results.LinePoint { return results.LinePoint{X: float64(l.K), Mean: v, Low: v, High: v} }
		ratio.Points = append(ratio.Points, point(l.Ratio))
		overhead.Points = append(overhead.Points, point(l.FLOPs/last.FLOPs))
	}
	chart := results.LineChart{
		Title: fmt.Sprintf("%s, whole network: %.0f operations a byte", filepath.Base(profile.Model), last.Overhead),
		X:     "cut after layer", Y: "bytes ÷ input, operations ÷ all", Log: true, Lines: []results.Line{ratio, overhead},
	}
	drawn, err := chart.SVG()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, drawn)
}

func cutModel(c *cli.Context) error {
	if !c.IsSet("after") {
		return &testbed.InputError{Err: errors.New("--after LAYER is missing: where to cut; `splitbed model profile MODEL` lists the layers")}
	}
	store, p, err := network(c)
	if err != nil {
		return err
	}
	k, err := p.Cut(c.String("after"))
	if err != nil {
		return &testbed.InputError{Err: fmt.Errorf("--after: %w", err)}
	}
	files, err := store.WriteHalves(c.String("out"), p, k)
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(c.App.Writer, f)
	}
	return nil
}

func fitModel(c *cli.Context) error {
	if c.NArg() > 0 {
		return &testbed.InputError{Err: fmt.Errorf("fit takes no argument: %s is what there is to fit", engine.Fitted)}
	}
	pictures, held := c.Int("pictures"), c.Int("held-out")
	if pictures < 4 || held < 1 || pictures > mostFitted || held > mostFitted {
		return &testbed.InputError{Err: fmt.Errorf("--pictures takes 4 to %d, --held-out 1 to %d", mostFitted, mostFitted)}
	}
	height, width, err := model.UsualSize(engine.Fitted)
	if err != nil {
		return err
	}
	if c.IsSet("shape") {
		shape, err := parseShape(c.String("shape"))
		if err != nil {
			return &testbed.InputError{Err: fmt.Errorf("--shape: %w", err)}
		}
		height, width = shape[2], shape[3]
	}
	if _, err := model.Describe(engine.Fitted, height, width); err != nil {
		return &testbed.InputError{Err: err}
	}
	store, err := model.DefaultStore()
	if err != nil {
		return err
	}
	if err := engine.Init(); err != nil {
		return err
	}
	var report engine.FitReport
	if c.Bool("shipped") {
		report, err = engine.Accuracy(c.Context, store, height, width, held)
	} else {
		var fit model.Fit
		if fit, report, err = engine.FitCatDog(c.Context, store, height, width, pictures, held); err == nil && c.String("out") != "" {
			err = atomicfile.WriteBytes(c.String("out"), fit.Encode())
		}
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, report)
	}
	if report.Pictures > 0 {
		fmt.Fprintf(c.App.Writer, "%s at %d×%d, fitted to %d pictures (ridge %g; leave-one-out %.1f %%)\n",
			report.Model, report.Height, report.Width, report.Pictures, report.Ridge, 100*report.LeaveOneOut)
	} else {
		fmt.Fprintf(c.App.Writer, "%s at %d×%d, as shipped\n", report.Model, report.Height, report.Width)
	}
	fmt.Fprintf(c.App.Writer, "right about %.1f %% of %d others (chance: 50 %%)\n", 100*report.Accuracy, report.HeldOut)
	return nil
}

// mostFitted bounds the pictures of a fit, whose time grows with their number and then with its cube.
const mostFitted = 5000

// parseShape reads "1,3,H,W".
func parseShape(s string) ([]int, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 4 || strings.TrimSpace(parts[0]) != "1" || strings.TrimSpace(parts[1]) != "3" {
		return nil, fmt.Errorf("%q is not 1,3,HEIGHT,WIDTH", s)
	}
	height, errHeight := strconv.Atoi(strings.TrimSpace(parts[2]))
	width, errWidth := strconv.Atoi(strings.TrimSpace(parts[3]))
	if errHeight != nil || errWidth != nil || height <= 0 || width <= 0 {
		return nil, fmt.Errorf("%q: height and width are whole numbers of pixels", s)
	}
	return []int{1, 3, height, width}, nil
}
