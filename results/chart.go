package results

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot with its words, which the page sets as text.
type chart struct {
	Title, Caption string
	SVG            template.HTML
	Legend         []legendEntry
}

type legendEntry struct {
	Name   string
	Colour string // #rrggbb
	Dashed bool
}

// The charts' size in points. The page scales them to its columns; letters of 10 points stay readable at
// 340 pixels.
const (
	chartWidth  = 400
	chartHeight = 230
	letterSize  = 10
)

var (
	ink      = color.RGBA{0x4a, 0x55, 0x65, 0xff}
	gridline = color.RGBA{0xe6, 0xea, 0xf0, 0xff}
	limit    = color.RGBA{0xb4, 0x23, 0x18, 0xff}
	pooled   = color.RGBA{0x33, 0x41, 0x55, 0xff}
	band     = color.RGBA{0xdb, 0xe4, 0xf0, 0xff}
)

// seriesColours tell up to mostSeries lines apart, for colour-blind readers too.
var seriesColours = [...]color.RGBA{
	{0x2f, 0x6f, 0xb7, 0xff}, {0xd9, 0x7b, 0x29, 0xff}, {0x2f, 0x94, 0x6b, 0xff}, {0xa6, 0x4d, 0x8f, 0xff},
	{0x6b, 0x5f, 0xb5, 0xff}, {0x8c, 0x6a, 0x3f, 0xff}, {0x3f, 0xa5, 0xb5, 0xff}, {0xc2, 0xa0, 0x1f, 0xff},
}

const (
	// mostSeries is how many series a chart shows one by one.
	mostSeries = len(seriesColours)
	// worstSeries is how many it picks out where there are more; the others are drawn together.
	worstSeries = 4
)

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// newPlot is an empty plot in the page's style.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = gridline
		axis.LineStyle.Width = vg.Points(1)
		axis.Label.TextStyle.Font = letters()
		axis.Label.TextStyle.Color = ink
		axis.Label.Padding = vg.Points(4)
		axis.Tick.Label.Font = letters()
		axis.Tick.Label.Color = ink
		axis.Tick.Length = 0
		axis.Tick.LineStyle.Color = color.Transparent
		axis.Tick.Marker = linearTicks{}
		axis.Padding = vg.Points(2)
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = gridline, gridline
	p.Add(grid)
	return p
}

// newPicture is a plot that stands alone, with a title and a ground of its own.
func newPicture(title, x, y string) *plot.Plot {
	p := newPlot(x, y)
	p.BackgroundColor = color.White
	p.Title.Text = title
	p.Title.TextStyle.Font, p.Title.TextStyle.Color = letters(), ink
	p.Title.TextStyle.Font.Size = letterSize + 2
	p.Title.Padding = vg.Points(6)
	return p
}

func letters() font.Font { return font.Font{Typeface: "Liberation", Variant: "Sans", Size: letterSize} }

// linearTicks are about five round values: the plot's own are too few at this size, and labelled "250.00".
type linearTicks struct{}

func (linearTicks) Ticks(low, high float64) []plot.Tick {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: digits(low)}}
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/5)))
	for _, s := range []float64{2, 2.5, 2} { // 2, 5 and 10 times the power of ten
		if (high-low)/step <= 6 {
			break
		}
		step *= s
	}
	var ticks []plot.Tick
	for n := math.Ceil(low/step - 1e-9); n*step <= high*(1+1e-9); n++ {
		value := n*step + 0 // makes -0, which Ceil may return, a plain zero
		ticks = append(ticks, plot.Tick{Value: value, Label: strconv.FormatFloat(value, 'g', 6, 64)})
	}
	return ticks
}

// logTicks are the powers of ten and, where they are few, twice and five times these.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	steps := []float64{1, 2, 5}
	if high/low > 1e3 {
		steps = steps[:1]
	}
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: digits(v)})
			}
		}
	}
	return ticks
}

// logScale is logarithmic and shows what lies below its lower end, a latency of nothing too, at that end.
type logScale struct{}

func (logScale) Normalize(low, high, x float64) float64 {
	return math.Log(math.Max(x, low)/low) / math.Log(high/low)
}

// latencyScale is the scale of an axis of milliseconds.
type latencyScale struct {
	min, max    float64
	logarithmic bool
}

// newLatencyScale holds latencies from low to high beside the deadlines: linearly where that shows both,
// otherwise by powers of ten.
func newLatencyScale(low, high float64, deadlines []float64) latencyScale {
	if len(deadlines) == 0 {
		return latencyScale{max: math.Max(high, 1)}
	}
	last := deadlines[len(deadlines)-1]
	high = math.Max(high, 1.1*last)
	if high <= 10*last {
		return latencyScale{max: high}
	}
	return latencyScale{min: 0.9 * math.Max(low, high/1e5), max: high, logarithmic: true}
}

// apply sets the axis. It comes after everything was added to the plot, because adding moves an axis's ends.
func (s latencyScale) apply(axis *plot.Axis) {
	axis.Min, axis.Max = s.min, s.max
	if s.logarithmic {
		axis.Scale = logScale{}
		axis.Tick.Marker = logTicks{}
	}
}

// line draws points as a line; a NaN interrupts it.
func line(p *plot.Plot, points plotter.XYs, c color.RGBA, width float64, dashed bool) {
	style := draw.LineStyle{Color: c, Width: vg.Points(width)}
	if dashed {
		style.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
	}
	for len(points) > 0 {
		end := 0
		for end < len(points) && !math.IsNaN(points[end].Y) {
			end++
		}
		if end > 0 {
			p.Add(&plotter.Line{XYs: points[:end], LineStyle: style})
		}
		points = points[min(end+1, len(points)):]
	}
}

// svg renders the plot as an element to be set inline: without prolog, of the size its place has.
func svg(p *plot.Plot) (template.HTML, error) {
	canvas := vgsvg.New(chartWidth, chartHeight)
	// Room for the half of the last label that stands beyond the axis, and of the uppermost marks.
	p.Draw(draw.Crop(draw.New(canvas), 0, -12, 0, -6))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", fmt.Errorf("draw chart: %w", err)
	}
	text := out.Bytes()
	if start := bytes.Index(text, []byte("<svg")); start > 0 {
		text = text[start:]
	}
	// Safe to set as it is: all text in it was escaped when it was drawn (vgsvg, Canvas.FillString).
	return template.HTML(text), nil
}
