package delayline

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

func lawOf(d shape.Delay) *law {
	l := newLaw(7)
	l.delay = d
	return l
}

// likely tells whether k of n events of probability p are within what happens in all but one of a million trials.
func likely(k, n int, p float64) bool {
	b := distuv.Binomial{N: float64(n), P: p}
	return b.CDF(float64(k)) > 5e-7 && 1-b.CDF(float64(k-1)) > 5e-7
}

func TestCopiesFollowNetemsLaw(t *testing.T) {
	const n = 200_000
	for _, c := range []struct{ loss, duplicate float64 }{{0, 0}, {0.05, 0}, {0, 0.1}, {0.2, 0.3}, {1, 0}, {1, 1}, {0, 1}} {
		l := lawOf(shape.Delay{Loss: units.Probability(c.loss), Duplicate: units.Probability(c.duplicate)})
		var got [3]int
		for range n {
			got[l.copies()]++
		}
		// A packet that is duplicated and lost travels once; its duplicate may be lost as well where it is not.
		want := [3]float64{
			(1 - c.duplicate) * c.loss,
			(1-c.duplicate)*(1-c.loss) + c.duplicate*(c.loss+(1-c.loss)*c.loss),
			c.duplicate * (1 - c.loss) * (1 - c.loss),
		}
		for copies, p := range want {
			if k := got[copies]; (p == 0 || p == 1) && float64(k) != p*n || p > 0 && p < 1 && !likely(k, n, p) {
				t.Errorf("loss %g, duplicate %g: %d of %d packets have %d copies, want a share of %.4g", c.loss, c.duplicate, k, n, copies, p)
			}
		}
	}
}

// TestJitterIsNormalAndEndsAtThreeSigma draws packets so far apart that none has to wait for another.
func TestJitterIsNormalAndEndsAtThreeSigma(t *testing.T) {
	const n, sigma, delay = 100_000, 2 * time.Millisecond, 20 * time.Millisecond
	l := lawOf(shape.Delay{Delay: delay, Jitter: sigma})
	normal := distuv.UnitNormal
	z := make([]float64, n)
	for i := range z {
		at := int64(i) * int64(time.Second)
		due, _ := l.due(at)
		z[i] = float64(due-at-int64(delay)) / float64(sigma)
	}
	if low, high := slices.Min(z), slices.Max(z); low < -3 || high > 3 || low > -2.9 || high < 2.9 {
		t.Errorf("from %.3g to %.3g σ, want from -3 to 3", low, high)
	}
	// What is cut off takes 2.7 % of the variance with it.
	inside := normal.CDF(3) - normal.CDF(-3)
	variance := 1 - 2*3*normal.Prob(3)/inside
	mean, kurtosis := stat.Mean(z, nil), stat.ExKurtosis(z, nil)
	if math.Abs(mean) > 5/math.Sqrt(n) || math.Abs(stat.Variance(z, nil)/variance-1) > 0.02 || math.Abs(stat.Skew(z, nil)) > 0.05 || kurtosis > 0 || kurtosis < -0.5 {
		t.Errorf("mean %.4g, variance %.4g (want %.4g), skew %.3g, excess kurtosis %.3g", mean, stat.Variance(z, nil), variance, stat.Skew(z, nil), kurtosis)
	}
	slices.Sort(z)
	for _, q := range []float64{0.05, 0.25, 0.5, 0.75, 0.95} {
		want := normal.Quantile((1-inside)/2 + q*inside)
		if got := stat.Quantile(q, stat.Empirical, z, nil); math.Abs(got-want) > 0.03 {
			t.Errorf("quantile %g is %.4g σ, want %.4g", q, got, want)
		}
	}
}

func TestPacketsKeepTheirOrder(t *testing.T) {
	l := lawOf(shape.Delay{Delay: 20 * time.Millisecond, Jitter: 6 * time.Millisecond})
	last := int64(0)
	for i := range 10_000 {
		if i == 5000 {
			l.delay.Delay = time.Millisecond // a shorter delay overtakes nothing that is under way
		}
		at := int64(i) * int64(100*time.Microsecond)
		due, overtakes := l.due(at)
		if due < last || due < at || overtakes {
			t.Fatalf("packet %d, come at %d: due at %d after one due at %d", i, at, due, last)
		}
		last = due
	}
}

func TestAReorderedPacketGoesOnAtOnceAndHoldsUpNone(t *testing.T) {
	const n, p = 100_000, 0.25
	l := lawOf(shape.Delay{Delay: 20 * time.Millisecond, Reorder: p})
	overtaking := 0
	for i := range n {
		at := int64(i) * 1000
		due, overtakes := l.due(at)
		want := at + int64(20*time.Millisecond)
		if overtakes {
			overtaking++
			want = at
		}
		if due != want {
			t.Fatalf("packet %d is due after %v, want %v", i, time.Duration(due-at), time.Duration(want-at))
		}
	}
	if !likely(overtaking, n, p) {
		t.Errorf("%d of %d packets overtake, want a share of %g", overtaking, n, p)
	}
}

func TestASeedRepeatsItsDraws(t *testing.T) {
	draw := func(seed uint64) (all []int64) {
		l := newLaw(seed)
		l.delay = shape.Delay{Delay: time.Millisecond, Jitter: 100 * time.Microsecond, Loss: 0.1}
		for i := range 100 {
			due, _ := l.due(int64(i) * 1e9)
			all = append(all, due, int64(l.copies()))
		}
		return all
	}
	if !slices.Equal(draw(3), draw(3)) || slices.Equal(draw(3), draw(4)) {
		t.Error("the same seed must draw the same, and another something else")
	}
}
