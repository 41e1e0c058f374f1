package sweep

import (
	"fmt"

	"github.com/splitbed/splitbed/results"
)

// table is the rows of all points.
type table struct {
	sweep *Sweep
	rows  []row
}

// row is an outcome with the point it belongs to.
type row struct {
	point   point
	outcome Outcome
}

// table gathers what the log has of the points and the failures, in the order of the grid.
func (r *runner) table(jobs []job) table {
	t := table{sweep: r.sweep}
	for _, j := range jobs {
		outcomes, ok := r.log.rows(j.key)
		if !ok {
			outcomes = []Outcome{noOutcome(r.failed[j.key])}
		}
		for _, o := range outcomes {
			t.rows = append(t.rows, row{j.point, o})
		}
	}
	return t
}

// column returns what reads a column of a row.
func (t table) column(name string) func(row) any {
	n := 0
	for _, axis := range t.sweep.Grid {
		for _, f := range axis.Fields {
			if f.name == name {
				at := n
				return func(r row) any { return r.point.fields[at].value.label }
			}
			n++
		}
	}
	for _, c := range outcomeColumns(t.sweep.Mode) {
		if c.name == name {
			return func(r row) any { return c.value(r.outcome) }
		}
	}
	return func(row) any { return "" }
}

// write makes the Parquet file: the fields of the grid by their paths, then what was measured.
func (t table) write(path string) error {
	var columns []results.Column
	for _, name := range t.sweep.columns() {
		of := t.column(name)
		values := make([]any, len(t.rows))
		for i, r := range t.rows {
			values[i] = of(r)
		}
		columns = append(columns, typedColumn(name, values))
	}
	return results.WriteColumns(path, columns)
}

// typedColumn has values that are all of one type, or else texts.
func typedColumn(name string, values []any) results.Column {
	if out, ok := allOf[int64](values); ok {
		return results.Column{Name: name, Values: out}
	}
	if out, ok := allOf[float64](values); ok {
		return results.Column{Name: name, Values: out}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return results.Column{Name: name, Values: texts}
}

func allOf[T any](values []any) ([]T, bool) {
	out := make([]T, len(values))
	for i, v := range values {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		out[i] = t
	}
	return out, true
}
