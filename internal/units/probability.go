package units

const allowedProbability = "0 to 1 as a fraction (0.001) or a percentage (0.1%)"

// ParseProbability reads a chance as a percentage ("0.1%") or a fraction ("0.001"). Its error is an *Error.
func ParseProbability(s string) (Probability, error) {
	number, suffix, ok := split(s)
	if !ok || (suffix != "" && suffix != "%") {
		return 0, &Error{s, "is not a probability", allowedProbability}
	}
	exp := 0
	if suffix == "%" {
		exp = -2
	}
	v, ok := shifted(number, exp)
	if !ok || v > 1 {
		return 0, &Error{s, "is more than certain", allowedProbability}
	}
	return Probability(v), nil
}

// String prints the chance as a percentage that ParseProbability reads back as the same value.
func (p Probability) String() string {
	return printScaled(float64(p), []scale{{"%", -2}})
}

// MarshalText prints the chance for YAML and JSON.
func (p Probability) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParseProbability.
func (p *Probability) UnmarshalText(text []byte) error {
	return unmarshalText(text, p, ParseProbability)
}

// UnmarshalJSON accepts the string form and a fraction.
func (p *Probability) UnmarshalJSON(data []byte) error {
	return unmarshalJSON[float64](data, p, ParseProbability)
}
