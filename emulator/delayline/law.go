package delayline

import (
	"math/rand/v2"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
)

// sigmas is the distribution jitter is drawn from, in units of σ/unit, the same that netem gets.
var sigmas = shape.Normal()

// law draws what becomes of the packets of one way, as netem_enqueue does (net/sched/sch_netem.c).
type law struct {
	delay  shape.Delay
	random *rand.Rand
	last   int64 // when the latest packet that keeps its order is due
}

func newLaw(seed uint64) *law {
	return &law{random: rand.New(rand.NewPCG(seed, 0x5b))}
}

func (l *law) happens(p units.Probability) bool {
	return p > 0 && l.random.Float64() < float64(p)
}

// copies draws how many copies of a packet travel on: 0, 1 or 2. A duplicate may be lost by itself.
func (l *law) copies() int {
	n := 1
	if l.happens(l.delay.Duplicate) {
		n++
	}
	if l.happens(l.delay.Loss) {
		n--
	}
	if n == 2 && l.happens(l.delay.Loss) {
		n--
	}
	return n
}

// due draws when a packet that came at a time on the clock goes on. Packets keep their order, also when the delay has
// become shorter meanwhile, but for one that overtakes all others and goes on at once.
func (l *law) due(at int64) (due int64, overtakes bool) {
	if l.happens(l.delay.Reorder) {
		return at, true
	}
	delay := l.delay.Delay
	if l.delay.Jitter > 0 {
		delay += jitter(l.delay.Jitter, sigmas[l.random.IntN(len(sigmas))])
	}
	l.last = max(l.last, at+int64(max(0, delay)))
	return l.last, false
}

// jitter is a value of the distribution times σ.
func jitter(sigma time.Duration, value int16) time.Duration {
	return time.Duration(float64(sigma) * float64(value) / shape.DistributionUnit)
}
