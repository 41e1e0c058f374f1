package workloads

import (
	"math"
	"math/rand/v2"

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
	if s.Arrival == Poisson {
		return s.poisson(from, to)
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
