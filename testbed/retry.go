package testbed

import (
	"fmt"
	"math"
	"os"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
)

const (
	// leastStep and largestStep bound by how much the next dilation is larger than one that was not enough: less is
	// hardly worth a run, and a value far from its limit says little about how much would do.
	leastStep   = 1.5
	largestStep = 4
)

// nextDilation is the dilation to try after a run that these checks made invalid: 0 where they all hold, or where one failed
// that a larger dilation does not cure.
func nextDilation(checks []fidelity.Check, now units.Dilation) units.Dilation {
	cure := 0.0
	for _, c := range checks {
		if c.OK {
			continue
		}
		if !(c.Cure > 0) {
			return 0
		}
		cure = max(cure, c.Cure)
	}
	if cure == 0 || now >= maxDilation {
		return 0
	}
	return min(maxDilation, roundUp(float64(now)*min(max(cure, leastStep), largestStep)))
}

// roundUp rounds a dilation up to two digits.
func roundUp(d float64) units.Dilation {
	step := math.Pow(10, math.Floor(math.Log10(d))-1)
	steps := math.Ceil(d/step - 1e-9)
	if step < 1 { // a tenth of a number is exact where a number of tenths is not
		return units.Dilation(steps / math.Round(1/step))
	}
	return units.Dilation(steps * step)
}

// advise names the dilation to try next in the advice of every check it would cure.
func advise(report fidelity.Report, now units.Dilation) fidelity.Report {
	next := nextDilation(report.Checks, now)
	if next == 0 {
		return report
	}
	report.NextDilation = float64(next)
	for i, c := range report.Checks {
		if !c.OK {
			report.Checks[i].Advice = fmt.Sprintf("%s (next: --dilation %v, or --dilation auto --retry)", c.Advice, next)
		}
	}
	return report
}

// again is the experiment at the dilation that the checks of an invalid run name; ok is false where there is none.
func (e *Experiment) again(s *results.Summary) (next *Experiment, ok bool) {
	if s == nil || s.Verdict != results.Invalid || !(s.Fidelity.NextDilation > 0) {
		return nil, false
	}
	slower := *e
	slower.Emulation.Dilation = units.Dilation(s.Fidelity.NextDilation)
	return &slower, true
}

// setAside makes room for the next attempt: a run directory that was named by the user is renamed, others have names of their own.
func setAside(out string, attempt int) error {
	if out == "" {
		return nil
	}
	if err := os.Rename(out, fmt.Sprintf("%s.invalid-%d", out, attempt)); err != nil {
		return fmt.Errorf("make room for another attempt: %w", err)
	}
	return nil
}
