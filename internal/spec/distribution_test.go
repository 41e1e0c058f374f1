package spec

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

func distribution(text string) (Distribution[units.Rate], error) {
	c, err := Parse("f.yaml", []byte(text))
	var d Distribution[units.Rate]
	if err == nil {
		err = c.Field("r").Decode(&d)
	}
	return d, err
}

func TestDistributionsHaveBounds(t *testing.T) {
	for text, want := range map[string]string{
		"r: 10Mbps":                             "10Mbps",
		"r: {uniform: [10Mbps, 1Gbps]}":         "uniform from 10Mbps to 1Gbps",
		"r: {choice: [10Mbps, 1Mbps, 20Mbps]}":  "choice from 1Mbps to 20Mbps",
		"r: {choice: {10Mbps: 3, 20Mbps: 0.5}}": "choice from 10Mbps to 20Mbps",
		"r: {normal: {mean: 10Mbps, deviation: 1Mbps}, within: [8Mbps, 11Mbps]}": "normal from 8Mbps to 11Mbps",
		"r: {exponential: {mean: 10Mbps}, within: [1Mbps, 50Mbps]}":              "exponential from 1Mbps to 50Mbps",

		"r: {uniform: [10Mbps]}":                                               "f.yaml:1: r.uniform: a list does not belong here; allowed: two values, [low, high]",
		"r: {uniform: [1Gbps, 1Mbps]}":                                         "f.yaml:1: r.uniform: the first value is above the second; allowed: [low, high]",
		"r: {gamma: [1Gbps, 1Mbps]}":                                           "f.yaml:1: r.gamma: unknown key; allowed: uniform, normal, lognormal, exponential, choice, within",
		"r: {uniform: [10Mbps, 10mbps]}":                                       `f.yaml:1: r.uniform[1]: "10mbps": tc reads mbps as megabytes per second, and a rate is in bits; allowed: bits per second such as 500kbit, 10Mbps or 1Gbps`,
		"r: {within: [1Mbps, 2Mbps]}":                                          "f.yaml:1: r: names 0 distributions, not one; allowed: " + AllowedDistributions,
		"r: {choice: [1Mbps], exponential: {mean: 1Mbps}}":                     "f.yaml:1: r: names 2 distributions, not one; allowed: " + AllowedDistributions,
		"r: {normal: {mean: 10Mbps, deviation: 0bit}}":                         "f.yaml:1: r.normal.deviation: 0Gbps is no deviation; allowed: above 0",
		"r: {lognormal: {median: 1Mbps, sigma: 11}}":                           "f.yaml:1: r.lognormal.sigma: 11 is no deviation of a logarithm; allowed: above 0, at most 10",
		"r: {lognormal: {sigma: 1}}":                                           "f.yaml:1: r.lognormal.median: 0Gbps is no median; allowed: above 0",
		"r: {exponential: {mean: 0bit}}":                                       "f.yaml:1: r.exponential.mean: 0Gbps is no mean; allowed: above 0",
		"r: {exponential: {mean: 1Mbps}, within: [2Mbps, 1Mbps]}":              "f.yaml:1: r.within: is no range; allowed: [low, high]",
		"r: {normal: {mean: 1Mbps, deviation: 1kbit}, within: [2Mbps, 3Mbps]}": "f.yaml:1: r.within: less than 0.0005 of the distribution lies there; allowed: a range the distribution reaches",
		"r: {uniform: [1Mbps, 2Mbps], within: [1Mbps, 2Mbps]}":                 "f.yaml:1: r.within: does not belong here; allowed: only beside normal, lognormal and exponential",
		"r: {choice: []}":                                                      "f.yaml:1: r.choice: a list does not belong here; allowed: a list such as [a, b], or weights such as {a: 3, b: 1}",
		"r: {choice: {1Mbps: -1}}":                                             "f.yaml:1: r.choice.1Mbps: -1 is no weight; allowed: above 0",
		"r: {choice: {1mbps: 1}}":                                              `f.yaml:1: r.choice.1mbps: "1mbps": tc reads mbps as megabytes per second, and a rate is in bits; allowed: bits per second such as 500kbit, 10Mbps or 1Gbps`,
	} {
		d, err := distribution(text)
		got := fmt.Sprint(d)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

// Numbers drawn at evenly spaced u have the distribution's own mean and deviation.
func TestDistributionsDrawWhatTheySay(t *testing.T) {
	const n = 100_000
	for _, tc := range []struct {
		text            string
		mean, deviation float64 // in Mb/s
	}{
		{"r: 10Mbps", 10, 0},
		{"r: {uniform: [10Mbps, 40Mbps]}", 25, 30 / math.Sqrt(12)},
		{"r: {normal: {mean: 100Mbps, deviation: 10Mbps}}", 100, 10},
		{"r: {lognormal: {median: 10Mbps, sigma: 0.5}}", 10 * math.Exp(0.125), 10 * math.Exp(0.125) * math.Sqrt(math.Expm1(0.25))},
		{"r: {exponential: {mean: 10Mbps}}", 10, 10},
		{"r: {choice: {10Mbps: 3, 50Mbps: 1}}", 20, math.Sqrt(300)},
		// Above its mean a normal variable's mean is √(2/π) deviations further up, and its deviation √(1-2/π).
		{"r: {normal: {mean: 100Mbps, deviation: 10Mbps}, within: [100Mbps, 200Mbps]}", 100 + 10*math.Sqrt(2/math.Pi), 10 * math.Sqrt(1-2/math.Pi)},
	} {
		d, err := distribution(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		sum, squares, last := 0.0, 0.0, math.Inf(-1)
		for i := range n {
			v := d.Draw((float64(i) + 0.5) / n)
			if v < last || v < float64(d.Low) || v > float64(d.High) {
				t.Fatalf("%s: %v after %v, want it no smaller and within %v to %v", tc.text, v, last, d.Low, d.High)
			}
			last = v
			sum += v / 1e6
			squares += v / 1e6 * v / 1e6
		}
		mean := sum / n
		deviation := math.Sqrt(math.Max(0, squares/n-mean*mean))
		// A thousandth of each distribution is cut off, where it is widest.
		if math.Abs(mean/tc.mean-1) > 0.01 || math.Abs(deviation-tc.deviation) > 0.03*tc.deviation+1e-6 {
			t.Errorf("%s: mean %.4g, deviation %.4g; want %.4g, %.4g", tc.text, mean, deviation, tc.mean, tc.deviation)
		}
	}
}

func TestDistributionsSurviveBeingWritten(t *testing.T) {
	for _, text := range []string{
		"10Mbps", "{uniform: [10Mbps, 40Mbps]}", "{normal: {mean: 100Mbps, deviation: 10Mbps}, within: [80Mbps, 110Mbps]}",
		"{lognormal: {median: 10Mbps, sigma: 0.5}, within: [1Mbps, 50Mbps]}", "{exponential: {mean: 10Mbps}, within: [1Mbps, 50Mbps]}",
		"{choice: [10Mbps, 50Mbps]}", "{choice: {10Mbps: 3, 50Mbps: 1}}",
	} {
		want, err := distribution("r: " + text)
		if err != nil {
			t.Fatal(err)
		}
		written, err := Encode(map[string]any{"r": want})
		if err != nil {
			t.Fatal(err)
		}
		got, err := distribution(string(written))
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", diff, written)
		}
	}
}

func TestRangesHaveOneOrTwoEnds(t *testing.T) {
	for text, want := range map[string]Distribution[units.Rate]{
		"10Mbps":        {Low: 10e6, High: 10e6},
		"10Mbps..1Gbps": {Low: 10e6, High: 1e9},
		"5Mbps..5Mbps":  {Low: 5e6, High: 5e6},
		"2Mbps..1Mbps":  {},
		"2Mbps..":       {},
		"..":            {},
		"1..2..3Mbps":   {},
		"10mbps..1Gbps": {},
	} {
		got, err := ParseRange(text, units.ParseRate)
		if want.High == 0 {
			if err == nil {
				t.Errorf("%q was taken for %v", text, got)
			}
			continue
		}
		if err != nil || got.Low != want.Low || got.High != want.High || got.Kind != "" {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}
