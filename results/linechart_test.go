package results

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
)

func TestMeanIntervalIsStudentsT(t *testing.T) {
	for name, c := range map[string]struct {
		values          []float64
		mean, low, high float64
	}{
		// t(0.975; 4) = 2.776445, standard deviation √2.5.
		"five":       {[]float64{1, 2, 3, 4, 5}, 3, 3 - 2.776445*math.Sqrt(2.5/5), 3 + 2.776445*math.Sqrt(2.5/5)},
		"two":        {[]float64{0, 2}, 1, 1 - 12.706205, 1 + 12.706205},
		"all equal":  {[]float64{7, 7, 7}, 7, 7, 7},
		"one":        {[]float64{4}, 4, 4, 4},
		"none":       {nil, math.NaN(), math.NaN(), math.NaN()},
		"one absent": {[]float64{math.NaN()}, math.NaN(), math.NaN(), math.NaN()},
	} {
		mean, low, high := MeanInterval(c.values)
		want := []float64{c.mean, c.low, c.high}
		if d := cmp.Diff(want, []float64{mean, low, high}, cmpopts.EquateApprox(1e-6, 0), cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestColumnsSurviveTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.parquet")
	columns := []Column{{"scheduler.algorithm", []string{"layer", "fixed:1"}}, {"seed", []int64{1, math.MaxInt64}}, {"gap", []float64{0.5, math.NaN()}}}
	if err := WriteColumns(path, columns); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Algorithm string  `parquet:"scheduler.algorithm"`
		Seed      int64   `parquet:"seed"`
		Gap       float64 `parquet:"gap"`
	}
	got, err := parquet.ReadFile[row](path)
	want := []row{{"layer", 1, 0.5}, {"fixed:1", math.MaxInt64, math.NaN()}}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); err != nil || d != "" {
		t.Errorf("error %v (-written +read):\n%s", err, d)
	}
	columns[1].Values = []int64{1}
	if err := WriteColumns(path, columns); err == nil || !strings.Contains(err.Error(), "seed") {
		t.Errorf("columns of different lengths: error %v, want one that names the column", err)
	}
}

func TestALineChartIsAPictureByItself(t *testing.T) {
	chart := LineChart{Title: "a < b", X: "x", Y: "y", Lines: []Line{
		{Name: "rising", Points: []LinePoint{{1, 1, 0.5, 1.5}, {2, 10, 9, 11}}},
		{Name: "one point", Points: []LinePoint{{1, 3, 3, 3}}},
		{Name: "nothing"},
		{Name: "absent", Points: []LinePoint{{1, math.NaN(), math.NaN(), math.NaN()}}},
		{Name: "limit", Reference: true, Points: []LinePoint{{1, 12, 12, 12}, {2, 12, 12, 12}}},
	}}
	for _, log := range []bool{false, true} {
		chart.Log = log
		first, err := chart.SVG()
		if err != nil {
			t.Fatal(err)
		}
		again, err := chart.SVG()
		if err != nil || !bytes.Equal(first, again) {
			t.Errorf("logarithmic %v: the same chart gives other bytes, error %v", log, err)
		}
		var words []string
		for d := xml.NewDecoder(bytes.NewReader(first)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("logarithmic %v: not well-formed: %v", log, err)
			}
			if text, ok := token.(xml.CharData); ok {
				words = append(words, strings.TrimSpace(string(text)))
			}
		}
		text := strings.Join(words, "|")
		for _, want := range []string{"a < b", "rising", "one point", "limit"} {
			if !strings.Contains(text, "|"+want+"|") {
				t.Errorf("logarithmic %v: the picture says %s, want %q in it", log, text, want)
			}
		}
		for _, unwanted := range []string{"nothing", "absent"} {
			if strings.Contains(text, unwanted) {
				t.Errorf("logarithmic %v: the picture names %q, of which it shows nothing", log, unwanted)
			}
		}
	}
}

func TestAnEmptyLineChartIsDrawn(t *testing.T) {
	for _, log := range []bool{false, true} {
		if svg, err := (LineChart{Log: log}).SVG(); err != nil || !bytes.Contains(svg, []byte("<svg")) {
			t.Errorf("logarithmic %v: error %v", log, err)
		}
	}
}

func TestNamesStandApartAndNearTheirLines(t *testing.T) {
	for name, c := range map[string]struct{ heights, want []float64 }{
		"far apart":       {[]float64{90, 50, 10}, []float64{90, 50, 10}},
		"two meet":        {[]float64{52, 48}, []float64{55, 45}},
		"a block grows":   {[]float64{60, 52, 50}, []float64{64, 54, 44}},
		"at the top":      {[]float64{100, 100, 99}, []float64{100, 90, 80}},
		"at the bottom":   {[]float64{1, 0}, []float64{10, 0}},
		"all at one spot": {[]float64{50, 50, 50, 50}, []float64{65, 55, 45, 35}},
	} {
		got := append([]float64(nil), c.heights...)
		spreadDown(got, 10, 0, 100)
		if d := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-9)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
