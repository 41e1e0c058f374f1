package sweep

import (
	"fmt"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/testbed"
)

// Sweep is what a sweep file says.
type Sweep struct {
	Name string `yaml:"name"`
	// Experiment is a shipped name, a path or inline, and what the grid changes.
	Experiment base `yaml:"experiment"`
	// Mode is what is done with every point: one of the constants below.
	Mode string `yaml:"mode"`
	// Attempts is how many times a point is emulated at most, until its run is valid.
	Attempts int `yaml:"attempts"`
	// Grid is the axes; the points are all their combinations, the last axis varying fastest.
	Grid []Axis `yaml:"grid"`
	// Curve n has a row for every n inputs of an online algorithm, not only for the last; 0 for none.
	Curve int `yaml:"curve"`
	// Figures are what is drawn or tabled of the result.
	Figures []Figure `yaml:"figures"`

	source spec.Cursor
}

// What a sweep does with its points: plans them; plays them through the analytic model; emulates them, one after the other; or
// lists the ratio and overhead of every cut of their networks.
const (
	Schedule = "schedule"
	Simulate = "simulate"
	Emulate  = "run"
	Profile  = "profile"
)

func modes() spec.Choice {
	return spec.Choice{Schedule, Simulate, Emulate, Profile}
}

// Parse reads a sweep and checks each of its points. File is the name errors carry, and relative paths start from its
// directory. Every error is a *spec.Error.
func Parse(file string, data []byte) (*Sweep, error) {
	s := &Sweep{}
	if _, err := spec.Decode(file, data, s); err != nil {
		return nil, err
	}
	return s, nil
}

// UnmarshalSpec reads a sweep over its defaults and checks it, every point of it included.
func (s *Sweep) UnmarshalSpec(c spec.Cursor) error {
	type plain Sweep
	p := plain{Mode: Schedule, Attempts: 1, source: c}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*s = Sweep(p)
	return s.validate()
}

// In is the same sweep in another mode.
func (s *Sweep) In(mode string) (*Sweep, error) {
	other := *s
	other.Mode = mode
	if err := other.validate(); err != nil {
		return nil, fmt.Errorf("sweep %s in mode %s: %w", s.Name, mode, err)
	}
	return &other, nil
}

func (s *Sweep) validate() error {
	c := s.source
	if err := c.Field("name").CheckName(s.Name); err != nil {
		return err
	}
	if s.Experiment.tree.File() == "" {
		return c.Field("experiment").Errorf("a shipped name, a path, or an experiment", "is missing")
	}
	if err := modes().Check(c.Field("mode"), s.Mode); err != nil {
		return err
	}
	if s.Curve < 0 || s.Curve > 0 && s.Mode != Schedule {
		return c.Field("curve").Errorf("a number of inputs, in mode schedule", "%d is no distance between rows", s.Curve)
	}
	if s.Attempts < 1 {
		return c.Field("attempts").Errorf("a number of runs, at least 1", "%d runs show nothing", s.Attempts)
	}
	paths := spec.Unique{}
	points := 1
	for i, axis := range s.Grid {
		at := c.Field("grid").Index(i)
		for _, f := range axis.Fields {
			if err := paths.Add(at.Field(f.name), f.name, "a field of the grid"); err != nil {
				return err
			}
		}
		if points *= axis.len(); points > maxPoints {
			return at.Errorf("", "the grid has more than %d points", maxPoints)
		}
	}
	if err := s.checkPoints(); err != nil {
		return err
	}
	for i, f := range s.Figures {
		at := c.Field("figures").Index(i)
		if err := f.validate(at, s.columns()); err != nil {
			return err
		}
		if f.Kind == Lines && !s.numeric(f.X) {
			return at.Field("x").Errorf("a column of numbers; or kind: table", "%s has texts, which are no places on an axis", f.X)
		}
	}
	names := spec.Unique{}
	for i, f := range s.Figures {
		if err := names.Add(c.Field("figures").Index(i).Field("name"), f.Name, fmt.Sprintf("figure %d", i+1)); err != nil {
			return err
		}
	}
	return nil
}

// maxPoints is as many as a machine plans in a day; more are a slip.
const maxPoints = 100_000

// columns lists the columns of the sweep's table.
func (s *Sweep) columns() []string {
	var names []string
	for _, axis := range s.Grid {
		for _, f := range axis.Fields {
			names = append(names, f.name)
		}
	}
	for _, c := range outcomeColumns(s.Mode) {
		names = append(names, c.name)
	}
	return names
}

// numeric tells whether a column holds numbers.
func (s *Sweep) numeric(column string) bool {
	for _, axis := range s.Grid {
		for _, f := range axis.Fields {
			if f.name == column {
				_, text := f.values[0].label.(string)
				return !text
			}
		}
	}
	for _, c := range outcomeColumns(s.Mode) {
		if c.name == column {
			_, text := c.value(Outcome{}).(string)
			return !text
		}
	}
	return false
}

// base is the experiment that a sweep varies, as it stands in its file.
type base struct{ tree spec.Cursor }

// UnmarshalSpec reads a shipped name, a path, or an experiment, and keeps it undecoded.
func (b *base) UnmarshalSpec(c spec.Cursor) error {
	name, ok := c.Reference()
	if !ok {
		if len(c.Keys()) == 0 {
			return c.Wrong("a shipped name, a path, or an experiment")
		}
		b.tree = c.Root()
		return nil
	}
	file, data, err := testbed.ReadExperiment(c.Dir(), name)
	if err != nil {
		return c.Wrap(err)
	}
	b.tree, err = spec.Parse(file, data)
	return err
}

// Figure is one view of a sweep's table: a mean for every value of X and Series, with the 95 % interval of that mean over
// the other fields.
type Figure struct {
	// Name is that of its files.
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Kind is lines or table.
	Kind string `yaml:"kind"`
	// X, Y and Series are columns of the table.
	X      string `yaml:"x"`
	Y      string `yaml:"y"`
	Series string `yaml:"series"`
	// Reference is a column whose mean over all series is one more of them: what belongs to the problem, such as the bound.
	Reference string `yaml:"reference"`
	XLabel    string `yaml:"x_label"`
	YLabel    string `yaml:"y_label"`
	// Log has the Y axis logarithmic.
	Log bool `yaml:"log"`
}

// The kinds of figure. Both come as CSV, Lines as SVG too, Table as Markdown.
const (
	Lines = "lines"
	Table = "table"
)

// UnmarshalSpec reads a figure; lines unless it says otherwise.
func (f *Figure) UnmarshalSpec(c spec.Cursor) error {
	type plain Figure
	p := plain{Kind: Lines}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*f = Figure(p)
	return nil
}

func (f Figure) validate(c spec.Cursor, columns []string) error {
	if err := c.Field("name").CheckName(f.Name); err != nil {
		return err
	}
	if err := (spec.Choice{Lines, Table}).Check(c.Field("kind"), f.Kind); err != nil {
		return err
	}
	for _, column := range []struct {
		key, name string
		required  bool
	}{{"x", f.X, true}, {"y", f.Y, true}, {"series", f.Series, false}, {"reference", f.Reference, false}} {
		if column.name == "" && !column.required {
			continue
		}
		if !slices.Contains(columns, column.name) {
			at := c.Field(column.key)
			if column.name == "" {
				return at.Wrong(strings.Join(columns, ", "))
			}
			return at.Errorf(strings.Join(columns, ", "), "%q is no column of this sweep's table", spec.Clip(column.name))
		}
	}
	return nil
}
