package results

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// LineChart is means over a quantity, as a picture that stands by itself. Lines are named at their right ends.
type LineChart struct {
	Title, X, Y string
	// Log has the Y axis logarithmic; means that are not above 0 are then left out.
	Log   bool
	Lines []Line
}

// Line is one line of a LineChart, its points ascending by X.
type Line struct {
	Name   string
	Points []LinePoint
	// Reference has the line drawn dashed and in grey: a limit, not one of those that are compared.
	Reference bool
}

// LinePoint is a mean with the interval around it, which is drawn as a band.
type LinePoint struct{ X, Mean, Low, High float64 }

// The picture's size in points, of which the right margin is for the lines' names.
const (
	pictureWidth  = 560
	pictureHeight = 340
	nameMargin    = 104
	nameHeight    = 11.5
)

// SVG draws the chart. The same chart gives the same bytes.
func (c LineChart) SVG() ([]byte, error) {
	p := newPicture(c.Title, c.X, c.Y)
	for i, l := range c.Lines {
		points := c.shown(l)
		if len(points) == 0 {
			continue
		}
		style := lineStyle(i, l)
		low, high, means := make(plotter.XYs, len(points)), make(plotter.XYs, len(points)), make(plotter.XYs, len(points))
		for n, pt := range points {
			low[n], high[n], means[n] = plotter.XY{X: pt.X, Y: pt.Low}, plotter.XY{X: pt.X, Y: pt.High}, plotter.XY{X: pt.X, Y: pt.Mean}
		}
		if !slices.EqualFunc(low, high, func(a, b plotter.XY) bool { return a == b }) {
			area := between(low, high)
			tint := style.Color.(color.RGBA)
			area.Color = color.NRGBA{tint.R, tint.G, tint.B, 0x30}
			p.Add(area)
		}
		p.Add(&plotter.Line{XYs: means, LineStyle: style})
	}
	if c.Log {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	} else {
		p.Y.Min = math.Min(p.Y.Min, 0)
		if ticks := (linearTicks{}).Ticks(p.Y.Min, p.Y.Max); len(ticks) > 1 {
			// Up to the next round value, which the axis then names.
			step := ticks[1].Value - ticks[0].Value
			p.Y.Max = ticks[0].Value + step*math.Ceil((p.Y.Max-ticks[0].Value)/step-1e-9)
		}
	}
	canvas := vgsvg.New(pictureWidth, pictureHeight)
	all := draw.New(canvas)
	all.FillPolygon(color.White, []vg.Point{{}, {X: pictureWidth}, {X: pictureWidth, Y: pictureHeight}, {Y: pictureHeight}})
	plotted := draw.Crop(all, 6, -nameMargin, 6, -8)
	p.Draw(plotted)
	c.nameLines(p, all, p.DataCanvas(plotted))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw chart: %w", err)
	}
	return out.Bytes(), nil
}

// shown are the points that can be drawn.
func (c LineChart) shown(l Line) []LinePoint {
	return slices.DeleteFunc(slices.Clone(l.Points), func(p LinePoint) bool {
		return math.IsNaN(p.Mean) || math.IsInf(p.Mean, 0) || c.Log && p.Low <= 0
	})
}

// lineStyle tells lines apart by colour and, where there are more of them than colours, by dashes.
func lineStyle(i int, l Line) draw.LineStyle {
	if l.Reference {
		return draw.LineStyle{Color: ink, Width: vg.Points(1.2), Dashes: []vg.Length{vg.Points(2), vg.Points(2)}}
	}
	colours := append(seriesColours[:], color.RGBA{0xb2, 0x3a, 0x48, 0xff}, color.RGBA{0x1d, 0x5c, 0x4a, 0xff}, color.RGBA{0x5d, 0x6b, 0x7d, 0xff})
	style := draw.LineStyle{Color: colours[i%len(colours)], Width: vg.Points(1.8)}
	if i >= len(colours) {
		style.Dashes = []vg.Length{vg.Points(6), vg.Points(3)}
	}
	return style
}

// nameLines sets every line's name beside its right end, moved up or down where names would overlap.
func (c LineChart) nameLines(p *plot.Plot, all, data draw.Canvas) {
	toX, toY := p.Transforms(&data)
	type name struct {
		line   int
		end    vg.Point
		height vg.Length
	}
	var names []name
	for i, l := range c.Lines {
		if points := c.shown(l); len(points) > 0 {
			last := points[len(points)-1]
			end := vg.Point{X: toX(last.X), Y: toY(last.Mean)}
			names = append(names, name{i, end, end.Y})
		}
	}
	slices.SortStableFunc(names, func(a, b name) int { return cmp.Compare(b.end.Y, a.end.Y) })
	heights := make([]float64, len(names))
	for i, n := range names {
		heights[i] = float64(n.end.Y)
	}
	spreadDown(heights, nameHeight, float64(data.Min.Y), float64(data.Max.Y))
	for i, n := range names {
		style := lineStyle(n.line, c.Lines[n.line])
		left := data.Max.X + 14
		height := vg.Length(heights[i])
		leader := draw.LineStyle{Color: style.Color, Width: vg.Points(0.5), Dashes: []vg.Length{vg.Points(1), vg.Points(2)}}
		all.StrokeLine2(leader, n.end.X+2, n.end.Y, left-3, height)
		all.FillText(text.Style{Color: style.Color, Font: letters(), XAlign: draw.XLeft, YAlign: draw.YCenter,
			Handler: plot.DefaultTextHandler}, vg.Point{X: left, Y: height}, c.Lines[n.line].Name)
	}
}

// spreadDown moves descending heights apart to at least a gap, as little as it can and between low and high as far
// as they fit.
func spreadDown(heights []float64, gap, low, high float64) {
	// Neighbours that are too close become a block that stands at the mean of where its members wish to be.
	type block struct {
		first, n int
		top      float64 // height of its first member
	}
	clamp := func(b block) float64 {
		return math.Min(high, math.Max(b.top, low+gap*float64(b.n-1)))
	}
	var blocks []block
	for i := range heights {
		blocks = append(blocks, block{i, 1, heights[i]})
		for {
			last := &blocks[len(blocks)-1]
			wish := 0.0
			for k := range last.n {
				wish += heights[last.first+k] + gap*float64(k)
			}
			last.top = wish / float64(last.n)
			last.top = clamp(*last)
			if len(blocks) < 2 {
				break
			}
			before := &blocks[len(blocks)-2]
			if before.top-gap*float64(before.n) >= last.top {
				break
			}
			before.n += last.n
			blocks = blocks[:len(blocks)-1]
		}
	}
	for _, b := range blocks {
		for k := range b.n {
			heights[b.first+k] = b.top - gap*float64(k)
		}
	}
}
