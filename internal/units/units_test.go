package units

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/goccy/go-yaml"
)

// check parses each text and compares with the value, or with a part of the error.
func check[T comparable](t *testing.T, parse func(string) (T, error), good map[string]T, bad map[string]string) {
	t.Helper()
	for text, want := range good {
		if got, err := parse(text); err != nil || got != want {
			t.Errorf("parse %q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range bad {
		got, err := parse(text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Problem, want) || e.Allowed == "" {
			t.Errorf("parse %q: got %v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestRatesAreBitsAndNeverBytes(t *testing.T) {
	check(t, ParseRate, map[string]Rate{
		"10Mbps": 1e7, "1Gbps": 1e9, "500kbit": 5e5, "100mbit": 1e8, "2.5gbit": 2.5e9, "1Tbps": 1e12, "0Mbps": 0,
		"800bit": 800, "64Kbps": 64e3, "0.1Mbit": 1e5,
	}, map[string]string{
		"10mbps":                          "tc reads mbps as megabytes per second",
		"10kbps":                          "tc reads kbps as kilobytes per second",
		"10bps":                           "tc reads bps as bytes per second",
		"1gbps":                           "tc reads gbps as gigabytes per second",
		"10MBps":                          "MBps is bytes",
		"10MB/s":                          "MB/s is bytes",
		"10MB":                            "MB is bytes",
		"10":                              "has no unit",
		"":                                "is not a rate",
		"-1Mbps":                          "is not a rate",
		".5Mbps":                          "is not a rate",
		"1.Mbps":                          "is not a rate",
		"1e3Mbps":                         "is not how the unit is written",
		"10MBPS":                          "is not how the unit is written",
		"10 Mbps":                         "is not how the unit is written",
		"NaN":                             "is not a rate",
		strings.Repeat("9", 400) + "Mbps": "too large",
	})
}

// No spelling whose unit has a B or a lower-case bps, which people and tools read as bytes, parses as a rate.
func TestNoByteSpellingIsARate(t *testing.T) {
	for _, prefix := range []string{"", "k", "K", "m", "M", "g", "G", "t", "T", "Ki", "Mi", "Gi"} {
		for _, unit := range []string{"B", "B/s", "Bps", "BPS", "byte", "bytes", "Bytes/s"} {
			if r, err := ParseRate("1" + prefix + unit); err == nil {
				t.Errorf("%q is the rate %v, want an error", "1"+prefix+unit, r)
			}
		}
	}
}

func TestSizesAreWholeBytes(t *testing.T) {
	check(t, ParseBytes, map[string]Bytes{
		"800B": 800, "200kB": 200e3, "1.5MB": 1.5e6, "1GB": 1e9, "64KiB": 65536, "2MiB": 2 << 20, "0.5KiB": 512, "0B": 0,
		"9223372036854775807B": math.MaxInt64,
	}, map[string]string{
		"10KB": "1000 or 1024", "10kb": "bits", "10": "no unit", "0.5B": "whole number", "1.0001kB": "whole number",
		"9223372036854775808B": "too large", "": "not a size", "-1B": "not a size", "1EB": "not a unit", strings.Repeat("1", 50) + "B": "not a size",
	})
}

func TestComputeRates(t *testing.T) {
	check(t, ParseFLOPS, map[string]FLOPS{
		"290GFLOPS": 290e9, "1.2TFLOPS": 1.2e12, "500MFLOPS": 5e8, "1kFLOPS": 1e3, "0GFLOPS": 0, "7FLOPS": 7,
	}, map[string]string{
		"290": "no unit", "290gflops": "not how the unit is written", "290GFLOP/s": "not how the unit is written", "290GHz": "not a unit", "x": "not a compute rate",
	})
}

func TestProbabilities(t *testing.T) {
	check(t, ParseProbability, map[string]Probability{
		"0.1%": 0.001, "0.001": 0.001, "100%": 1, "1": 1, "0": 0, "0%": 0,
	}, map[string]string{"101%": "more than certain", "1.5": "more than certain", "-1%": "not a probability", "x": "not a probability", "5 %": "not a probability"})
}

func TestSpansNeedAUnit(t *testing.T) {
	check(t, ParseVirtual, map[string]Virtual{"200ms": 200e6, "1.5s": 1.5e9, "2m": 120e9, "0": 0, "-1s": -1e9},
		map[string]string{"200": "no unit", "": "not a duration", "1d": "not a duration", "soon": "not a duration"})
}

func TestDilationsAreAtLeastOne(t *testing.T) {
	check(t, ParseDilation, map[string]Dilation{"1": 1, "2.5": 2.5, "100": 100},
		map[string]string{"0.5": "faster than the host", "0": "faster than the host", "auto": "not a dilation", "2x": "not a dilation", "-1": "not a dilation", "NaN": "not a dilation", "Inf": "not a dilation"})
}

func TestQuantitiesPrintAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Rate(1e7).String(), "10Mbps"},
		{Rate(1e9).String(), "1Gbps"},
		{Rate(534.123e6).String(), "534.123Mbps"},
		{Rate(5e5).String(), "500kbit"},
		{Rate(0).String(), "0Gbps"},
		{Rate(0.5).String(), "0.5bit"},
		{Rate(math.Inf(1)).String(), "+Inf"},
		{Bytes(200e3).String(), "200kB"},
		{Bytes(1514).String(), "1.514kB"},
		{Bytes(7).String(), "7B"},
		{Bytes(-7).String(), "-7B"},
		{Bytes(math.MinInt64).String(), "-9223372036.854775808GB"},
		{FLOPS(290e9).String(), "290GFLOPS"},
		{Probability(0.001).String(), "0.1%"},
		{Probability(1).String(), "100%"},
		{Virtual(200e6).String(), "200ms"},
		{Dilation(2.5).String(), "2.5"},
		{Dilation(0).String(), "auto"},
	} {
		if c.got != c.want {
			t.Errorf("printed %q, want %q", c.got, c.want)
		}
	}
}

func TestWhatIsPrintedIsReadBackExactly(t *testing.T) {
	properties := map[string]any{
		"rate":       func(v float64) bool { return back(Rate(math.Abs(v)), Rate.String, ParseRate) },
		"small rate": func(v uint32) bool { return back(Rate(v)/7, Rate.String, ParseRate) },
		"bytes":      func(v int64) bool { return back(Bytes(v&math.MaxInt64), Bytes.String, ParseBytes) },
		"flops":      func(v float64) bool { return back(FLOPS(math.Abs(v)), FLOPS.String, ParseFLOPS) },
		"probability": func(v uint64) bool {
			return back(Probability(float64(v)/math.MaxUint64), Probability.String, ParseProbability)
		},
		"virtual":  func(v int64) bool { return back(Virtual(v), Virtual.String, ParseVirtual) },
		"dilation": func(v uint32) bool { return back(1+Dilation(v)/999, Dilation.String, ParseDilation) },
	}
	for name, f := range properties {
		if err := quick.Check(f, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func back[T comparable](v T, print func(T) string, parse func(string) (T, error)) bool {
	got, err := parse(print(v))
	return err == nil && got == v
}

type quantities struct {
	Rate        Rate        `json:"rate" yaml:"rate"`
	Bytes       Bytes       `json:"bytes" yaml:"bytes"`
	FLOPS       FLOPS       `json:"flops" yaml:"flops"`
	Probability Probability `json:"probability" yaml:"probability"`
	Virtual     Virtual     `json:"virtual" yaml:"virtual"`
	Dilation    Dilation    `json:"dilation" yaml:"dilation"`
}

var all = quantities{1e7, 200e3, 290e9, 0.001, 200e6, 4}

func TestJSONHoldsTextAndTakesNumbers(t *testing.T) {
	const text = `{"rate":"10Mbps","bytes":"200kB","flops":"290GFLOPS","probability":"0.1%","virtual":"200ms","dilation":4}`
	got, err := json.Marshal(all)
	if err != nil || string(got) != text {
		t.Fatalf("marshalled %s, %v; want %s", got, err, text)
	}
	for _, in := range []string{text, `{"rate":1e7,"bytes":200000,"flops":290e9,"probability":0.001,"virtual":"200ms","dilation":"4"}`} {
		var back quantities
		if err := json.Unmarshal([]byte(in), &back); err != nil || back != all {
			t.Errorf("unmarshalled %s: %+v, %v; want %+v", in, back, err, all)
		}
	}
	var infinite Rate
	if err := json.Unmarshal([]byte(`"+Inf"`), &infinite); err != nil || !math.IsInf(float64(infinite), 1) {
		t.Errorf("+Inf: %v, %v", infinite, err)
	}
	for _, in := range []string{`{"virtual":200}`, `{"rate":"10mbps"}`, `{"bytes":1.5}`, `{"rate":true}`, `{"dilation":"0.5"}`} {
		var v quantities
		if err := json.Unmarshal([]byte(in), &v); err == nil {
			t.Errorf("unmarshalled %s: %+v, want an error", in, v)
		}
	}
}

func TestYAMLHoldsPlainText(t *testing.T) {
	const want = "rate: 10Mbps\nbytes: 200kB\nflops: 290GFLOPS\nprobability: 0.1%\nvirtual: 200ms\ndilation: 4.0\n"
	if got, err := yaml.Marshal(all); err != nil || string(got) != want {
		t.Errorf("marshalled\n%s%v; want\n%s", got, err, want)
	}
}

func TestTransferTime(t *testing.T) {
	for _, c := range []struct {
		rate Rate
		b    Bytes
		want Virtual
	}{
		{1e7, 50_000, 40e6},
		{1e9, 1514, 12112},
		{0, 1, math.MaxInt64},
		{0, 0, 0},
		{1e-9, math.MaxInt64, math.MaxInt64},
	} {
		if got := c.rate.Time(c.b); got != c.want {
			t.Errorf("%v at %v takes %v, want %v", c.b, c.rate, got, c.want)
		}
	}
}

func TestDilationConvertsBetweenVirtualAndWall(t *testing.T) {
	if got, want := Dilation(4).Wall(200e6), 800*time.Millisecond; got != want {
		t.Errorf("200 ms at 4 take %v, want %v", got, want)
	}
	if got, want := Dilation(4).Virtual(800*time.Millisecond), Virtual(200e6); got != want {
		t.Errorf("800 ms at 4 are %v, want %v", got, want)
	}
	if got, want := Dilation(10).Rate(1e7), Rate(1e6); got != want {
		t.Errorf("10 Mbps at 10 is %v, want %v", got, want)
	}
	if got, want := Dilation(10).FLOPS(290e9), FLOPS(29e9); got != want {
		t.Errorf("290 GFLOPS at 10 are %v, want %v", got, want)
	}
	if got, want := Dilation(1e9).Wall(math.MaxInt64/2), time.Duration(math.MaxInt64); got != want {
		t.Errorf("an overflowing span is %v, want %v", got, want)
	}
	if got, want := Dilation(1).Wall(math.MaxInt64-1), time.Duration(math.MaxInt64-1); got != want {
		t.Errorf("dilation 1 changed %v to %v", want, got)
	}
	inverse := func(v int32, d uint16) bool {
		dilation := 1 + Dilation(d)/16
		there := dilation.Virtual(dilation.Wall(Virtual(v)))
		return max(there-Virtual(v), Virtual(v)-there) <= 1
	}
	if err := quick.Check(inverse, nil); err != nil {
		t.Error("wall and back:", err)
	}
}

// fuzz checks that a parser never fails but with its own error, and that what it accepts survives printing.
func fuzz[T comparable](f *testing.F, print func(T) string, parse func(string) (T, error), seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Problem == "" || e.Allowed == "" {
				t.Fatalf("%q: error %v does not say what is wrong and what is allowed", text, err)
			}
			return
		}
		if got, err := parse(print(v)); err != nil || got != v {
			t.Fatalf("%q is %v, printed %q, read back %v, %v", text, v, print(v), got, err)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	fuzz(f, Rate.String, ParseRate, "10Mbps", "10mbps", "1e3Mbps", "0.000001bit", "-1Gbps", "1.5.5kbit")
}

func FuzzParseBytes(f *testing.F) {
	fuzz(f, Bytes.String, ParseBytes, "200kB", "1.5MiB", "9223372036854775807B", "0.5B")
}

func FuzzParseFLOPS(f *testing.F) {
	fuzz(f, FLOPS.String, ParseFLOPS, "290GFLOPS", "1.25TFLOPS", "290gflops")
}

func FuzzParseProbability(f *testing.F) {
	fuzz(f, Probability.String, ParseProbability, "0.1%", "0.001", "100%", "101%")
}

func FuzzParseVirtual(f *testing.F) {
	fuzz(f, Virtual.String, ParseVirtual, "200ms", "1h2m3.5s", "-1us", "9223372036854775807ns")
}

func FuzzParseDilation(f *testing.F) {
	fuzz(f, Dilation.String, ParseDilation, "1", "2.5", "1e3", "0.99999999999999999999")
}
