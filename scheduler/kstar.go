package scheduler

import "math"

// tested is the place of the task's largest input, the paper's i*; the first of several.
func tested(t *Task) Place {
	at := t.At[0]
	for _, p := range t.At[1:] {
		if p.Input > at.Input {
			at = p
		}
	}
	return at
}

// kStar is the paper's k* = argmax_k r_jk·l_jk over the cuts 1..N, as printed (section "Layer Scheduling Algorithms"), at i*: the
// demands for bandwidth and compute there are r and l times the same factors for every k. Ties go to the smaller cut.
// Cuts no rate is enough for do not count; where that is all of them, k* is N.
func kStar(t *Task) int {
	costs := t.Costs[tested(t).Cost]
	best, at := math.Inf(-1), t.Cuts()
	for k := 1; k <= t.Cuts(); k++ {
		v := float64(costs[k].Rate) * float64(costs[k].Compute)
		if v > best && !math.IsInf(v, 1) && !math.IsInf(float64(costs[k].Rate), 1) {
			best, at = v, k
		}
	}
	return at
}

// nearestFirst lists the cuts 1..n by their distance from k, the smaller of two first.
func nearestFirst(k, n int) []int {
	order := []int{k}
	for d := 1; d < n; d++ {
		if k-d >= 1 {
			order = append(order, k-d)
		}
		if k+d <= n {
			order = append(order, k+d)
		}
	}
	return order
}
