package replay

import (
	"math"
	"math/rand/v2"
	"testing"
)

// reads are those of packets of 1448 bytes that arrive one a millisecond, each up to 50 µs late, except that nothing is
// read from the arrival of packet lost until back milliseconds later.
func reads(packets, lost, back int) []arrival {
	r := rand.New(rand.NewPCG(1, 1))
	var all []arrival
	blocked := false
	for n := 1; n <= packets; n++ {
		at := int64(n)*1e6 + r.Int64N(50e3)
		switch {
		case n == lost:
			blocked = true
		case n == lost+back:
			blocked = false
		}
		if !blocked {
			all = append(all, arrival{at, int64(n) * 1448})
		}
	}
	if blocked {
		all = append(all, arrival{int64(lost+back) * 1e6, int64(packets) * 1448})
	}
	return all
}

func TestTheSteadyRateSeesThroughLostPackets(t *testing.T) {
	const rate = 1448 / 1e6
	for name, c := range map[string]struct {
		packets, lost, back int
	}{
		"nothing lost":                     {400, 0, 0},
		"one lost in the middle":           {400, 150, 60},
		"one lost near the beginning":      {400, 2, 60},
		"one of the last, after a timeout": {400, 395, 6600},
	} {
		if got := steadyRate(reads(c.packets, c.lost, c.back)); math.Abs(got/rate-1) > 0.005 {
			t.Errorf("%s: %.4g of the rate, want 1 within 0.005", name, got/rate)
		}
	}
	// What was read at once after a gap was there before: the first of several reads counts what the last did.
	burst := append([]arrival{{20e6, 2 * 1448}, {20e6 + 100, 20 * 1448}}, reads(400, 0, 0)[20:]...)
	if got := steadyRate(burst); math.Abs(got/rate-1) > 0.005 {
		t.Errorf("after a burst: %.4g of the rate, want 1 within 0.005", got/rate)
	}
	for _, few := range [][]arrival{nil, {{5, 10}}, {{5, 10}, {5, 20}}} {
		if got := steadyRate(few); got != 0 {
			t.Errorf("%v has a rate of %g, want none", few, got)
		}
	}
}
