package units

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Error is the refusal of a text that is not a quantity of the wanted kind.
type Error struct {
	// Text is what was given, Problem what is wrong with it, Allowed what may stand there instead.
	Text, Problem, Allowed string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%q: %s; allowed: %s", clip(e.Text), e.Problem, e.Allowed)
}

// clip keeps a message readable when a whole file was pasted where a value belongs.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// scale is one unit of a quantity: a suffix and the power of ten it stands for.
type scale struct {
	suffix string
	exp    int
}

// split cuts a text into an unsigned decimal number and the suffix behind it. ok is false where the text
// does not begin with a number.
func split(s string) (number, suffix string, ok bool) {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	end := digits(0)
	if end == 0 {
		return "", "", false
	}
	if end < len(s) && s[end] == '.' {
		frac := digits(end + 1)
		if frac == end+1 {
			return "", "", false
		}
		end = frac
	}
	return s[:end], s[end:], true
}

// shifted reads number × 10^exp with one rounding, so that what shift printed is read back exactly.
func shifted(number string, exp int) (float64, bool) {
	v, err := strconv.ParseFloat(number+"e"+strconv.Itoa(exp), 64)
	return v, err == nil
}

// shift prints v / 10^exp as a plain decimal without rounding v.
func shift(v float64, exp int) string {
	mantissa, power, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	p, err := strconv.Atoi(power)
	if err != nil { // NaN and Inf have no exponent
		return mantissa
	}
	return place(strings.Replace(mantissa, ".", "", 1), p-exp)
}

// place puts the decimal point into a row of digits whose first one counts 10^exp.
func place(digits string, exp int) string {
	switch point := exp + 1; {
	case point <= 0:
		return "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return digits + strings.Repeat("0", point-len(digits))
	default:
		return digits[:point] + "." + digits[point:]
	}
}

// printScaled prints v in the largest of the scales (largest first) that it reaches.
func printScaled(v float64, scales []scale) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'g', -1, 64)
	case v < 0:
		return "-" + printScaled(-v, scales)
	case v == 0:
		return "0" + scales[0].suffix
	}
	for _, s := range scales[:len(scales)-1] {
		if v >= math.Pow10(s.exp) {
			return shift(v, s.exp) + s.suffix
		}
	}
	smallest := scales[len(scales)-1]
	return shift(v, smallest.exp) + smallest.suffix
}

// unmarshalText reads a text through parse and leaves v as it is on an error.
func unmarshalText[T any](text []byte, v *T, parse func(string) (T, error)) error {
	parsed, err := parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// unmarshalJSON reads a JSON string through parse; a JSON number is taken as it stands, in base units. Base is T's underlying
// type, which reads numbers without coming back here.
func unmarshalJSON[Base float64 | int64, T ~float64 | ~int64](data []byte, v *T, parse func(string) (T, error)) error {
	if len(data) == 0 || data[0] != '"' {
		var number Base
		if err := json.Unmarshal(data, &number); err != nil {
			return err
		}
		*v = T(number)
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return unmarshalText([]byte(text), v, parse)
}
