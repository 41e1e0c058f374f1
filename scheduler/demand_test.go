package scheduler

import (
	"math"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

const ms = units.Virtual(time.Millisecond)

func TestBandwidthIsTheFormulaOfTheDesign(t *testing.T) {
	for name, c := range map[string]struct {
		s               units.Bytes
		f               float64
		deadline, delay units.Virtual
		margin, want    float64
	}{
		"the paper's form, d·r/Q":         {50e3, 1, 200 * ms, 0, 0, 2e6},
		"delay and margin shorten Q":      {50e3, 1, 200 * ms, 30 * ms, 0.1, 400e3 / 0.15},
		"a fast source needs its average": {50e3, 24, 200 * ms, 0, 0, 9.6e6},
		"delay as long as the deadline":   {50e3, 1, 200 * ms, 200 * ms, 0, math.Inf(1)},
		"margin and delay use it up":      {50e3, 1, 200 * ms, 100 * ms, 0.5, math.Inf(1)},
		"no deadline left at margin 1":    {50e3, 1, 200 * ms, 0, 1, math.Inf(1)},
		"delay beyond the deadline":       {50e3, 1, 200 * ms, 900 * ms, 0, math.Inf(1)},
	} {
		got := float64(Bandwidth(c.s, c.f, c.deadline, c.delay, c.margin))
		if got != c.want && math.Abs(got/c.want-1) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestReservedIsSerialisationPlusDelay(t *testing.T) {
	for _, c := range []struct {
		b    units.Rate
		want units.Virtual
	}{{2e6, 210 * ms}, {4e6, 110 * ms}, {0, math.MaxInt64}, {units.Rate(math.Inf(1)), 10 * ms}} {
		if got := Reserved(50e3, c.b, 10*ms); got != c.want {
			t.Errorf("50 kB at %v: got %v, want %v", c.b, got, c.want)
		}
	}
}
