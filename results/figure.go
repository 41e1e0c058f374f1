package results

import (
	"encoding/json"
	"math"
)

// Figure is a number of a summary that may be absent: NaN, which JSON writes as null. Infinities are
// written as null too.
type Figure float64

// Absent is the figure that was not measured.
func Absent() Figure { return Figure(math.NaN()) }

// Known says whether the figure is there.
func (f Figure) Known() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// MarshalJSON writes the number or null.
func (f Figure) MarshalJSON() ([]byte, error) {
	if !f.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads a number or null.
func (f *Figure) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*f = Absent()
		return nil
	}
	return json.Unmarshal(text, (*float64)(f))
}
