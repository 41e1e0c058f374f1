package units

import (
	"math"
	"strings"
	"time"
)

const allowedRates = "bits per second such as 500kbit, 10Mbps or 1Gbps"

// rateScales are the printed forms, largest first.
var rateScales = []scale{{"Gbps", 9}, {"Mbps", 6}, {"kbit", 3}, {"bit", 0}}

// rateExponent maps every spelling of a unit of rate to its power of ten. With "bps" the prefix is a
// capital letter, because tc reads the lower-case forms as bytes per second.
func rateExponent(suffix string) (int, bool) {
	switch suffix {
	case "bit":
		return 0, true
	case "kbit", "Kbit", "Kbps":
		return 3, true
	case "mbit", "Mbit", "Mbps":
		return 6, true
	case "gbit", "Gbit", "Gbps":
		return 9, true
	case "tbit", "Tbit", "Tbps":
		return 12, true
	}
	return 0, false
}

// ParseRate reads a rate in bits per second: a decimal number followed by Kbps, Mbps, Gbps or Tbps, or by bit, kbit,
// mbit, gbit or tbit. Nothing it accepts means bytes. Its error is an *Error.
func ParseRate(s string) (Rate, error) {
	number, suffix, ok := split(s)
	if !ok {
		return 0, &Error{s, "is not a rate", allowedRates}
	}
	exp, ok := rateExponent(suffix)
	if !ok {
		return 0, &Error{s, rateProblem(suffix), allowedRates}
	}
	v, ok := shifted(number, exp)
	if !ok {
		return 0, &Error{s, "is too large a rate", allowedRates}
	}
	return Rate(v), nil
}

func rateProblem(suffix string) string {
	lower := strings.ToLower(suffix)
	switch {
	case suffix == "":
		return "has no unit"
	case suffix == lower && strings.HasSuffix(suffix, "bps") && len(suffix) <= len("mbps"):
		prefix := map[string]string{"k": "kilo", "m": "mega", "g": "giga", "t": "tera"}[strings.TrimSuffix(suffix, "bps")]
		return "tc reads " + suffix + " as " + prefix + "bytes per second, and a rate is in bits"
	case strings.HasSuffix(suffix, "B/s") || strings.HasSuffix(suffix, "Bps") || strings.HasSuffix(suffix, "B"):
		return suffix + " is bytes, and a rate is in bits per second"
	case lower == "kbit" || lower == "mbit" || lower == "gbit" || strings.HasSuffix(lower, "bps"):
		return suffix + " is not how the unit is written"
	}
	return suffix + " is not a unit of rate"
}

// String prints the rate so that ParseRate reads the same value back.
func (r Rate) String() string { return printScaled(float64(r), rateScales) }

// MarshalText prints the rate for YAML and JSON. A rate that no link can give (+Inf) prints as "+Inf".
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(text []byte) error { return unmarshalText(text, r, ParseRate) }

// UnmarshalJSON accepts the string form, a number of bits per second, and the "+Inf" MarshalText prints.
func (r *Rate) UnmarshalJSON(data []byte) error {
	return unmarshalJSON[float64](data, r, func(s string) (Rate, error) {
		if s == "+Inf" {
			return Rate(math.Inf(1)), nil
		}
		return ParseRate(s)
	})
}

// Time is how long b bytes take at this rate: 8·b/r. It is the longest span there is when the rate is
// zero or the figure does not fit.
func (r Rate) Time(b Bytes) Virtual {
	return seconds(8 * float64(b) / float64(r))
}

// seconds converts to a span, held at the longest one where it does not fit (NaN: 0/0 bytes, no time).
func seconds(s float64) Virtual {
	ns := s * float64(time.Second)
	switch {
	case math.IsNaN(ns):
		return 0
	case ns >= math.MaxInt64:
		return math.MaxInt64
	case ns <= math.MinInt64:
		return math.MinInt64
	}
	return Virtual(math.Round(ns))
}
