package results

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot/plotter"
)

// loads is the load of one link or CPU over the window, in percent of what it may use.
type loads struct {
	name   string
	points plotter.XYs
}

// uplinkLoad is the chart of what every uplink carried over time.
func uplinkLoad(s Summary, series map[string][]Sample) (chart, error) {
	var all []loads
	for _, e := range s.Edges {
		full := float64(e.Uplink.Rate) / 8
		all = append(all, loads{e.Edge, loadOver(series[e.Edge+".uplink"], float64(s.VirtualSeconds), full, func(x Sample) float64 { return float64(x.Bytes) })})
	}
	return loadChart(s, "Uplink utilisation", "What each uplink carried, as a share of its rate.", "of the rate (%)", all)
}

// cpuLoad is the chart of what every edge computed over time.
func cpuLoad(s Summary, series map[string][]Sample) (chart, error) {
	var all []loads
	for _, e := range s.Edges {
		// CPU time is wall time: a second of virtual time has Dilation of it.
		full := float64(e.CPU.QuotaCores * s.Dilation)
		all = append(all, loads{e.Edge, loadOver(series[e.Edge+".cpu"], float64(s.VirtualSeconds), full, func(x Sample) float64 { return x.CPU })})
	}
	return loadChart(s, "CPU of the edges", "What each edge computed, as a share of its GFLOPS budget.", "of the budget (%)", all)
}

// loadOver is the growth of a counter per second ÷ full, in percent, in spans of the window no shorter than
// the samples are apart. It is NaN where nobody looked for longer: what was between is not known.
func loadOver(samples []Sample, window, full float64, counter func(Sample) float64) plotter.XYs {
	if len(samples) < 2 || !(full > 0) || !(window > 0) {
		return nil
	}
	first, last := samples[0].Time, samples[len(samples)-1].Time
	apart := (last - first) / float64(len(samples)-1)
	bins := int(max(1, min(timeBins, window/max(apart, 1e-9))))
	var points plotter.XYs
	for n := range bins {
		from, to := window*float64(n)/float64(bins), window*float64(n+1)/float64(bins)
		y := math.NaN()
		if from >= first && to <= last && longestGap(samples, from, to) <= mostApart*apart {
			y = 100 * (counterAt(samples, to, counter) - counterAt(samples, from, counter)) / (to - from) / full
		}
		points = append(points, plotter.XY{X: (from + to) / 2, Y: y})
	}
	return points
}

// mostApart is how many times further apart than they are on average samples may be for the load between them to be drawn.
const mostApart = 3

// longestGap is the longest time between two samples next to each other, of those between which some of the span lies.
func longestGap(samples []Sample, from, to float64) float64 {
	longest := 0.0
	for i := 1; i < len(samples); i++ {
		if samples[i-1].Time < to && samples[i].Time > from {
			longest = max(longest, samples[i].Time-samples[i-1].Time)
		}
	}
	return longest
}

func loadChart(s Summary, title, caption, unit string, all []loads) (chart, error) {
	c := chart{Title: title, Caption: caption}
	p := newPlot("time (s)", unit)
	top, unseen := 100.0, false
	for _, l := range all {
		for _, x := range l.points {
			if x.Y > top { // false for a NaN
				top = x.Y
			}
			unseen = unseen || math.IsNaN(x.Y)
		}
	}
	if unseen {
		c.Caption += " A line is broken where no samples were taken."
	}
	shown := all
	if len(all) > mostSeries {
		shown = slices.Clone(all)
		slices.SortStableFunc(shown, func(a, b loads) int {
			switch x, y := mean(a.points), mean(b.points); {
			case x > y:
				return -1
			case x < y:
				return 1
			}
			return 0
		})
		shown = shown[:worstSeries]
		low, middle, high := spread(all)
		if len(low) > 1 {
			p.Add(between(low, high))
		}
		line(p, middle, pooled, 2, false)
		c.Legend = append(c.Legend, legendEntry{Name: "median of all edges", Colour: hex(pooled)}, legendEntry{Name: "lowest to highest", Colour: hex(band)})
		c.Caption += " Shown are the spread over all edges and the busiest of them."
	}
	for n, l := range shown {
		if len(l.points) == 0 {
			continue
		}
		line(p, l.points, seriesColours[n], 1.3, false)
		c.Legend = append(c.Legend, legendEntry{Name: l.name, Colour: hex(seriesColours[n])})
	}
	p.X.Min, p.X.Max = 0, float64(s.VirtualSeconds)
	p.Y.Min, p.Y.Max = 0, top
	var err error
	c.SVG, err = svg(p)
	return c, err
}

func mean(points plotter.XYs) float64 {
	sum, n := 0.0, 0
	for _, x := range points {
		if !math.IsNaN(x.Y) {
			sum += x.Y
			n++
		}
	}
	return sum / max(float64(n), 1)
}

// spread is the lowest, median and highest load at each moment at which any is known, over the series that have as
// many points as most.
func spread(all []loads) (low, middle, high plotter.XYs) {
	most := 0
	for _, l := range all {
		most = max(most, len(l.points))
	}
	for n := range most {
		var at []float64
		x := 0.0
		for _, l := range all {
			if len(l.points) == most && !math.IsNaN(l.points[n].Y) {
				at = append(at, l.points[n].Y)
				x = l.points[n].X
			}
		}
		if len(at) == 0 {
			continue
		}
		slices.Sort(at)
		low = append(low, plotter.XY{X: x, Y: at[0]})
		middle = append(middle, plotter.XY{X: x, Y: stat.Quantile(0.5, stat.Empirical, at, nil)})
		high = append(high, plotter.XY{X: x, Y: at[len(at)-1]})
	}
	return low, middle, high
}

// between is the area from one line to another.
func between(low, high plotter.XYs) *plotter.Polygon {
	outline := slices.Clone(high)
	for _, x := range slices.Backward(low) {
		outline = append(outline, x)
	}
	return &plotter.Polygon{XYs: []plotter.XYs{outline}, Color: band}
}
