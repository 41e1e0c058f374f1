package engine

import (
	"math"
	"testing"
)

// TestTheFittedNetworkTellsCatsFromDogs asks the shipped network about scenes it was not fitted to. A coin is right about 28 or more of
// 36 in one of two thousand tries.
func TestTheFittedNetworkTellsCatsFromDogs(t *testing.T) {
	const asked = 36
	r, err := Accuracy(t.Context(), testStore(t), 720, 1280, asked)
	if err != nil {
		t.Fatal(err)
	}
	if right := math.Round(r.Accuracy * asked); right < 28 {
		t.Errorf("right about %v of %d held-out scenes, want at least 28", right, asked)
	}
}

// TestRidgeFindsWhatIsThere fits answers that one feature decides among others that say nothing, and none that anything decides.
func TestRidgeFindsWhatIsThere(t *testing.T) {
	const n, features = 60, 100
	noise := make([]float32, n*features)
	fillNoise(noise)
	set := func(signal float32) [][]float32 {
		var x [][]float32
		for i := range n {
			row := append([]float32(nil), noise[i*features:(i+1)*features]...)
			row[0] += signal * float32(2*int(subjectOf(i))-1)
			x = append(x, row)
		}
		return x
	}
	var r FitReport
	fit, err := ridge(set(5), &r)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range set(5) {
		f := float64(fit.Bias)
		for j, v := range row {
			f += float64(v) * float64(fit.Weights[j])
		}
		if (f > 0) != (subjectOf(i) == 1) {
			t.Errorf("row %d of a plain signal: %v", i, f)
		}
	}
	if r.LeaveOneOut < 0.95 {
		t.Errorf("leave-one-out says %.2f of a plain signal, want 0.95 or more", r.LeaveOneOut)
	}
	if _, err := ridge(set(0), &r); err != nil {
		t.Fatal(err)
	}
	if r.LeaveOneOut > 0.75 {
		t.Errorf("leave-one-out says %.2f where there is nothing to find", r.LeaveOneOut)
	}
	same := make([][]float32, 4)
	for i := range same {
		same[i] = []float32{1, 2}
	}
	if _, err := ridge(same, &r); err == nil {
		t.Error("pictures that are all the same were fitted")
	}
}
