package results

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// ScatterChart compares two figures of the same kind for many things, as a picture that stands by itself: a dot on the dashed
// diagonal has both alike. Axes are logarithmic and alike; points with a figure that is not above 0 are left out.
type ScatterChart struct {
	Title, X, Y string
	Groups      []ScatterGroup
	// Limit is a value of Y that is marked by a line; 0 for none.
	Limit float64
}

// ScatterGroup is points of one colour.
type ScatterGroup struct {
	Name   string
	Points []ScatterPoint
}

// ScatterPoint is one thing's two figures.
type ScatterPoint struct{ X, Y float64 }

// SVG draws the chart. The same chart gives the same bytes.
func (c ScatterChart) SVG() ([]byte, error) {
	p := newPicture(c.Title, c.X, c.Y)
	low, high := c.span()
	line := func(from, to plotter.XY, style draw.LineStyle) {
		p.Add(&plotter.Line{XYs: plotter.XYs{from, to}, LineStyle: style})
	}
	line(plotter.XY{X: low, Y: low}, plotter.XY{X: high, Y: high},
		draw.LineStyle{Color: ink, Width: vg.Points(1), Dashes: []vg.Length{vg.Points(2), vg.Points(2)}})
	if c.Limit > 0 {
		line(plotter.XY{X: low, Y: c.Limit}, plotter.XY{X: high, Y: c.Limit}, draw.LineStyle{Color: ink, Width: vg.Points(0.6)})
	}
	for n, g := range c.Groups {
		var points plotter.XYs
		for _, pt := range g.Points {
			if drawable(pt) {
				points = append(points, plotter.XY{X: pt.X, Y: pt.Y})
			}
		}
		if len(points) > 0 {
			tone := seriesColours[n%mostSeries]
			p.Add(&plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{
				Color: color.NRGBA{tone.R, tone.G, tone.B, 0x90}, Radius: vg.Points(1.8), Shape: draw.CircleGlyph{},
			}})
		}
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = low, high, low, high
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}

	canvas := vgsvg.New(pictureWidth, pictureHeight)
	all := draw.New(canvas)
	all.FillPolygon(color.White, []vg.Point{{}, {X: pictureWidth}, {X: pictureWidth, Y: pictureHeight}, {Y: pictureHeight}})
	plotted := draw.Crop(all, 6, -nameMargin, 6, -8)
	p.Draw(plotted)
	corner := p.DataCanvas(plotted).Max
	for n, g := range c.Groups {
		all.FillText(text.Style{Color: seriesColours[n%mostSeries], Font: letters(), XAlign: draw.XLeft, YAlign: draw.YCenter,
			Handler: plot.DefaultTextHandler}, vg.Point{X: corner.X + 8, Y: corner.Y - vg.Length(nameHeight*(float64(n)+0.5))}, g.Name)
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw chart: %w", err)
	}
	return out.Bytes(), nil
}

func drawable(p ScatterPoint) bool {
	return p.X > 0 && p.Y > 0 && !math.IsInf(p.X, 0) && !math.IsInf(p.Y, 0)
}

// span is a little more than the range of all figures that are drawn.
func (c ScatterChart) span() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, g := range c.Groups {
		for _, p := range g.Points {
			if drawable(p) {
				low, high = min(low, p.X, p.Y), max(high, p.X, p.Y)
			}
		}
	}
	if c.Limit > 0 {
		low, high = min(low, c.Limit), max(high, c.Limit)
	}
	if low > high {
		return 0.1, 10 // nothing to draw
	}
	return low / 1.2, high * 1.2
}
