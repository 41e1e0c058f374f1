package results

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// comparisonPage is what compare.html.tmpl is filled with.
type comparisonPage struct {
	Comparison
	ShownTasks []PlaceRow
	Charts     []chart
}

// CompareHTML writes a page like a run's report: the runs side by side, the distributions of their latencies, their shares on time
// with intervals, and how well simulations predicted emulations. The runs carry their frames. Charts show the first eight
// runs.
func CompareHTML(w io.Writer, runs []Compared) error {
	view := comparisonPage{Comparison: Compare(runs)}
	tmpl, err := template.New("compare.html.tmpl").Funcs(template.FuncMap{
		"rate": rateText, "time": timeText, "number": number, "share": share, "percent": percentFigure,
		"whole": percentWhole, "change": change, "nth": nth, "predicts": view.predicts,
		"furthest": func(tasks []PredictedPlace) []PredictedPlace { return worst(tasks, mostReportRows, furthestFirst) },
	}).ParseFS(reportFiles, "compare.html.tmpl", "style.html.tmpl")
	if err != nil {
		return fmt.Errorf("comparison: %w", err)
	}
	view.ShownTasks = worst(view.Tasks, mostReportRows, furthestApart)
	drawn := runs[:min(len(runs), mostSeries)]
	for _, draw := range []func([]Compared) (chart, error){comparedLatencies, comparedShares} {
		c, err := draw(drawn)
		if err != nil {
			return fmt.Errorf("comparison: %w", err)
		}
		view.Charts = append(view.Charts, c)
	}
	if err := tmpl.Execute(w, view); err != nil {
		return fmt.Errorf("comparison: %w", err)
	}
	return nil
}

// runName is how charts name run n.
func runName(n int, r Compared) string {
	return fmt.Sprintf("%s %s, %s", nth(n), r.Summary.Schedule.Algorithm, r.Summary.Runtime)
}

// comparedLatencies is the distribution of each run's latencies over all frames that are judged.
func comparedLatencies(runs []Compared) (chart, error) {
	c := chart{Title: "Latency, cumulative", Caption: "Share of all judged frames that arrived within a latency. Where frames were lost, the curve ends below 100 %."}
	p := newPlot("latency (ms)", "frames (%)")
	low, high := math.Inf(1), 0.0
	var limits []float64
	for n, r := range runs {
		var frames []Frame
		for _, l := range byPlace(r.Summary, r.Frames) {
			frames = append(frames, l.frames...)
		}
		points := distributionCurve(frames, r.Summary.QoS.On)
		if len(points) == 0 {
			continue
		}
		low, high = math.Min(low, points[0].X), math.Max(high, points[len(points)-1].X)
		line(p, points, seriesColours[n], 1.6, r.Summary.Simulated)
		c.Legend = append(c.Legend, legendEntry{Name: runName(n, r), Colour: hex(seriesColours[n]), Dashed: r.Summary.Simulated})
		limits = append(limits, deadlines(r.Summary)...)
	}
	slices.Sort(limits)
	return drawCumulative(c, p, low, high, slices.Compact(limits))
}

// comparedShares is each run's share of frames on time with its interval.
func comparedShares(runs []Compared) (chart, error) {
	c := chart{Title: "Frames on time", Caption: "Share of the judged frames with its 95 % interval; the dashed line is what is asked for."}
	p := newPlot("run", "on time (%)")
	lowest := 100.0
	var ticks []plot.Tick
	for n, r := range runs {
		q := r.Summary.QoS
		at := float64(n + 1)
		ticks = append(ticks, plot.Tick{Value: at, Label: nth(n)})
		c.Legend = append(c.Legend, legendEntry{Name: runName(n, r), Colour: hex(seriesColours[n])})
		if q.Frames == 0 {
			continue
		}
		low, high := 100*float64(q.OnTimeLow), 100*float64(q.OnTimeHigh)
		lowest = math.Min(lowest, math.Min(low, 100*float64(q.Quantile)))
		line(p, plotter.XYs{{X: at, Y: low}, {X: at, Y: high}}, seriesColours[n], 3, false)
		line(p, plotter.XYs{{X: at - 0.4, Y: 100 * float64(q.Quantile)}, {X: at + 0.4, Y: 100 * float64(q.Quantile)}}, limit, 1.2, true)
		dot, err := plotter.NewScatter(plotter.XYs{{X: at, Y: 100 * float64(q.OnTime) / float64(q.Frames)}})
		if err != nil {
			return c, fmt.Errorf("draw chart: %w", err)
		}
		dot.GlyphStyle = draw.GlyphStyle{Color: seriesColours[n], Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
		p.Add(dot)
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.X.Min, p.X.Max = 0.5, float64(len(runs))+0.5
	p.Y.Min, p.Y.Max = math.Max(0, lowest-0.05*(100-lowest)-0.5), 100.5
	var err error
	c.SVG, err = svg(p)
	return c, err
}
