package units

import "strings"

const allowedFLOPS = "floating-point operations per second such as 500MFLOPS, 290GFLOPS or 1.2TFLOPS"

var flopsScales = []scale{{"GFLOPS", 9}, {"MFLOPS", 6}, {"kFLOPS", 3}, {"FLOPS", 0}}

func flopsExponent(suffix string) (int, bool) {
	switch suffix {
	case "FLOPS":
		return 0, true
	case "kFLOPS":
		return 3, true
	case "MFLOPS":
		return 6, true
	case "GFLOPS":
		return 9, true
	case "TFLOPS":
		return 12, true
	}
	return 0, false
}

// ParseFLOPS reads a compute rate: a decimal number followed by FLOPS, kFLOPS, MFLOPS, GFLOPS or TFLOPS. Its
// error is an *Error.
func ParseFLOPS(s string) (FLOPS, error) {
	number, suffix, ok := split(s)
	if !ok {
		return 0, &Error{s, "is not a compute rate", allowedFLOPS}
	}
	exp, ok := flopsExponent(suffix)
	if !ok {
		problem := suffix + " is not a unit of compute"
		switch {
		case suffix == "":
			problem = "has no unit"
		case strings.HasSuffix(strings.ToLower(suffix), "flops"), strings.HasSuffix(strings.ToLower(suffix), "flop/s"):
			problem = suffix + " is not how the unit is written"
		}
		return 0, &Error{s, problem, allowedFLOPS}
	}
	v, ok := shifted(number, exp)
	if !ok {
		return 0, &Error{s, "is too large a compute rate", allowedFLOPS}
	}
	return FLOPS(v), nil
}

// String prints the compute rate so that ParseFLOPS reads the same value back.
func (f FLOPS) String() string { return printScaled(float64(f), flopsScales) }

// MarshalText prints the compute rate for YAML and JSON.
func (f FLOPS) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is ParseFLOPS.
func (f *FLOPS) UnmarshalText(text []byte) error { return unmarshalText(text, f, ParseFLOPS) }

// UnmarshalJSON accepts the string form and a number of operations per second.
func (f *FLOPS) UnmarshalJSON(data []byte) error { return unmarshalJSON[float64](data, f, ParseFLOPS) }
