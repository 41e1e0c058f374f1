package results

import (
	"math"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
)

func TestClassifyHoldsEachFrameAgainstItsDeadline(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		on                                string
		captured, ready, received, answer float64
		want                              string
	}{
		"in time":                             {Transfer, 1, 1.1, 1.25, 1.9, OnTime},
		"exactly the deadline":                {Transfer, 1, 1.1, 1.3, 1.9, OnTime},
		"a microsecond late":                  {Transfer, 1, 1.1, 1.300001, 1.9, Late},
		"waiting to compute is not transfer":  {Transfer, 1, 5, 5.1, 5.2, OnTime},
		"but it is end to end":                {EndToEnd, 1, 5, 5.1, 5.2, Late},
		"end to end in time":                  {EndToEnd, 1, 1.05, 1.1, 1.2, OnTime},
		"never received":                      {Transfer, 1, 1.1, nan, nan, Lost},
		"never ready":                         {Transfer, 1, nan, nan, nan, Lost},
		"received but not answered":           {EndToEnd, 1, 1.1, 1.2, nan, Lost},
		"received, the answer does not count": {Transfer, 1, 1.1, 1.2, nan, OnTime},
		"warm-up":                             {Transfer, -0.001, 0.1, 0.2, 0.3, Warmup},
		"first moment of the window":          {Transfer, 0, 0.1, 0.2, 0.3, OnTime},
		"end of the window":                   {Transfer, 10, 10.1, 10.2, 10.3, Warmup},
		"no capture time":                     {Transfer, nan, 1, 1.1, 1.2, Warmup},
		"late within the grace of a second":   {Transfer, 9.9, 10, 10.99, 11, Late},
		"after the grace":                     {Transfer, 9.9, 10, 11.01, 11.1, Lost},
	} {
		rule := Rule{On: c.on, Quantile: 0.99, Window: 10000 * ms, Deadlines: map[string]units.Virtual{"cam": 200 * ms}}
		frames := []Frame{{Task: "cam", Edge: "gw", Captured: c.captured, Ready: c.ready, Received: c.received, Answered: c.answer}}
		Classify(frames, rule)
		if frames[0].Status != c.want {
			t.Errorf("%s: got %s, want %s", name, frames[0].Status, c.want)
		}
	}
}

func TestGraceIsTwoDeadlinesAtLeastASecond(t *testing.T) {
	for deadline, want := range map[units.Virtual]units.Virtual{200 * ms: 1000 * ms, 500 * ms: 1000 * ms, 5000 * ms: 10000 * ms} {
		if got := Grace(deadline); got != want {
			t.Errorf("deadline %v: got %v, want %v", deadline, got, want)
		}
	}
}

func TestAFrameOfATaskWithoutDeadlineIsNeverLate(t *testing.T) {
	frames := []Frame{{Task: "other", Captured: 1, Ready: 1, Received: 30}, {Task: "other", Captured: 1, Ready: 1, Received: math.NaN()}}
	Classify(frames, Rule{On: Transfer, Window: 10000 * ms})
	if frames[0].Status != OnTime || frames[1].Status != Lost {
		t.Errorf("got %s and %s, want %s and %s", frames[0].Status, frames[1].Status, OnTime, Lost)
	}
}
