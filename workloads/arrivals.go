package workloads

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/splitbed/splitbed/internal/units"
)

// poissonBlock is how many frames a block of a Poisson source has on average.
const poissonBlock = 64

// period is the mean time between two frames in nanoseconds, at most the longest span there is.
func period(fps float64) float64 { return math.Min(1e9/fps, math.MaxInt64/2) }

// Arrivals are the capture times in [from, to), ascending. Time 0 is the beginning of the window, and the warm-up is before it.
// The times in two adjoining intervals together are those in both at once. A task's Start and Stop are the caller's
// to apply.
func (s Source) Arrivals(from, to units.Virtual) []units.Virtual {
	if !(s.FPS > 0) || from >= to {
		return nil
	}
	if s.Video != nil {
		return s.Video.Times(s.Phase, from, to)
	}
	switch s.Arrival {
	case Poisson:
		return s.poisson(from, to)
	case OnOff:
		return s.bursts(from, to)
	case Replayed:
		return s.Recorded.Times(from, to)
	}
	var out []units.Virtual
	step, phase := period(s.FPS), float64(s.Phase)
	// One step early, since the quotient is rounded; what lies before from is left out again.
	for n := math.Ceil((float64(from)-phase)/step) - 1; ; n++ {
		at := math.Round(phase + n*step)
		if at >= float64(to) {
			return out
		}
		if at >= float64(from) {
			out = append(out, units.Virtual(at))
		}
	}
}

// poisson cuts time into blocks with a seed each, so that any interval can be drawn by itself. A Poisson process has no memory:
// beginning anew at each block's border changes nothing about it.
func (s Source) poisson(from, to units.Virtual) []units.Virtual {
	var out []units.Virtual
	mean := period(s.FPS)
	length := mean * poissonBlock
	for block := math.Floor(float64(from) / length); block*length < float64(to); block++ {
		random := rand.New(rand.NewPCG(s.Seed, uint64(int64(block))))
		end := (block + 1) * length
		for at := block*length + random.ExpFloat64()*mean; at < end; at += random.ExpFloat64() * mean {
			if t := units.Virtual(math.Round(at)); t >= from && t < to {
				out = append(out, t)
			}
		}
	}
	return out
}

// bursts draws the process outwards from time 0, which lies in a burst with the probability that any time does: exponential spans
// have no memory, so that what is left of the one at time 0 is as long as a whole one, to either side. Each burst's frames have a
// phase of their own, so that on average a burst has as many as its length asks for.
func (s Source) bursts(from, to units.Virtual) []units.Virtual {
	active := float64(s.On) / (float64(s.On) + float64(s.Off))
	step := period(s.FPS) * active
	after, before := rand.New(rand.NewPCG(s.Seed, 0)), rand.New(rand.NewPCG(s.Seed, 1))
	length := func(random *rand.Rand, on bool) float64 {
		if on {
			return random.ExpFloat64() * float64(s.On)
		}
		return random.ExpFloat64() * float64(s.Off)
	}
	type burst struct{ start, end, phase float64 }
	var bursts []burst
	on := after.Float64() < active
	start, end := -length(before, on), length(after, on)
	if on {
		bursts = append(bursts, burst{start, end, after.Float64()})
	}
	for at, on := start, on; at > float64(from); {
		on = !on
		start := at - length(before, on)
		if on {
			bursts = append(bursts, burst{start, at, before.Float64()})
		}
		at = start
	}
	slices.Reverse(bursts)
	for at, on := end, on; at < float64(to); {
		on = !on
		end := at + length(after, on)
		if on {
			bursts = append(bursts, burst{at, end, after.Float64()})
		}
		at = end
	}
	var out []units.Virtual
	for _, b := range bursts {
		// One frame early, since the quotient is rounded; what lies before from is left out again.
		for n := max(0, math.Floor((float64(from)-b.start)/step-b.phase)-1); ; n++ {
			at := b.start + (n+b.phase)*step
			if at >= min(b.end, float64(to)) {
				break
			}
			if t := units.Virtual(math.Round(at)); t >= from && t < to {
				out = append(out, t)
			}
		}
	}
	return out
}
