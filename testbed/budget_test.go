package testbed

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

func TestSmallestDilationFitsAndALittleLessDoesNot(t *testing.T) {
	host := Host{Cores: 2, TimerP99: 0.0003}
	deadline := units.Virtual(200 * time.Millisecond)
	for _, cores := range []float64{0.1, 1.8, 1.81, 2.5, 14.6, 72.5, 1234} {
		b := Budget{Edges: cores}
		d := b.SmallestDilation(host, deadline)
		if !b.Fits(host, d) {
			t.Errorf("%g cores on 2: dilation %g does not fit", cores, float64(d))
		}
		if text := d.String(); len(strings.Trim(text, ".0")) > 3 {
			t.Errorf("%g cores on 2: dilation %s, want two digits", cores, text)
		}
		if exact := cores / (HostShare * 2); d > 1 && float64(d) > exact*1.11 {
			t.Errorf("%g cores on 2: dilation %g, while %.3g is enough", cores, float64(d), exact)
		}
	}
}

func TestSmallestDilationMakesTimersExactEnough(t *testing.T) {
	host := Host{Cores: 2, TimerP99: 0.010} // 10 ms late, 5 % of the deadline
	got := Budget{Edges: 0.1}.SmallestDilation(host, units.Virtual(200*time.Millisecond))
	if want := 5.0; math.Abs(float64(got)-want) > 1e-9 {
		t.Errorf("dilation %g, want %g: 10 ms must be 1 %% of the deadline's 200 ms × D", float64(got), want)
	}
}

func TestABudgetThatDoesNotFitIsRefusedWithTheDilationThatDoes(t *testing.T) {
	host, b := Host{Cores: 2}, Budget{Edges: 5, Cloud: 0.4}
	_, err := chooseDilation(1, b, host, 0, false)
	var input *InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "--dilation 3") {
		t.Errorf("error %v, want an InputError that names dilation 3", err)
	}
	if d, err := chooseDilation(1, b, host, 0, true); d != 1 || err != nil {
		t.Errorf("overcommitted: %g, %v; want 1", float64(d), err)
	}
	if d, err := chooseDilation(0, b, host, 0, false); d != 3 || err != nil {
		t.Errorf("auto: %g, %v; want 3", float64(d), err)
	}
	if d, err := chooseDilation(20, b, host, 0, false); d != 20 || err != nil {
		t.Errorf("more than needed: %g, %v; want 20", float64(d), err)
	}
}
