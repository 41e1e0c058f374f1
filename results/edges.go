package results

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/splitbed/splitbed/internal/units"
)

// MeasureEdges fills in what the samples say of every edge in the window [0, window): the uplink's mean
// rate, utilisation, drops and queue from the samples of "EDGE.uplink", the CPU used and throttled from those
// of "EDGE.cpu". The other figures must be there: rate, gflops, quota and, where measured, delay. Counters are
// interpolated at the two ends of the window. Figures without samples on both sides of a span come out absent.
func MeasureEdges(edges []EdgeSummary, samples []Sample, dilation units.Dilation, window units.Virtual) {
	series := bySubject(samples)
	for i := range edges {
		e := &edges[i]
		e.Uplink.measure(series[e.Edge+".uplink"], window.Seconds())
		e.CPU.measure(series[e.Edge+".cpu"], float64(dilation), window.Seconds())
	}
}

// bySubject groups samples by what they are about, each group in order of time.
func bySubject(samples []Sample) map[string][]Sample {
	series := make(map[string][]Sample)
	for _, s := range samples {
		series[s.Subject] = append(series[s.Subject], s)
	}
	for _, s := range series {
		slices.SortStableFunc(s, func(a, b Sample) int {
			switch {
			case a.Time < b.Time:
				return -1
			case a.Time > b.Time:
				return 1
			}
			return 0
		})
	}
	return series
}

func (u *UplinkSummary) measure(samples []Sample, window float64) {
	u.Measured, u.Utilisation, u.QueueP99 = Absent(), Absent(), Absent()
	bytes, span := growth(samples, window, func(s Sample) float64 { return float64(s.Bytes) })
	if span > 0 {
		u.Measured = Figure(8 * bytes / span)
		u.Utilisation = u.Measured / u.Rate
	}
	drops, _ := growth(samples, window, func(s Sample) float64 { return float64(s.Drops) })
	u.Drops = int64(math.Round(drops))

	var backlog []float64
	for _, s := range samples {
		if s.Time >= 0 && s.Time < window {
			backlog = append(backlog, float64(s.Backlog))
		}
	}
	if len(backlog) > 0 && u.Rate > 0 {
		slices.Sort(backlog)
		u.QueueP99 = Figure(8*stat.Quantile(0.99, stat.Empirical, backlog, nil)) / u.Rate
	}
}

func (c *CPUSummary) measure(samples []Sample, dilation, window float64) {
	c.UsedGFLOPS, c.Throttled = Absent(), Absent()
	cpu, span := growth(samples, window, func(s Sample) float64 { return s.CPU })
	if span <= 0 {
		return
	}
	// Samples count seconds of wall time; a span of virtual time lasts dilation times as long.
	wall := span * dilation
	c.UsedGFLOPS = c.GFLOPS * Figure(cpu/wall) / c.QuotaCores
	throttled, _ := growth(samples, window, func(s Sample) float64 { return s.Throttled })
	c.Throttled = Figure(throttled / wall)
}

// growth is how much a cumulative counter grew in the part of the window that samples cover, and how
// long that part is.
func growth(samples []Sample, window float64, counter func(Sample) float64) (by, span float64) {
	if len(samples) < 2 {
		return 0, 0
	}
	from := max(0, samples[0].Time)
	to := min(window, samples[len(samples)-1].Time)
	if to <= from {
		return 0, 0
	}
	return counterAt(samples, to, counter) - counterAt(samples, from, counter), to - from
}

// counterAt interpolates between the samples around t, which lies within them.
func counterAt(samples []Sample, t float64, counter func(Sample) float64) float64 {
	n, _ := slices.BinarySearchFunc(samples, t, func(s Sample, t float64) int {
		switch {
		case s.Time < t:
			return -1
		case s.Time > t:
			return 1
		}
		return 0
	})
	if n == 0 {
		return counter(samples[0])
	}
	a, b := samples[n-1], samples[min(n, len(samples)-1)]
	if b.Time <= a.Time {
		return counter(b)
	}
	return counter(a) + (counter(b)-counter(a))*(t-a.Time)/(b.Time-a.Time)
}
