package sweep

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/results"
)

// series are the means of one series of a figure, in the order of the table.
type series struct {
	name   string
	points []mean
}

// mean is the mean of n rows that agree in x and series, and its 95 % interval.
type mean struct {
	x               any
	n               int
	value, low, top float64
}

// means groups a table's rows as the figure asks for. Rows of failed points and figures that are absent do not count.
func (f Figure) means(t table) []series {
	all := f.group(t, f.Y, f.Series, func(n int, _ row) string { return strconv.Itoa(n) })
	if f.Reference != "" {
		all = append(all, f.group(t, f.Reference, "", func(_ int, r row) string { return r.point.without(f.Series) })...)
	}
	return all
}

// group takes the means of a column for every x and every value of another column. Rows of one observation count
// as one, with their mean: what they say of the same thing several times makes it no more certain.
func (f Figure) group(t table, y, by string, observation func(n int, r row) string) []series {
	type cell struct {
		x            any
		observations []string // in their order
		values       map[string][]float64
	}
	xOf, yOf := t.column(f.X), t.column(y)
	nameOf := func(row) any { return y }
	if by != "" {
		nameOf = t.column(by)
	}
	var names []string
	cells := map[string][]*cell{}
	for n, r := range t.rows {
		value, ok := number(yOf(r))
		if r.outcome.Error != "" || !ok || math.IsNaN(value) {
			continue
		}
		name := fmt.Sprint(nameOf(r))
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		x := xOf(r)
		at := slices.IndexFunc(cells[name], func(c *cell) bool { return c.x == x })
		if at < 0 {
			at = len(cells[name])
			cells[name] = append(cells[name], &cell{x: x, values: map[string][]float64{}})
		}
		c, key := cells[name][at], observation(n, r)
		if c.values[key] == nil {
			c.observations = append(c.observations, key)
		}
		c.values[key] = append(c.values[key], value)
	}
	var out []series
	for _, name := range names {
		s := series{name: name}
		for _, c := range cells[name] {
			var values []float64
			for _, key := range c.observations {
				values = append(values, stat.Mean(c.values[key], nil))
			}
			m := mean{x: c.x, n: len(values)}
			m.value, m.low, m.top = results.MeanInterval(values)
			s.points = append(s.points, m)
		}
		out = append(out, s)
	}
	return out
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// write makes the figure's files in a directory and returns their paths.
func (f Figure) write(dir string, t table) ([]string, error) {
	all := f.means(t)
	data, err := f.csv(all)
	if err != nil {
		return nil, err
	}
	files := []struct {
		ending  string
		content []byte
	}{{".csv", data}}
	if f.Kind == Table {
		files = append(files, struct {
			ending  string
			content []byte
		}{".md", []byte(f.markdown(all))})
	} else {
		drawn, err := f.chart(all).SVG()
		if err != nil {
			return nil, fmt.Errorf("figure %s: %w", f.Name, err)
		}
		files = append(files, struct {
			ending  string
			content []byte
		}{".svg", drawn})
	}
	var paths []string
	for _, file := range files {
		path := filepath.Join(dir, f.Name+file.ending)
		if err := atomicfile.WriteBytes(path, file.content); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// csv is the figure's data: a line for each mean.
func (f Figure) csv(all []series) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	lines := [][]string{{"series", f.X, "n", "mean", "low", "high"}}
	for _, s := range all {
		for _, m := range s.points {
			lines = append(lines, []string{s.name, fmt.Sprint(m.x), strconv.Itoa(m.n), figure(m.value), figure(m.low), figure(m.top)})
		}
	}
	if err := w.WriteAll(lines); err != nil {
		return nil, fmt.Errorf("figure %s: %w", f.Name, err)
	}
	return out.Bytes(), nil
}

// figure writes a number with six digits: more than the figures are known to, and few enough that the last bit of a
// sum, which may depend on the processor, does not show.
func figure(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// markdown is a table of the means, a row for each x and a column for each series, with half the interval's width.
func (f Figure) markdown(all []series) string {
	var xs []any
	largest := 0.0
	for _, s := range all {
		for _, m := range s.points {
			largest = max(largest, math.Abs(m.value))
			if !slices.Contains(xs, m.x) {
				xs = append(xs, m.x)
			}
		}
	}
	decimals := decimalsFor(largest)
	var out strings.Builder
	head, rule := "| "+f.label(f.XLabel, f.X), "|---"
	for _, s := range all {
		head += " | " + s.name
		rule += "|---:"
	}
	out.WriteString(head + " |\n" + rule + "|\n")
	for _, x := range xs {
		fmt.Fprintf(&out, "| %v", x)
		for _, s := range all {
			at := slices.IndexFunc(s.points, func(m mean) bool { return m.x == x })
			if at < 0 {
				out.WriteString(" | ")
				continue
			}
			m := s.points[at]
			out.WriteString(" | " + strconv.FormatFloat(m.value, 'f', decimals, 64))
			if m.n > 1 {
				out.WriteString(" ± " + strconv.FormatFloat((m.top-m.low)/2, 'f', decimals, 64))
			}
		}
		out.WriteString(" |\n")
	}
	return out.String()
}

// decimalsFor has a table's largest figure in at least three digits, and all others beside it to the same place.
func decimalsFor(largest float64) int {
	if largest == 0 || math.IsInf(largest, 0) {
		return 0
	}
	return min(max(0, 2-int(math.Floor(math.Log10(largest)))), 9)
}

func (f Figure) label(given, column string) string {
	if given != "" {
		return given
	}
	return column
}

// chart is the figure as lines over x.
func (f Figure) chart(all []series) results.LineChart {
	c := results.LineChart{Title: f.Title, X: f.label(f.XLabel, f.X), Y: f.label(f.YLabel, f.Y), Log: f.Log}
	for i, s := range all {
		line := results.Line{Name: s.name, Reference: f.Reference != "" && i == len(all)-1}
		for _, m := range s.points {
			x, _ := number(m.x)
			line.Points = append(line.Points, results.LinePoint{X: x, Mean: m.value, Low: m.low, High: m.top})
		}
		c.Lines = append(c.Lines, line)
	}
	return c
}
