package results

import (
	"math"
	"testing"
)

func TestLoadIsDrawnOnlyWhereSomebodyLooked(t *testing.T) {
	var samples []Sample
	for i := range 121 {
		at := -1 + 0.1*float64(i)
		if at > 6.05 && at < 7.95 {
			continue
		}
		bytes := 1000 * min(at, 7)
		samples = append(samples, Sample{Time: at, Bytes: int64(bytes)})
	}
	for _, p := range loadOver(samples, 10, 1000, func(s Sample) float64 { return float64(s.Bytes) }) {
		if math.Abs(p.X-6) < 0.1 || math.Abs(p.X-8) < 0.1 {
			continue // partly in the gap
		}
		want := 100.0
		switch {
		case p.X > 6 && p.X < 8:
			want = math.NaN() // half of it was busy, and nobody knows which
		case p.X >= 8:
			want = 0
		}
		if math.IsNaN(want) != math.IsNaN(p.Y) || math.Abs(p.Y-want) > 2 {
			t.Errorf("%.2f s: %.4g %%, want %v", p.X, p.Y, want)
		}
	}
}
