package results

import "gonum.org/v1/gonum/stat/distuv"

// confidence is the level of the intervals a summary gives.
const confidence = 0.95

// interval is the Clopper–Pearson interval of a share of which k in n were seen (Clopper and Pearson,
// Biometrika 26, 1934): exact, so that a run is not called decided on an approximation that is worst where
// deadlines lie, near a share of one. It takes frames as independent. Frames of a congested link are
// not; their interval is too narrow.
func interval(k, n int) (low, high float64) { return Interval(k, n, confidence) }

// Interval is the same at any confidence below one.
func Interval(k, n int, confidence float64) (low, high float64) {
	tail := (1 - confidence) / 2
	low, high = 0, 1
	if n == 0 {
		return low, high
	}
	if k > 0 {
		low = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(tail)
	}
	if k < n {
		high = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(1 - tail)
	}
	return low, high
}
