package delayline

import (
	"math/bits"
	"time"
)

// histogram counts times, in bins that are an eighth of their octave wide: quantiles are at most 12.5 % too high. Everything
// below eight nanoseconds has a bin of its own.
type histogram struct {
	counts [64 * 8]int64
	sums   [64 * 8]int64
	total  int64
	max    int64
}

func binOf(v int64) int {
	v = max(v, 0)
	if v < 8 {
		return int(v)
	}
	octave := bits.Len64(uint64(v)) - 1
	return (octave-2)*8 + int(v>>(octave-3))&7
}

// upperOf is the largest value of a bin.
func upperOf(bin int) int64 {
	if bin < 8 {
		return int64(bin)
	}
	octave := bin/8 + 2
	return int64(8+bin%8+1)<<(octave-3) - 1
}

func (h *histogram) add(v int64) {
	b := binOf(v)
	h.counts[b]++
	h.sums[b] += max(v, 0)
	h.total++
	h.max = max(h.max, v)
}

// merge adds what another histogram has counted.
func (h *histogram) merge(o *histogram) {
	for b := range h.counts {
		h.counts[b] += o.counts[b]
		h.sums[b] += o.sums[b]
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// quantile is a time that a share q of all does not exceed, 0 where nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q*float64(h.total-1)) + 1
	seen := int64(0)
	for b, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			return time.Duration(min(upperOf(b), h.max))
		}
	}
	return 0
}

// exceeding is the least x for which the counted times, each less x, add up to no more than a bound. If the times are those
// in which a thread could not run, a moment drawn at random has to wait longer than x with a chance of at most bound ÷
// the time that was watched.
func (h *histogram) exceeding(bound time.Duration) time.Duration {
	// Above bin b there are n times that add up to sum; their excess over x is sum − n·x.
	n, sum := int64(0), int64(0)
	for b := len(h.counts) - 1; b >= 0; b-- {
		n, sum = n+h.counts[b], sum+h.sums[b]
		lower := int64(0)
		if b > 0 {
			lower = upperOf(b - 1)
		}
		if sum-n*lower > int64(bound) {
			return time.Duration(max(lower, (sum-int64(bound))/n))
		}
	}
	return 0
}
