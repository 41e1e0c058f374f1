package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/results"
)

const page = "verdict.md"

// render makes the page with its tables filled in, and its plots: contents by path. It reads the committed data and the page.
func render(docs string) (map[string][]byte, error) {
	runs, streams, err := readData(filepath.Join(docs, dataDir))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(docs, page))
	if err != nil {
		return nil, err
	}
	a := answer{runs, streams}
	for _, t := range a.tables() {
		if text, err = fill(text, t.name, t.text); err != nil {
			return nil, err
		}
	}
	files := map[string][]byte{filepath.Join(docs, page): text}
	for name, c := range a.charts() {
		drawn, err := c.SVG()
		if err != nil {
			return nil, err
		}
		files[filepath.Join(docs, dataDir, name+".svg")] = drawn
	}
	return files, nil
}

// fill puts a text between the markers <!-- name --> and <!-- /name -->.
func fill(page []byte, name, text string) ([]byte, error) {
	from, to := []byte("<!-- "+name+" -->\n"), []byte("<!-- /"+name+" -->")
	before, rest, ok := bytes.Cut(page, from)
	_, after, closed := bytes.Cut(rest, to)
	if !ok || !closed {
		return nil, errors.New("the page has no markers <!-- " + name + " --> and <!-- /" + name + " -->")
	}
	return slices.Concat(before, from, []byte("\n"+text+"\n"), to, after), nil
}

// answer is the data with the questions asked of it.
type answer struct {
	runs    []runRow
	streams []streamRow
}

type named struct{ name, text string }

func (a answer) tables() []named {
	return []named{
		{"conditions", a.byCondition()},
		{"verdicts", a.verdicts()},
		{"arrivals", a.shares("arrivals", func(s streamRow) string { kind, _, _ := strings.Cut(s.Task, "-"); return kind })},
		{"errors", a.errors()},
		{"runs", a.everyRun()},
	}
}

// distinct are the values of all runs in the order of their first.
func distinct[R any, T comparable](rows []R, of func(R) T) []T {
	var out []T
	for _, r := range rows {
		if v := of(r); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (a answer) conditions() []condition {
	return distinct(a.runs, func(r runRow) condition { return r.condition() })
}

// grid is a Markdown table.
type grid struct{ lines []string }

func (g *grid) row(cells ...string) { g.lines = append(g.lines, "| "+strings.Join(cells, " | ")+" |") }

func (g *grid) head(cells ...string) {
	g.row(cells...)
	g.lines = append(g.lines, "|---"+strings.Repeat("|---:", len(cells)-1)+"|")
}

func (g *grid) String() string { return strings.Join(g.lines, "\n") + "\n" }

// tally counts frames.
type tally struct{ frames, onTime int }

func (t tally) percent() float64 { return 100 * float64(t.onTime) / float64(t.frames) }

// String is the share on time with its 95 % interval.
func (t tally) String() string {
	if t.frames == 0 {
		return "–"
	}
	low, high := results.Interval(t.onTime, t.frames, 0.95)
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", t.percent(), 100*low, 100*high)
}

func (t tally) short() string {
	if t.frames == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", t.percent())
}

func (a answer) byCondition() string {
	var g grid
	g.head("sharing, background", "runs", "valid", "frames", "on time, measured", "on time, model", "lost", "packets dropped")
	for _, c := range a.conditions() {
		var all, valid, lost int
		var drops int64
		var measured, model tally
		for _, r := range a.runs {
			if r.condition() != c {
				continue
			}
			all++
			if r.Verdict == results.Invalid {
				continue
			}
			valid++
			lost += r.Lost
			drops += r.Drops
			measured.frames, measured.onTime = measured.frames+r.Frames, measured.onTime+r.OnTime
			model.frames, model.onTime = model.frames+r.PredictedFrames, model.onTime+r.PredictedOnTime
		}
		g.row(c.String(), fmt.Sprint(all), fmt.Sprint(valid), fmt.Sprint(measured.frames), measured.String(), model.short(), fmt.Sprint(lost), fmt.Sprint(drops))
	}
	return g.String()
}

func (a answer) verdicts() string {
	var g grid
	g.head("sharing, background", "kept in both", "kept in the model, violated in fact", "violated in the model, kept in fact", "violated in both")
	for _, c := range a.conditions() {
		count := map[[2]string]int{}
		for _, r := range a.runs {
			if r.condition() == c {
				count[[2]string{r.PredictedVerdict, r.Verdict}]++
			}
		}
		var cells []string
		for _, pair := range [][2]string{
			{results.Kept, results.Kept}, {results.Kept, results.Violated}, {results.Violated, results.Kept}, {results.Violated, results.Violated},
		} {
			cells = append(cells, fmt.Sprint(count[pair]))
		}
		g.row(append([]string{c.String()}, cells...)...)
	}
	return g.String()
}

// shares is the share of frames on time in every condition for each value of something, and what the model says.
func (a answer) shares(what string, of func(streamRow) string) string {
	var g grid
	head := []string{what}
	for _, c := range a.conditions() {
		head = append(head, c.String(), "model")
	}
	g.head(head...)
	for _, value := range distinct(a.streams, of) {
		cells := []string{value}
		for _, c := range a.conditions() {
			var measured, model tally
			for _, s := range a.streams {
				if s.condition() == c && of(s) == value {
					measured.frames, measured.onTime = measured.frames+s.Frames, measured.onTime+s.OnTime
					model.frames, model.onTime = model.frames+s.PredictedFrames, model.onTime+s.PredictedOnTime
				}
			}
			cells = append(cells, measured.String(), model.short())
		}
		g.row(cells...)
	}
	return g.String()
}

// errors tells how far the model's latencies are from those measured, stream by stream, for streams whose latency in the model is
// short and for the others: a shaper's bucket lets a short message pass at once.
func (a answer) errors() string {
	var g grid
	g.head("sharing, background", "latency in the model", "streams", "median latency: typical error", "measured ÷ model", "95th percentile: typical error", "measured ÷ model")
	for _, c := range a.conditions() {
		for _, long := range []bool{false, true} {
			median, p95 := deviation{}, deviation{}
			for _, s := range a.streams {
				if s.condition() == c && (s.PredictedP50 >= shortest) == long {
					median.add(s.P50, s.PredictedP50)
					p95.add(s.P95, s.PredictedP95)
				}
			}
			if len(median.ratios) == 0 {
				continue
			}
			name := fmt.Sprintf("below %g ms", 1000*shortest)
			if long {
				name = "longer"
			}
			g.row(c.String(), name, fmt.Sprint(len(median.ratios)), median.typical(), median.ratio(), p95.typical(), p95.ratio())
		}
	}
	return g.String()
}

// shortest is the latency, in seconds, from which on a message is more than a few packets at the rates of this sweep.
const shortest = 0.01

// deviation is measured ÷ predicted, of many.
type deviation struct{ ratios []float64 }

func (d *deviation) add(measured, predicted float64) {
	if measured > 0 && predicted > 0 {
		d.ratios = append(d.ratios, measured/predicted)
	}
}

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// typical is the median distance from the model, as a part of the model's figure.
func (d deviation) typical() string {
	var distances []float64
	for _, r := range d.ratios {
		distances = append(distances, max(r-1, 1-r))
	}
	return fmt.Sprintf("%.1f %%", 100*middle(distances))
}

func (d deviation) ratio() string { return fmt.Sprintf("%.2f", middle(d.ratios)) }

// everyRun has a row for each threshold and algorithm and a column for each condition.
func (a answer) everyRun() string {
	var g grid
	head := []string{"threshold", "algorithm", "deployed (bound)"}
	for _, c := range a.conditions() {
		head = append(head, c.String(), "model")
	}
	g.head(head...)
	type schedule struct {
		threshold float64
		algorithm string
	}
	for _, s := range distinct(a.runs, func(r runRow) schedule { return schedule{r.Threshold, r.Algorithm} }) {
		cells := []string{fmt.Sprint(s.threshold), "`" + s.algorithm + "`", ""}
		for _, c := range a.conditions() {
			measured, model := "missing", ""
			for _, r := range a.runs {
				if (schedule{r.Threshold, r.Algorithm}) != s || r.condition() != c {
					continue
				}
				cells[2] = fmt.Sprintf("%d of %d (%.0f)", r.Deployed, r.Tasks, r.Bound)
				measured = tally{r.Frames, r.OnTime}.String()
				model = tally{r.PredictedFrames, r.PredictedOnTime}.short()
				switch r.Verdict {
				case results.Kept:
					measured = "**" + measured + "**"
				case results.Invalid:
					measured = "invalid"
				}
			}
			cells = append(cells, measured, model)
		}
		g.row(cells...)
	}
	return g.String()
}

type chart interface{ SVG() ([]byte, error) }

func (a answer) charts() map[string]chart {
	out := map[string]chart{
		"median": a.scatter("Median transfer latency of every stream", func(s streamRow) (float64, float64) { return s.PredictedP50, s.P50 }),
		"p95":    a.scatter("95th percentile of every stream's transfer latency", func(s streamRow) (float64, float64) { return s.PredictedP95, s.P95 }),
	}
	if len(distinct(a.runs, func(r runRow) float64 { return r.Threshold })) < 2 {
		return out // nothing to draw over the threshold
	}
	for _, c := range a.conditions() {
		out[strings.ReplaceAll(c.String(), ", ", "-")] = a.onTime(c)
	}
	return out
}

// deadline of all tasks of the sweep, in milliseconds.
const deadline = 200

func (a answer) scatter(title string, of func(streamRow) (predicted, measured float64)) chart {
	c := results.ScatterChart{Title: title, X: "in the model, ms", Y: "measured, ms", Limit: deadline}
	for _, condition := range a.conditions() {
		g := results.ScatterGroup{Name: condition.String()}
		for _, s := range a.streams {
			if s.condition() == condition {
				x, y := of(s)
				g.Points = append(g.Points, results.ScatterPoint{X: 1000 * x, Y: 1000 * y})
			}
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}

// onTime is the share of frames on time over the threshold, a line for each algorithm with its interval, and dashed the model's of
// all of them together.
func (a answer) onTime(of condition) chart {
	c := results.LineChart{Title: "Frames on time: " + of.String() + " background", X: "threshold", Y: "% on time"}
	model := results.Line{Name: "model, all", Reference: true}
	thresholds := distinct(a.runs, func(r runRow) float64 { return r.Threshold })
	slices.Sort(thresholds)
	for _, algorithm := range distinct(a.runs, func(r runRow) string { return r.Algorithm }) {
		line := results.Line{Name: algorithm}
		for _, threshold := range thresholds {
			for _, r := range a.runs {
				if r.cell == (cell{threshold, of.Sharing, of.Background, algorithm}) && r.Verdict != results.Invalid {
					low, high := results.Interval(r.OnTime, r.Frames, 0.95)
					line.Points = append(line.Points, results.LinePoint{
						X: threshold, Mean: tally{r.Frames, r.OnTime}.percent(), Low: 100 * low, High: 100 * high,
					})
				}
			}
		}
		c.Lines = append(c.Lines, line)
	}
	for _, threshold := range thresholds {
		var all tally
		for _, r := range a.runs {
			if r.condition() == of && r.Threshold == threshold {
				all.frames, all.onTime = all.frames+r.PredictedFrames, all.onTime+r.PredictedOnTime
			}
		}
		if all.frames > 0 {
			p := all.percent()
			model.Points = append(model.Points, results.LinePoint{X: threshold, Mean: p, Low: p, High: p})
		}
	}
	c.Lines = append(c.Lines, model)
	return c
}
