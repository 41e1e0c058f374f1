package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// Number is what a [Distribution] draws.
type Number interface{ ~int64 | ~float64 }

// Distribution is what a number is drawn from. The zero Kind is a constant, Low equal to High, or every value from Low to
// High alike.
type Distribution[T Number] struct {
	Kind string
	// Low and High bound what is drawn.
	Low, High T
	// Centre is the mean of a Normal and an Exponential distribution, the median of a Lognormal one.
	Centre T
	// Deviation is a Normal distribution's standard deviation, Sigma that of a Lognormal one's natural logarithm.
	Deviation T
	Sigma     float64
	// Choices are the values of a Choice.
	Choices []Weighted[T]
}

// Weighted is a value that is drawn as often as its share of all weights.
type Weighted[T Number] struct {
	Value  T
	Weight float64
}

// The kinds of distribution beside the uniform one.
const (
	Normal      = "normal"
	Lognormal   = "lognormal"
	Exponential = "exponential"
	OneOf       = "choice"
)

// Constant is the distribution of one value.
func Constant[T Number](v T) Distribution[T] { return Distribution[T]{Low: v, High: v} }

// ParseRange reads a constant ("10Mbps"), or two values with all between them alike ("10Mbps..1Gbps").
func ParseRange[T Number](text string, parse func(string) (T, error)) (d Distribution[T], err error) {
	low, high, ranges := strings.Cut(text, "..")
	if !ranges {
		high = low
	}
	if d.Low, err = parse(low); err != nil {
		return d, err
	}
	if d.High, err = parse(high); err != nil {
		return d, err
	}
	if d.Low > d.High {
		return d, fmt.Errorf("%v is above %v; the lower value comes first", d.Low, d.High)
	}
	return d, nil
}

// tail is the part of a distribution without bounds of its own that is cut off at either end.
const tail = 0.0005

// distributionFile is how a distribution is written, a constant apart.
type distributionFile[T Number] struct {
	Uniform []T `yaml:"uniform,flow,omitempty"`
	Normal  *struct {
		Mean      T `yaml:"mean"`
		Deviation T `yaml:"deviation"`
	} `yaml:"normal,flow,omitempty"`
	Lognormal *struct {
		Median T       `yaml:"median"`
		Sigma  float64 `yaml:"sigma"`
	} `yaml:"lognormal,flow,omitempty"`
	Exponential *struct {
		Mean T `yaml:"mean"`
	} `yaml:"exponential,flow,omitempty"`
	Choice weights[T] `yaml:"choice,flow,omitempty"`
	Within []T        `yaml:"within,flow,omitempty"`
}

// AllowedDistributions says in an error what may stand for a number that is drawn.
const AllowedDistributions = "a constant, {uniform: [low, high]}, {normal: {mean, deviation}}, {lognormal: {median, sigma}}, " +
	"{exponential: {mean}}, each also with within: [low, high], or {choice: [a, b, …]}"

// UnmarshalSpec reads a constant or a distribution.
func (d *Distribution[T]) UnmarshalSpec(c Cursor) error {
	if _, constant := c.Scalar(); constant {
		var v T
		err := c.Decode(&v)
		*d = Constant(v)
		return err
	}
	var f distributionFile[T]
	if err := c.Decode(&f); err != nil {
		return err
	}
	kinds := 0
	for _, key := range c.Keys() {
		if key != "within" {
			kinds++
		}
	}
	if kinds != 1 {
		return c.Errorf(AllowedDistributions, "names %d distributions, not one", kinds)
	}
	out, err := f.distribution(c)
	if err != nil {
		return err
	}
	*d = out
	return d.bound(c, f.Within)
}

func (f distributionFile[T]) distribution(c Cursor) (Distribution[T], error) {
	var d Distribution[T]
	switch {
	case f.Normal != nil:
		d = Distribution[T]{Kind: Normal, Centre: f.Normal.Mean, Deviation: f.Normal.Deviation}
		if !(d.Deviation > 0) {
			return d, c.Field(Normal).Field("deviation").Errorf("above 0", "%v is no deviation", d.Deviation)
		}
	case f.Lognormal != nil:
		d = Distribution[T]{Kind: Lognormal, Centre: f.Lognormal.Median, Sigma: f.Lognormal.Sigma}
		if !(d.Sigma > 0 && d.Sigma <= 10) {
			return d, c.Field(Lognormal).Field("sigma").Errorf("above 0, at most 10", "%v is no deviation of a logarithm", d.Sigma)
		}
		if !(d.Centre > 0) {
			return d, c.Field(Lognormal).Field("median").Errorf("above 0", "%v is no median", d.Centre)
		}
	case f.Exponential != nil:
		d = Distribution[T]{Kind: Exponential, Centre: f.Exponential.Mean}
		if !(d.Centre > 0) {
			return d, c.Field(Exponential).Field("mean").Errorf("above 0", "%v is no mean", d.Centre)
		}
	case len(f.Choice) > 0:
		d = Distribution[T]{Kind: OneOf, Choices: f.Choice, Low: f.Choice[0].Value, High: f.Choice[0].Value}
		for _, v := range f.Choice {
			d.Low, d.High = min(d.Low, v.Value), max(d.High, v.Value)
		}
	default:
		at := c.Field("uniform")
		if len(f.Uniform) != 2 {
			return d, at.Wrong("two values, [low, high]")
		}
		if f.Uniform[0] > f.Uniform[1] {
			return d, at.Errorf("[low, high]", "the first value is above the second")
		}
		d = Distribution[T]{Low: f.Uniform[0], High: f.Uniform[1]}
	}
	return d, nil
}

// bound sets the ends of a distribution that has none of its own: what the file says, or all but a thousandth of it.
func (d *Distribution[T]) bound(c Cursor, within []T) error {
	at := c.Field("within")
	switch d.Kind {
	case "", OneOf:
		if len(within) > 0 {
			return at.Errorf("only beside normal, lognormal and exponential", "does not belong here")
		}
		return nil
	}
	if len(within) == 0 {
		d.Low, d.High = T(d.quantile(tail)), T(d.quantile(1-tail))
		return nil
	}
	if len(within) != 2 || within[0] >= within[1] {
		return at.Errorf("[low, high]", "is no range")
	}
	d.Low, d.High = within[0], within[1]
	if d.below(float64(d.High))-d.below(float64(d.Low)) < tail {
		return at.Errorf("a range the distribution reaches", "less than %g of the distribution lies there", tail)
	}
	return nil
}

// Draw turns a number drawn evenly from [0,1) into one of the distribution, as its quantile function does: a larger u gives
// no smaller a number.
func (d Distribution[T]) Draw(u float64) float64 {
	low, high := float64(d.Low), float64(d.High)
	switch d.Kind {
	case OneOf:
		sum := 0.0
		for _, v := range d.Choices {
			sum += v.Weight
		}
		at := u * sum
		for _, v := range d.Choices {
			if at -= v.Weight; at < 0 {
				return float64(v.Value)
			}
		}
		return float64(d.Choices[len(d.Choices)-1].Value)
	case Normal, Lognormal, Exponential:
		from, to := d.below(low), d.below(high)
		return math.Min(high, math.Max(low, d.quantile(from+u*(to-from))))
	}
	return low + u*(high-low)
}

// Constant tells whether nothing is drawn.
func (d Distribution[T]) Constant() bool { return d.Kind == "" && d.Low == d.High }

// quantile is the value below which the part p of the distribution lies, bounds apart.
func (d Distribution[T]) quantile(p float64) float64 {
	switch normal := math.Sqrt2 * math.Erfinv(2*p-1); d.Kind {
	case Normal:
		return float64(d.Centre) + float64(d.Deviation)*normal
	case Lognormal:
		return float64(d.Centre) * math.Exp(d.Sigma*normal)
	}
	return -float64(d.Centre) * math.Log1p(-p)
}

// below is the part of the distribution that lies below v, bounds apart.
func (d Distribution[T]) below(v float64) float64 {
	normal := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	switch {
	case d.Kind == Normal:
		return normal((v - float64(d.Centre)) / float64(d.Deviation))
	case v <= 0:
		return 0
	case d.Kind == Lognormal:
		return normal(math.Log(v/float64(d.Centre)) / d.Sigma)
	}
	return -math.Expm1(-v / float64(d.Centre))
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (d Distribution[T]) MarshalYAML() (any, error) {
	var f distributionFile[T]
	switch d.Kind {
	case "":
		if d.Constant() {
			return d.Low, nil
		}
		f.Uniform = []T{d.Low, d.High}
		return f, nil
	case OneOf:
		f.Choice = d.Choices
		return f, nil
	case Normal:
		f.Normal = &struct {
			Mean      T `yaml:"mean"`
			Deviation T `yaml:"deviation"`
		}{d.Centre, d.Deviation}
	case Lognormal:
		f.Lognormal = &struct {
			Median T       `yaml:"median"`
			Sigma  float64 `yaml:"sigma"`
		}{d.Centre, d.Sigma}
	case Exponential:
		f.Exponential = &struct {
			Mean T `yaml:"mean"`
		}{d.Centre}
	}
	f.Within = []T{d.Low, d.High}
	return f, nil
}

// weights are written as a list of values, or as a mapping of values to weights.
type weights[T Number] []Weighted[T]

const allowedWeights = "a list such as [a, b], or weights such as {a: 3, b: 1}"

func (w *weights[T]) UnmarshalSpec(c Cursor) error {
	*w = nil
	for i := range c.Len() {
		v := Weighted[T]{Weight: 1}
		if err := c.Index(i).Decode(&v.Value); err != nil {
			return err
		}
		*w = append(*w, v)
	}
	for _, key := range c.Keys() {
		var v Weighted[T]
		if err := c.keyed(key).Decode(&v.Value); err != nil {
			return err
		}
		weight, err := c.Field(key).Weight()
		if err != nil {
			return err
		}
		v.Weight = weight
		*w = append(*w, v)
	}
	if len(*w) == 0 {
		return c.Wrong(allowedWeights)
	}
	return nil
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (w weights[T]) MarshalYAML() (any, error) {
	var values []T
	var weighted yaml.MapSlice
	even := true
	for _, v := range w {
		text, err := yaml.Marshal(v.Value)
		if err != nil {
			return nil, err
		}
		values = append(values, v.Value)
		weighted = append(weighted, yaml.MapItem{Key: strings.TrimSpace(string(text)), Value: v.Weight})
		even = even && v.Weight == 1
	}
	if even {
		return values, nil
	}
	return weighted, nil
}

// Weight reads a number above 0 that says how often something is drawn.
func (c Cursor) Weight() (float64, error) {
	var w float64
	if err := c.Decode(&w); err != nil {
		return 0, err
	}
	if !(w > 0 && w <= 1e9) {
		return 0, c.Errorf("above 0", "%v is no weight", w)
	}
	return w, nil
}

// keyed is a mapping's key as a value of its own.
func (c Cursor) keyed(key string) Cursor {
	at := c.Field(key)
	text := &node{kind: scalar, file: c.File(), text: key, line: c.near.line, column: c.near.column}
	if _, err := strconv.ParseFloat(key, 64); err == nil {
		text.typed = true
	}
	at.node = text
	return at
}

// String is the distribution as a person reads it in a message.
func (d Distribution[T]) String() string {
	switch {
	case d.Constant():
		return fmt.Sprint(d.Low)
	case d.Kind == "":
		return fmt.Sprintf("uniform from %v to %v", d.Low, d.High)
	}
	return fmt.Sprintf("%s from %v to %v", d.Kind, d.Low, d.High)
}
