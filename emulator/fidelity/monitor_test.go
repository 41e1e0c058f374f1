package fidelity

import (
	"math"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/units"
)

func TestParseStatCountsIdleNiceAndWaiting(t *testing.T) {
	all, left, err := parseStat("cpu  100 10 50 800 40 3 7 90 5 5\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if err != nil || all != 1100 || left != 850 {
		t.Errorf("all %d, left %d, %v; want 1100 and 850: guest times are in user", all, left, err)
	}
	for _, text := range []string{"", "cpu 1 2\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu a b c d e f g h\n"} {
		if _, _, err := parseStat(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestParseSoftnetAddsUpAllCPUs(t *testing.T) {
	dropped, err := parseSoftnet("00000005 0000000a 00000001\n000042c0 00000010 00000000\n")
	if err != nil || dropped != 26 {
		t.Errorf("%d dropped, %v; want 26", dropped, err)
	}
	for _, text := range []string{"00000005\n", "1 zz\n"} {
		if _, err := parseSoftnet(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestTheHostIsReadAndGoesForward(t *testing.T) {
	a, err := ReadHost()
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadHost()
	if err != nil {
		t.Fatal(err)
	}
	if left := b.leftSince(a); left < 0 || left > 1 {
		t.Errorf("%g of the host was left between two readings", left)
	}
	if c := HostDrops(a, b); c.Value < 0 {
		t.Errorf("%g packets dropped", c.Value)
	}
}

func TestHostChecks(t *testing.T) {
	reading := func(at time.Duration, all, left, dropped uint64, wait time.Duration) HostReading {
		return HostReading{At: int64(at), all: all, left: left, dropped: dropped, softirqWait: map[string]int64{"14": int64(wait)}}
	}
	a := reading(time.Second, 1000, 500, 3, time.Second)
	for name, c := range map[string]struct {
		b                    HostReading
		left, drops, softirq bool
	}{
		"half idle":         {reading(11*time.Second, 3000, 1500, 3, time.Second), true, true, true},
		"nothing left":      {reading(11*time.Second, 3000, 520, 3, time.Second), false, true, true},
		"packets dropped":   {reading(11*time.Second, 3000, 1500, 4, time.Second), true, false, true},
		"a second of waits": {reading(11*time.Second, 3000, 1500, 3, 2*time.Second), true, true, false},
	} {
		softirq, known := SoftirqStarved(a, c.b)
		for check, want := range map[*Check]bool{ptr(HostLeft(a, c.b)): c.left, ptr(HostDrops(a, c.b)): c.drops, &softirq: c.softirq} {
			if check.OK != want || (check.Advice == "") != want || (check.Cure == 0) != want || !known {
				t.Errorf("%s: %+v, want ok %v", name, *check, want)
			}
		}
	}
	if _, known := SoftirqStarved(HostReading{At: 1}, HostReading{At: 2}); known {
		t.Error("a kernel that tells nothing about ksoftirqd passed a check on it")
	}
}

func ptr(c Check) *Check { return &c }

func TestStallAndStoppedAndAsPlanned(t *testing.T) {
	deadline := units.Virtual(200 * time.Millisecond)
	if c := Stall("gw", units.Virtual(90*time.Millisecond), deadline); !c.OK {
		t.Errorf("90 ms of a deadline of 200 ms: %+v, want ok", c)
	}
	if c := Stall("gw", units.Virtual(500*time.Millisecond), deadline); c.OK || math.Abs(c.Cure-5) > 1e-9 {
		t.Errorf("500 ms of a deadline of 200 ms: %+v, want a failure that five times the dilation cures", c)
	}
	if c := Stopped("gw", true); c.OK || c.Cure != 0 {
		t.Errorf("a stopped node: %+v, want a failure that no dilation cures", c)
	}
	if c := AsPlanned(nil); !c.OK {
		t.Errorf("no difference: %+v", c)
	}
	if c := AsPlanned([]string{"rate"}); c.OK || c.Value != 1 || c.Cure != 0 {
		t.Errorf("one difference: %+v", c)
	}
}
