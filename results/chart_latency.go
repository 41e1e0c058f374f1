package results

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// latencies are the judged frames of one task at one edge, in order of capture.
type latencies struct {
	name   string
	frames []Frame
}

// byPlace groups the frames that count by task and edge, in the summary's order.
func byPlace(s Summary, frames []Frame) []latencies {
	at := make(map[place]int, len(s.Tasks))
	out := make([]latencies, len(s.Tasks))
	for n, t := range s.Tasks {
		at[place{t.Task, t.Edge}] = n
		out[n].name = t.Task + " at " + t.Edge
	}
	for _, f := range frames {
		if n, ok := at[place{f.Task, f.Edge}]; ok && f.Status != Warmup {
			out[n].frames = append(out[n].frames, f)
		}
	}
	for _, l := range out {
		slices.SortStableFunc(l.frames, func(a, b Frame) int {
			if a.Captured < b.Captured {
				return -1
			}
			if a.Captured > b.Captured {
				return 1
			}
			return 0
		})
	}
	return out
}

// latency is what the run's rule is about, in milliseconds; NaN for a lost frame.
func latency(f Frame, on string) float64 {
	switch {
	case f.Status == Lost:
		return math.NaN()
	case on == EndToEnd:
		return 1e3 * f.EndToEnd()
	}
	return 1e3 * f.Transfer()
}

// deadlines are the distinct deadlines in milliseconds, ascending; none where there are too many to draw.
func deadlines(s Summary) []float64 {
	var out []float64
	for _, t := range s.Tasks {
		if t.Deadline.Known() {
			out = append(out, 1e3*float64(t.Deadline))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 4 {
		return nil
	}
	return out
}

func latencyName(on string) string {
	if on == EndToEnd {
		return "End-to-end latency"
	}
	return "Transfer latency"
}

// pickWorst returns the series to draw one by one: all, or, where they are many, the worst tasks.
func pickWorst(s Summary, all []latencies) (drawn []latencies, many bool) {
	if len(all) <= mostSeries {
		return all, false
	}
	order := make([]int, len(all))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return worstFirst(s.Tasks[a], s.Tasks[b]) })
	for _, n := range order[:worstSeries] {
		drawn = append(drawn, all[n])
	}
	return drawn, true
}

// cumulative is the chart of the latencies' distribution: for every latency the share of frames that had
// arrived by then.
func cumulative(s Summary, all []latencies) (chart, error) {
	c := chart{
		Title:   latencyName(s.QoS.On) + ", cumulative",
		Caption: "Share of the frames that arrived within a latency. Where frames were lost, the curve ends below 100 %.",
	}
	p := newPlot("latency (ms)", "frames (%)")
	drawn, many := pickWorst(s, all)
	low, high := math.Inf(1), 0.0
	add := func(frames []Frame, colour int, name string, width float64) {
		points := distributionCurve(frames, s.QoS.On)
		if len(points) == 0 {
			return
		}
		low, high = math.Min(low, points[0].X), math.Max(high, points[len(points)-1].X)
		tone := pooled
		if colour >= 0 {
			tone = seriesColours[colour]
		}
		line(p, points, tone, width, false)
		c.Legend = append(c.Legend, legendEntry{Name: name, Colour: hex(tone)})
	}
	if many {
		var frames []Frame
		for _, l := range all {
			frames = append(frames, l.frames...)
		}
		add(frames, -1, "all frames", 2)
		c.Caption += " Shown are all frames together and the worst tasks."
	}
	for n, l := range drawn {
		add(l.frames, n, l.name, 1.3)
	}
	return drawCumulative(c, p, low, high, deadlines(s))
}

// drawCumulative draws a plot of cumulative curves, whose latencies lie between low and high, with the deadlines across it.
func drawCumulative(c chart, p *plot.Plot, low, high float64, limits []float64) (chart, error) {
	for _, d := range limits {
		line(p, plotter.XYs{{X: d, Y: 0}, {X: d, Y: 100}}, limit, 1.2, true)
	}
	c.Legend = append(c.Legend, deadlineLegend(limits)...)
	newLatencyScale(low, high, limits).apply(&p.X)
	p.Y.Min, p.Y.Max = 0, 100
	var err error
	c.SVG, err = svg(p)
	return c, err
}

func deadlineLegend(limits []float64) []legendEntry {
	if len(limits) == 0 {
		return nil
	}
	return []legendEntry{{Name: "deadline", Colour: hex(limit), Dashed: true}}
}

// curvePoints is how many steps a distribution is drawn with at most.
const curvePoints = 250

func distributionCurve(frames []Frame, on string) plotter.XYs {
	var arrived []float64
	for _, f := range frames {
		if x := latency(f, on); !math.IsNaN(x) {
			arrived = append(arrived, x)
		}
	}
	if len(arrived) == 0 {
		return nil
	}
	slices.Sort(arrived)
	share := func(n int) float64 { return 100 * float64(n) / float64(len(frames)) }
	stride := 1 + len(arrived)/curvePoints
	points := plotter.XYs{{X: arrived[0], Y: 0}}
	for n := 0; n < len(arrived); n += stride {
		last := min(n+stride, len(arrived))
		points = append(points, plotter.XY{X: arrived[last-1], Y: share(n)}, plotter.XY{X: arrived[last-1], Y: share(last)})
	}
	return points
}

// mostDots is how many frames are drawn one by one; an SVG of more is slow to show.
const mostDots = 1500

// overTime is the chart of the latency of every frame over its time of capture.
func overTime(s Summary, all []latencies) (chart, error) {
	c := chart{Title: latencyName(s.QoS.On) + " over time"}
	p := newPlot("time of capture (s)", "latency (ms)")
	limits := deadlines(s)
	low, high, total := math.Inf(1), 0.0, 0
	for _, l := range all {
		total += len(l.frames)
		for _, f := range l.frames {
			if x := latency(f, s.QoS.On); !math.IsNaN(x) {
				low, high = math.Min(low, x), math.Max(high, x)
			}
		}
	}
	// The highest dot stands below the upper edge, where crosses are.
	scale, window := newLatencyScale(low, 1.05*high, limits), float64(s.VirtualSeconds)
	if len(all) <= mostSeries && total <= mostDots {
		c.Caption = "Every frame, by the time it was captured. A cross at the upper edge is a frame that was lost."
		for n, l := range all {
			dots(p, l, s.QoS.On, n, scale.max)
			c.Legend = append(c.Legend, legendEntry{Name: l.name, Colour: hex(seriesColours[n])})
		}
	} else {
		c.Caption = "Median and 99th percentile of all frames captured in a moment."
		median, p99 := binned(all, s.QoS.On, window)
		line(p, p99, seriesColours[1], 1.3, false)
		line(p, median, seriesColours[0], 1.6, false)
		c.Legend = []legendEntry{{Name: "median", Colour: hex(seriesColours[0])}, {Name: "99th percentile", Colour: hex(seriesColours[1])}}
	}
	for _, d := range limits {
		line(p, plotter.XYs{{X: 0, Y: d}, {X: window, Y: d}}, limit, 1.2, true)
	}
	c.Legend = append(c.Legend, deadlineLegend(limits)...)
	scale.apply(&p.Y)
	p.X.Min, p.X.Max = 0, window
	var err error
	c.SVG, err = svg(p)
	return c, err
}

// dots draws every frame that arrived, and those that were lost as crosses at the height lostAt.
func dots(p *plot.Plot, l latencies, on string, colour int, lostAt float64) {
	var arrived, lost plotter.XYs
	for _, f := range l.frames {
		if x := latency(f, on); math.IsNaN(x) {
			lost = append(lost, plotter.XY{X: f.Captured, Y: lostAt})
		} else {
			arrived = append(arrived, plotter.XY{X: f.Captured, Y: x})
		}
	}
	if len(arrived) > 0 {
		p.Add(&plotter.Scatter{XYs: arrived, GlyphStyle: draw.GlyphStyle{Color: seriesColours[colour], Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}})
	}
	if len(lost) > 0 {
		p.Add(&plotter.Scatter{XYs: lost, GlyphStyle: draw.GlyphStyle{Color: seriesColours[colour], Radius: vg.Points(2.5), Shape: draw.CrossGlyph{}}})
	}
}

// timeBins is how many spans of time a chart divides the window into.
const timeBins = 100

func binned(all []latencies, on string, window float64) (median, p99 plotter.XYs) {
	bins := make([][]float64, timeBins)
	for _, l := range all {
		for _, f := range l.frames {
			if x := latency(f, on); !math.IsNaN(x) {
				n := min(int(f.Captured/window*timeBins), timeBins-1)
				bins[n] = append(bins[n], x)
			}
		}
	}
	for n, b := range bins {
		at, mid, high := (float64(n)+0.5)*window/timeBins, math.NaN(), math.NaN()
		if len(b) > 0 {
			slices.Sort(b)
			mid, high = stat.Quantile(0.5, stat.Empirical, b, nil), stat.Quantile(0.99, stat.Empirical, b, nil)
		}
		median, p99 = append(median, plotter.XY{X: at, Y: mid}), append(p99, plotter.XY{X: at, Y: high})
	}
	return median, p99
}
