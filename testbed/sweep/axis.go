package sweep

import (
	"encoding/json"
	"fmt"

	"github.com/splitbed/splitbed/internal/spec"
)

// Axis is one direction of the grid: fields of the experiment that vary together, each with as many values as the others.
type Axis struct{ Fields []Field }

// Field is a field of the experiment and the values it takes.
type Field struct {
	name   string // as the file writes it, and the table's column
	path   spec.Path
	values []value
}

// value is one value of a field: what is set, and what the table says.
type value struct {
	tree  spec.Cursor
	label any // a string, int64 or float64
}

const allowedValues = "a list of values, or {from: 1, to: 20} or {from: 20, to: 90, step: 10}"

// UnmarshalSpec reads a mapping of paths to lists or ranges of values.
func (a *Axis) UnmarshalSpec(c spec.Cursor) error {
	if len(c.Keys()) == 0 {
		return c.Wrong("fields of the experiment with their values, such as scheduler.algorithm: [layer, fixed:2]")
	}
	for _, name := range c.Keys() {
		at := c.Field(name)
		path, err := spec.ParsePath(name)
		if err != nil {
			return at.Wrap(err)
		}
		values, err := readValues(at)
		if err != nil {
			return err
		}
		a.Fields = append(a.Fields, Field{name, path, values})
		if first := a.Fields[0]; len(values) != len(first.values) {
			return at.Errorf("", "has %d values and %s beside it %d; fields of one entry of the grid vary together",
				len(values), first.name, len(first.values))
		}
	}
	return nil
}

func (a Axis) len() int { return len(a.Fields[0].values) }

func readValues(c spec.Cursor) ([]value, error) {
	if len(c.Keys()) > 0 {
		return readRange(c)
	}
	if c.Len() == 0 {
		return nil, c.Errorf(allowedValues, "has no values")
	}
	values := make([]value, c.Len())
	for i := range values {
		at := c.Index(i)
		if at.Has("label") && at.Has("value") {
			var name string
			if err := at.Field("label").Decode(&name); err != nil {
				return nil, err
			}
			if len(at.Keys()) != 2 {
				return nil, at.Errorf("", "has more keys than label and value")
			}
			values[i] = value{at.Field("value"), name}
			continue
		}
		label, err := label(at)
		if err != nil {
			return nil, err
		}
		values[i] = value{at, label}
	}
	return unify(values), nil
}

// readRange reads whole numbers from one to another, both included.
func readRange(c spec.Cursor) ([]value, error) {
	r := struct {
		From int64 `yaml:"from"`
		To   int64 `yaml:"to"`
		Step int64 `yaml:"step"`
	}{Step: 1}
	if err := c.Decode(&r); err != nil {
		return nil, err
	}
	if !c.Has("from") || !c.Has("to") {
		return nil, c.Errorf(allowedValues, "needs from and to")
	}
	if r.Step < 1 || r.To < r.From || uint64(r.To)-uint64(r.From) >= maxPoints*uint64(r.Step) {
		return nil, c.Errorf(fmt.Sprintf("from at most to, a step of at least 1, and at most %d values", maxPoints),
			"%d to %d in steps of %d is no range", r.From, r.To, r.Step)
	}
	var values []value
	for n := range (r.To-r.From)/r.Step + 1 {
		at := r.From + n*r.Step
		values = append(values, value{c.Integer(at), at})
	}
	return values, nil
}

// label is what the table says of a value: a number or a text as it is, anything else as JSON.
func label(c spec.Cursor) (any, error) {
	v, err := c.Value()
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return nil, c.Wrong("a value")
	case string, int64, float64:
		return v, nil
	}
	text, err := json.Marshal(v)
	return string(text), c.Wrap(err)
}

// unify makes the labels of a field one type: numbers, if all are, else texts.
func unify(values []value) []value {
	numbers, whole := true, true
	for _, v := range values {
		switch v.label.(type) {
		case string:
			numbers = false
		case float64:
			whole = false
		}
	}
	for i, v := range values {
		n, isWhole := v.label.(int64)
		switch {
		case !numbers:
			values[i].label = fmt.Sprint(v.label)
		case isWhole && !whole:
			values[i].label = float64(n)
		}
	}
	return values
}
