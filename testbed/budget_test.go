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

// constant is a budget that does not depend on the dilation.
func constant(b Budget) func(units.Dilation) (Budget, error) {
	return func(units.Dilation) (Budget, error) { return b, nil }
}

func TestABudgetThatDoesNotFitIsRefusedWithTheDilationThatDoes(t *testing.T) {
	host, b := Host{Cores: 2}, Budget{Edges: 5, Cloud: 0.4}
	_, _, err := chooseDilation(1, constant(b), host, 0, false)
	var input *InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "--dilation 3") {
		t.Errorf("error %v, want an InputError that names dilation 3", err)
	}
	if d, _, err := chooseDilation(1, constant(b), host, 0, true); d != 1 || err != nil {
		t.Errorf("overcommitted: %g, %v; want 1", float64(d), err)
	}
	if d, _, err := chooseDilation(0, constant(b), host, 0, false); d != 3.3 || err != nil {
		t.Errorf("auto: %g, %v; want 3, and a tenth more", float64(d), err)
	}
	if d, _, err := chooseDilation(20, constant(b), host, 0, false); d != 20 || err != nil {
		t.Errorf("more than needed: %g, %v; want 20", float64(d), err)
	}
}

// TestAThreadWithTooMuchToDoMakesTheDilationLarger: the delay line's work is not divided among cores as the rest is.
func TestAThreadWithTooMuchToDoMakesTheDilationLarger(t *testing.T) {
	host, b := Host{Cores: 64}, Budget{Network: 1, Delays: 1.5, Line: 1.1}
	d, _, err := chooseDilation(0, constant(b), host, 0, false)
	if err != nil || d != 2.5 || !b.Fits(host, 2.2) || b.Fits(host, 2.1) {
		t.Errorf("auto: %v, %v; want the 2.2 at which a thread is busy half of the time, and a tenth more", d, err)
	}
	if _, _, err := chooseDilation(2, constant(b), host, 0, false); err == nil || !strings.Contains(err.Error(), "thread of the delay line") || !strings.Contains(err.Error(), "--dilation 2.2") {
		t.Errorf("error %v, want one that names the delay line and dilation 2.2", err)
	}
	if _, _, err := chooseDilation(1, constant(Budget{Line: 2.38}), host, 0, false); err == nil || !strings.Contains(err.Error(), "--dilation 4.8 or more") {
		t.Errorf("error %v, want one that names dilation 4.8 in two digits", err)
	}
	// Its cores count like all others.
	if d := (Budget{Delays: 3.6}).SmallestDilation(Host{Cores: 2}, 0); d != 2 {
		t.Errorf("3.6 cores of delays on 2: dilation %v, want 2", d)
	}
}

// TestABudgetThatGrowsWithTheDilationFitsAtTheOneChosen: below some rate links are sent more packets for as many bytes.
func TestABudgetThatGrowsWithTheDilationFitsAtTheOneChosen(t *testing.T) {
	host := Host{Cores: 2}
	budget := func(d units.Dilation) (Budget, error) {
		if d < 2 {
			return Budget{Network: 2, Line: 0.2}, nil
		}
		return Budget{Network: 2, Line: 1.6}, nil
	}
	for name, c := range map[string]struct {
		edges       float64
		asked, want units.Dilation
	}{"below": {0, 0, 1.4}, "above": {1.8, 0, 3.6}, "asked for": {0, 1.2, 1.2}} {
		d, b, err := chooseDilation(c.asked, func(d units.Dilation) (Budget, error) {
			b, err := budget(d)
			b.Edges = c.edges
			return b, err
		}, host, 0, false)
		if err != nil || math.Abs(float64(d-c.want)) > 1e-9 || !b.Fits(host, d) {
			t.Errorf("%s: dilation %v with %+v (%v), want %v", name, d, b, err, c.want)
		}
	}
}
