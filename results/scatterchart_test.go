package results

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestAScatterChartShowsEveryPointItCan(t *testing.T) {
	c := ScatterChart{Title: "t", X: "predicted", Y: "measured", Limit: 200, Groups: []ScatterGroup{
		{"one", []ScatterPoint{{10, 12}, {20, 400}, {0, 5}, {math.NaN(), 5}}},
		{"other", []ScatterPoint{{30, 30}}},
		{"empty", nil},
	}}
	first, err := c.SVG()
	if err != nil {
		t.Fatal(err)
	}
	dots := strings.Count(string(first), "fill-opacity") // nothing else is translucent
	if dots != 3 {
		t.Errorf("%d dots, want 3: what is not above 0 has no place on a logarithmic axis", dots)
	}
	for _, name := range []string{"one", "other", "predicted", "measured"} {
		if !strings.Contains(string(first), ">"+name+"<") {
			t.Errorf("the chart does not say %q", name)
		}
	}
	if again, err := c.SVG(); err != nil || !bytes.Equal(first, again) {
		t.Errorf("drawn again (error %v), the chart has other bytes", err)
	}
	if low, high := c.span(); low >= 10 || high <= 400 {
		t.Errorf("the axes go from %v to %v, which leaves out points", low, high)
	}
	if _, err := (ScatterChart{}).SVG(); err != nil {
		t.Errorf("a chart of nothing: %v", err)
	}
}
