package sweep

import (
	"reflect"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/results"
)

// Outcome is a row of a sweep's table without the point's fields. A point has one, or several: one for every step
// of a curve, or one for every cut of every network. The tag "in" lists the modes whose table has the column.
type Outcome struct {
	Algorithm string `json:"algorithm,omitempty" in:"schedule simulate run"`
	// Inputs is how many of the tasks had arrived: all of them, but on a curve.
	Inputs   int64 `json:"inputs,omitempty" in:"schedule"`
	Tasks    int64 `json:"tasks,omitempty" in:"schedule simulate run"`
	Deployed int64 `json:"deployed" in:"schedule simulate run"`
	// Bound and Gap are about all tasks.
	Bound results.Figure `json:"bound" in:"schedule simulate run"`
	Gap   results.Figure `json:"gap" in:"schedule simulate run"`
	// Seconds is the wall time of planning, or of the run.
	Seconds results.Figure `json:"seconds" in:"schedule simulate run"`

	Verdict string `json:"verdict,omitempty" in:"simulate run"`
	Frames  int64  `json:"frames,omitempty" in:"simulate run"`
	// OnTime is the share of frames within the deadline, Low and High its 95 % interval.
	OnTime results.Figure `json:"on_time" in:"simulate run"`
	Low    results.Figure `json:"on_time_low" in:"simulate run"`
	High   results.Figure `json:"on_time_high" in:"simulate run"`
	P50    results.Figure `json:"p50_s" in:"simulate run"`
	P95    results.Figure `json:"p95_s" in:"simulate run"`
	P99    results.Figure `json:"p99_s" in:"simulate run"`
	// Directory is the run's, relative to the sweep's.
	Directory string `json:"directory,omitempty" in:"simulate run"`

	Network string `json:"network,omitempty" in:"profile"`
	Cut     int64  `json:"k,omitempty" in:"profile"`
	Layer   string `json:"layer,omitempty" in:"profile"`
	// Ratio is bytes after layer k ÷ bytes of the encoded picture, Overhead operations of layers 1..k per byte of it.
	Ratio    results.Figure `json:"ratio" in:"profile"`
	Overhead results.Figure `json:"overhead" in:"profile"`

	// Error says why the point has no result.
	Error string `json:"error,omitempty" in:"schedule simulate run profile"`
}

// noOutcome is the row of a point that failed.
func noOutcome(err error) Outcome {
	o := Outcome{Error: err.Error()}
	v := reflect.ValueOf(&o).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Float64 {
			v.Field(i).SetFloat(float64(results.Absent()))
		}
	}
	return o
}

// outcomeColumn is a column that an Outcome has a value for.
type outcomeColumn struct {
	name  string
	field int
}

// outcomeColumns lists the columns of a mode.
func outcomeColumns(mode string) []outcomeColumn {
	var out []outcomeColumn
	t := reflect.TypeFor[Outcome]()
	for i := range t.NumField() {
		f := t.Field(i)
		if slices.Contains(strings.Fields(f.Tag.Get("in")), mode) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out = append(out, outcomeColumn{name, i})
		}
	}
	return out
}

// value is what an outcome has in the column: a string, int64 or float64.
func (c outcomeColumn) value(o Outcome) any {
	switch v := reflect.ValueOf(o).Field(c.field); v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int64:
		return v.Int()
	default:
		return v.Float()
	}
}
