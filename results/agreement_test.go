package results

import (
	"math"
	"testing"
)

func TestAgreementCountsFramesThatCanBeCompared(t *testing.T) {
	answers := func(pairs ...[2]int32) func(*Input) {
		return func(in *Input) {
			for i := range in.Frames {
				in.Frames[i].Class, in.Frames[i].Reference = pairs[i][0], pairs[i][1]
			}
			in.Frames[len(pairs)-1].Captured = -1 // the warm-up does not count
		}
	}
	for _, test := range []struct {
		name  string
		pairs [][2]int32
		want  float64
	}{
		{"all alike", [][2]int32{{3, 3}, {0, 0}, {1, 2}}, 1},
		{"one of three differs", [][2]int32{{3, 3}, {0, 1}, {2, 2}, {5, 6}}, 2.0 / 3},
		{"no answer, and a picture nobody asked about", [][2]int32{{-1, 3}, {4, -1}, {4, 4}, {1, 2}}, 1},
		{"nothing to compare", [][2]int32{{-1, 3}, {4, -1}, {1, 1}}, math.NaN()},
	} {
		s := judged(t, outcome{onTime: len(test.pairs)}, answers(test.pairs...))
		if got := float64(s.Tasks[0].Agreement); got != test.want && !(math.IsNaN(got) && math.IsNaN(test.want)) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
