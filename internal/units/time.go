package units

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	allowedSpans     = "a duration with its unit such as 250us, 200ms, 1.5s or 2m"
	allowedDilations = "a number of at least 1"
)

// ParseVirtual reads a span of virtual time as Go writes durations ("200ms"). A span may be negative; where
// that makes no sense the file's validation says so. Its error is an *Error.
func ParseVirtual(s string) (Virtual, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		problem := "is not a duration"
		if number, suffix, ok := split(strings.TrimLeft(s, "+-")); ok && suffix == "" && number != "" {
			problem = "has no unit"
		}
		return 0, &Error{s, problem, allowedSpans}
	}
	return Virtual(d), nil
}

// Seconds is the span in virtual seconds.
func (v Virtual) Seconds() float64 { return time.Duration(v).Seconds() }

// Duration is the span as a time.Duration of virtual time, for printing and arithmetic; the wall time it
// takes is Dilation.Wall.
func (v Virtual) Duration() time.Duration { return time.Duration(v) }

// String prints the span as Go writes durations.
func (v Virtual) String() string { return time.Duration(v).String() }

// MarshalText prints the span for YAML and JSON.
func (v Virtual) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is ParseVirtual. A bare number is refused in JSON too: it could be seconds or nanoseconds.
func (v *Virtual) UnmarshalText(text []byte) error { return unmarshalText(text, v, ParseVirtual) }

// ParseDilation reads a dilation: a plain number of at least 1. Its error is an *Error.
func ParseDilation(s string) (Dilation, error) {
	number, suffix, ok := split(s)
	if !ok || suffix != "" {
		return 0, &Error{s, "is not a dilation", allowedDilations}
	}
	v, ok := shifted(number, 0)
	switch {
	case !ok:
		return 0, &Error{s, "is too large a dilation", allowedDilations}
	case v < 1:
		return 0, &Error{s, "would run faster than the host can", allowedDilations}
	}
	return Dilation(v), nil
}

// auto is how a file writes the dilation 0: the smallest one that fits the host.
const auto = "auto"

// String prints the dilation as a plain number, and the zero Dilation as "auto".
func (d Dilation) String() string {
	if d == 0 {
		return auto
	}
	return strconv.FormatFloat(float64(d), 'f', -1, 64)
}

// MarshalYAML writes a number, or auto. In JSON a dilation is always a number.
func (d Dilation) MarshalYAML() (any, error) {
	if d == 0 {
		return auto, nil
	}
	return float64(d), nil
}

// UnmarshalText is ParseDilation, and reads "auto" as 0.
func (d *Dilation) UnmarshalText(text []byte) error {
	if string(text) == auto {
		*d = 0
		return nil
	}
	parsed, err := ParseDilation(string(text))
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Allowed = auto + ", or " + e.Allowed
		}
		return err
	}
	*d = parsed
	return nil
}

// UnmarshalJSON accepts a number and the string form.
func (d *Dilation) UnmarshalJSON(data []byte) error {
	return unmarshalJSON[float64](data, d, func(s string) (v Dilation, err error) {
		err = v.UnmarshalText([]byte(s))
		return v, err
	})
}

// Wall is the wall time a span of virtual time takes; held at the longest span where it does not fit.
func (d Dilation) Wall(v Virtual) time.Duration {
	return time.Duration(scaleSpan(int64(v), float64(d)))
}

// Virtual is the virtual time that passes in a span of wall time.
func (d Dilation) Virtual(w time.Duration) Virtual {
	return Virtual(scaleSpan(int64(w), 1/float64(d)))
}

// Rate is the rate to give a link on the host so that it has rate r in virtual time.
func (d Dilation) Rate(r Rate) Rate { return r / Rate(d) }

// FLOPS is the compute to give a node on the host so that it has f in virtual time.
func (d Dilation) FLOPS(f FLOPS) FLOPS { return f / FLOPS(d) }

// scaleSpan multiplies nanoseconds by a factor, exactly where the factor is 1 and otherwise to the 53 bits of a float
// (1 ns in 104 days), held at the longest span.
func scaleSpan(ns int64, factor float64) int64 {
	if factor == 1 {
		return ns
	}
	product := float64(ns) * factor
	switch {
	case math.IsNaN(product):
		return 0
	case product >= math.MaxInt64:
		return math.MaxInt64
	case product <= math.MinInt64:
		return math.MinInt64
	}
	return int64(math.Round(product))
}
