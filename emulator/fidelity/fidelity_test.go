package fidelity

import (
	"math"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

func TestJudgeIsInvalidWithoutARequiredCheck(t *testing.T) {
	ok := Check{Name: "link_rate", Subject: "a.uplink", OK: true}
	if got := Judge([]Check{ok}, "link_rate").Verdict; got != Valid {
		t.Errorf("one good check of the one required name: %s, want %s", got, Valid)
	}
	report := Judge([]Check{ok}, "link_rate", "cpu_granted")
	if report.Verdict != Invalid {
		t.Errorf("a required check is missing: %s, want %s", report.Verdict, Invalid)
	}
	if last := report.Checks[len(report.Checks)-1]; last.Name != "cpu_granted" || last.OK || last.Advice == "" {
		t.Errorf("the missing check is not named: %+v", last)
	}
	if got := Judge(nil).Verdict; got != Invalid {
		t.Errorf("no checks at all: %s, want %s", got, Invalid)
	}
}

func TestLinkRateFailsOnBothSides(t *testing.T) {
	for _, c := range []struct {
		measured units.Rate
		ok       bool
	}{{10e6, true}, {9.6e6, true}, {9.4e6, false}, {10.4e6, true}, {10.6e6, false}, {0, false}, {units.Rate(math.NaN()), false}} {
		got := LinkRate("gw.uplink", 10e6, c.measured)
		if got.OK != c.ok || (got.Advice == "") != c.ok {
			t.Errorf("measured %g of 10e6: ok %v, advice %q; want ok %v", float64(c.measured), got.OK, got.Advice, c.ok)
		}
	}
}

func TestCPUGrantedComparesUseWithQuotaWhileBusy(t *testing.T) {
	const period = 20 * time.Millisecond
	ms := func(wall, cpu float64) Busy {
		return Busy{Wall: time.Duration(wall * 1e6), CPU: time.Duration(cpu * 1e6)}
	}
	for name, c := range map[string]struct {
		quota      float64
		spans      []Busy
		known, ok  bool
		value, eps float64
	}{
		"whole quota":             {0.25, []Busy{ms(400, 100), ms(420, 100)}, true, true, 200 / (0.25 * 780), 1e-9},
		"a fifth missing":         {0.25, []Busy{ms(400, 76)}, true, false, 76 / (0.25 * 380), 1e-9},
		"short work says nothing": {0.25, []Busy{ms(5, 5), ms(20, 5)}, false, false, 0, 0},
		"one of two threads":      {1.5, []Busy{ms(420, 300)}, true, true, 1, 1e-9},
	} {
		got, known := CPUGranted("gw", c.quota, period, c.spans)
		if known != c.known || got.OK != c.ok || math.Abs(got.Value-c.value) > c.eps {
			t.Errorf("%s: %+v known %v; want value %g, ok %v, known %v", name, got, known, c.value, c.ok, c.known)
		}
	}
}

func TestTimerLatenessIsHeldAgainstTheDeadline(t *testing.T) {
	deadline := units.Virtual(200 * time.Millisecond)
	if c := TimerLateness("gw", units.Virtual(3*time.Millisecond), deadline); !c.OK {
		t.Errorf("3 ms late of 200 ms: %+v, want ok", c)
	}
	if c := TimerLateness("gw", units.Virtual(5*time.Millisecond), deadline); c.OK {
		t.Errorf("5 ms late of 200 ms: %+v, want a failure", c)
	}
}

func TestARoundTripIsHeldAgainstThePlan(t *testing.T) {
	deadline := units.Virtual(200 * time.Millisecond)
	for _, c := range []struct {
		off      time.Duration
		returned int
		ok       bool
	}{{time.Millisecond, 50, true}, {5 * time.Millisecond, 50, false}, {0, 1, true}, {0, 0, false}} {
		got := RoundTripProbe("gw", units.Virtual(c.off), c.returned, deadline)
		if got.OK != c.ok || (got.Advice == "") != c.ok || math.IsNaN(got.Value) != (c.returned == 0) {
			t.Errorf("off by %v, %d came back: %+v, want ok %v", c.off, c.returned, got, c.ok)
		}
	}
}

func TestBackloggedRateCountsOnlySpansThatCannotRunEmpty(t *testing.T) {
	const rate = 8e6 // 1 byte a microsecond
	var points []LinkPoint
	bytes := int64(0)
	// 50 spans of 10 ms at half speed with a backlog that lasts, and 50 idle ones between them.
	for i := range 100 {
		p := LinkPoint{At: int64(i) * 10e6, Bytes: bytes, Planned: rate}
		if i%2 == 0 {
			p.Backlog = 20_000
			bytes += 5_000
		}
		points = append(points, p)
	}
	planned, got, ok := BackloggedRate(points)
	if !ok || math.Abs(float64(got)-rate/2) > 1 || planned != rate {
		t.Errorf("got %g of %g ok %v, want %g of %g", float64(got), float64(planned), ok, rate/2.0, rate)
	}
	for i := range points {
		points[i].Backlog /= 4 // 5 kB: could drain within the span
	}
	if _, got, ok := BackloggedRate(points); ok {
		t.Errorf("backlog that may have drained gave a rate of %g", float64(got))
	}
}

func TestBackloggedRateFollowsAPlanThatChanges(t *testing.T) {
	// A link of 8 and, from the middle on, of 2 Mb/s, always backlogged; down for a while, and its queue new after that.
	var points []LinkPoint
	at, bytes := int64(0), int64(0)
	span := func(n int, planned units.Rate) {
		for range n {
			points = append(points, LinkPoint{At: at, Bytes: bytes, Backlog: 1 << 20, Planned: planned})
			at += 10e6
			bytes += int64(planned / 8 / 100)
		}
	}
	span(50, 8e6)
	span(20, 0)
	bytes = 0
	span(50, 2e6)
	planned, measured, ok := BackloggedRate(points)
	if !ok || math.Abs(float64(planned)-5e6) > 1 || math.Abs(float64(measured/planned)-1) > 1e-9 {
		t.Errorf("planned %g, measured %g, %v; want 5e6 for both", float64(planned), float64(measured), ok)
	}
}

func TestCompleteAndParity(t *testing.T) {
	if c := Complete("cam at gw", 9, 10); c.OK || c.Value != 0.9 {
		t.Errorf("9 of 10: %+v", c)
	}
	if c := Complete("cam at gw", 10, 10); !c.OK {
		t.Errorf("10 of 10: %+v", c)
	}
	if c := Parity("cam at gw", 1e-3); c.OK {
		t.Errorf("difference 1e-3: %+v", c)
	}
	if c := Parity("cam at gw", math.NaN()); c.OK {
		t.Errorf("difference NaN: %+v", c)
	}
}

func TestCPUProbeFailsOnBothSidesOfAQuota(t *testing.T) {
	for _, c := range []struct {
		quota, share float64 // of a core: granted, used
		ok           bool
	}{{0.25, 0.25, true}, {0.25, 0.21, false}, {0.25, 0.29, false}, {0.25, 1, false}, {1.5, 1.5, true}, {1.5, 1.2, false}, {1.5, 2, false}} {
		span := Busy{Wall: time.Second, CPU: time.Duration(c.share * float64(time.Second))}
		if got := CPUProbe("gw", c.quota, span); got.OK != c.ok || (got.Advice == "") != c.ok {
			t.Errorf("%g cores used under a quota of %g: %+v, want ok %v", c.share, c.quota, got, c.ok)
		}
	}
}
