package delayline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEveryTimeIsInABinThatEndsAtMostAnEighthAboveIt(t *testing.T) {
	for _, v := range []int64{0, 1, 7, 8, 9, 15, 16, 17, 1000, 123_456, 1e9, 1e12, math.MaxInt64 / 2} {
		if upper := upperOf(binOf(v)); upper < v || float64(upper) > 1.125*float64(v)+1 {
			t.Errorf("%d is in a bin that ends at %d", v, upper)
		}
		if b := binOf(v); b > 0 && upperOf(b-1) >= v {
			t.Errorf("%d belongs into a bin before %d, which ends at %d", v, b, upperOf(b-1))
		}
	}
}

func TestQuantilesAreThoseOfTheSortedTimes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var h histogram
	var all []int64
	for range 20_000 {
		v := int64(math.Exp(random.NormFloat64()*2) * 1e5)
		h.add(v)
		all = append(all, v)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
		want := all[int(q*float64(len(all)-1))]
		if got := int64(h.quantile(q)); got < want || float64(got) > 1.13*float64(want) {
			t.Errorf("quantile %g is %d, want %d or up to an eighth more", q, got, want)
		}
	}
	if got := (&histogram{}).quantile(0.99); got != 0 {
		t.Errorf("a quantile of nothing is %v", got)
	}
}

// TestStallsCountAsLongAsTheyLast: in ten seconds a single stop of one second makes 10 % of all moments late, however few
// wake-ups it spoils.
func TestStallsCountAsLongAsTheyLast(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, c := range map[string]struct {
		stalls map[int64]int // length → how many
		want   time.Duration
	}{
		"none":                     {nil, 0},
		"short ones all the time":  {map[int64]int{ms / 10: 900}, 0},                      // 90 ms of 10 s
		"one long":                 {map[int64]int{1000 * ms: 1}, 900 * time.Millisecond}, // all but 100 ms of it
		"one long among short":     {map[int64]int{1000 * ms: 1, ms: 100}, 900 * time.Millisecond},
		"ten of 30 ms":             {map[int64]int{30 * ms: 10}, 20 * time.Millisecond},
		"just as long as allowed":  {map[int64]int{100 * ms: 1}, 0},
		"every second millisecond": {map[int64]int{ms: 5000}, 980 * time.Microsecond},
	} {
		var h histogram
		for length, n := range c.stalls {
			for range n {
				h.add(length)
			}
		}
		got := h.exceeding(100 * time.Millisecond) // 1 % of ten seconds
		if math.Abs(float64(got-c.want)) > 0.13*float64(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWaitIsToTheMicrosecondWithAndWithoutEpollPwait2(t *testing.T) {
	l, err := newLine(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	for name, wait := range map[string]func(int, []unix.EpollEvent, int64) (int, error){"epoll_pwait2": wait, "ppoll": waitOld} {
		best := time.Duration(math.MaxInt64)
		early := 0 // a signal of Go's scheduler ends a wait
		for range 50 {
			started := time.Now()
			n, err := wait(l.epoll, make([]unix.EpollEvent, 1), 300_500)
			took := time.Since(started)
			if n != 0 || err != nil {
				t.Fatalf("%s: %d events (%v)", name, n, err)
			}
			if took < 300_500 {
				early++
				continue
			}
			best = min(best, took)
		}
		if early > 10 {
			t.Errorf("%s: %d of 50 waits ended early", name, early)
		}
		if best > 900*time.Microsecond {
			t.Errorf("%s: at best after %v", name, best)
		}
	}
}
