package shape

import (
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

func TestDividingALink(t *testing.T) {
	type figures struct {
		rate, ceil uint64
		limit      units.Bytes
		quantum    uint32
	}
	of := func(c Class) figures { return figures{c.BytesPerSecond, c.Ceil, c.Limit, c.Quantum} }
	const least = 16 * Frame
	for _, c := range []struct {
		name     string
		rate     units.Rate
		dilation units.Dilation
		reserved []units.Rate
		borrow   bool
		rest     figures
		classes  []figures
	}{
		{"the rest has what is left, at most", 20 * mbps, 1, []units.Rate{4 * mbps, 8 * mbps}, false,
			figures{1_000_000, 1_000_000, 50_000, 3028}, []figures{{500_000, 500_000, 25_000, 1514}, {1_000_000, 1_000_000, 50_000, 3028}}},
		{"borrowing up to the link's rate, by weight", 20 * mbps, 1, []units.Rate{4 * mbps, 8 * mbps}, true,
			figures{1_000_000, 2_500_000, 50_000, 3028}, []figures{{500_000, 2_500_000, 25_000, 1514}, {1_000_000, 2_500_000, 50_000, 3028}}},
		{"dilated: rates shrink, bytes stay", 20 * mbps, 4, []units.Rate{8 * mbps}, false,
			figures{375_000, 375_000, 75_000, 2271}, []figures{{250_000, 250_000, 50_000, 1514}}},
		{"a small class has room for a burst of TCP's", 20 * mbps, 1, []units.Rate{100 * kbps, 10 * mbps}, false,
			figures{1_237_500, 1_237_500, 61_875, 149_886}, []figures{{12_500, 12_500, least, 1514}, {1_250_000, 1_250_000, 62_500, 151_400}}},
		{"all reserved: the rest lives of what is idle", 20 * mbps, 1, []units.Rate{10 * mbps, 10 * mbps}, false,
			figures{250, 25_000, least, 1514}, []figures{{1_250_000, 1_250_000, 62_500, 1514}, {1_250_000, 1_250_000, 62_500, 1514}}},
		{"more than there is: all are cut alike", 20 * mbps, 1, []units.Rate{10 * mbps, 30 * mbps}, false,
			figures{250, 25_000, least, 1514}, []figures{{625_000, 625_000, 31_250, 1514}, {1_875_000, 1_875_000, 93_750, 4542}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := topologies.Link{Rate: c.rate, Queue: 50 * ms}
			whole, err := NewEgress(l, c.dilation, 0)
			if err != nil {
				t.Fatal(err)
			}
			var asked []Reservation
			for _, r := range c.reserved {
				asked = append(asked, Reservation{Rate: r, Smallest: 100_000})
			}
			rest, classes, err := Divide(l, c.dilation, whole, asked, 0, c.borrow)
			if err != nil {
				t.Fatal(err)
			}
			if got := of(rest); got != c.rest {
				t.Errorf("rest %+v, want %+v", got, c.rest)
			}
			sum := uint64(0)
			for n, class := range classes {
				if got := of(class); got != c.classes[n] {
					t.Errorf("class %d: %+v, want %+v", n, got, c.classes[n])
				}
				if class.Burst > max(1000, 1666) || class.Buffer == 0 || class.CeilBuffer == 0 {
					t.Errorf("class %d: burst %d B, buckets of %d and %d ticks", n, class.Burst, class.Buffer, class.CeilBuffer)
				}
				sum += class.BytesPerSecond
			}
			if float64(sum) > float64(whole.BytesPerSecond)*1.0001 {
				t.Errorf("the classes are promised %d bytes/s together, the link has %d", sum, whole.BytesPerSecond)
			}
		})
	}
}

func TestDividingRefusesWhatCannotBeShaped(t *testing.T) {
	l := topologies.Link{Rate: 10 * mbps, Queue: 50 * ms}
	for want, c := range map[string]struct {
		dilation units.Dilation
		rate     units.Rate
	}{
		"use a smaller dilation": {1000, 700 * kbps},
		"must be positive":       {1, 0},
	} {
		whole, err := NewEgress(l, c.dilation, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Divide(l, c.dilation, whole, []Reservation{{Rate: c.rate}}, 0, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v at dilation %v: error %v, want one with %q", c.rate, c.dilation, err, want)
		}
	}
}

// Tasks that are never there together do not cut each other's classes.
func TestReservationsOneAfterTheOtherAreNotCut(t *testing.T) {
	l := topologies.Link{Rate: 10e6, Queue: 50e6}
	whole, err := NewEgress(l, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for atOnce, want := range map[units.Rate]uint64{0: 5e6 / 8, 12e6: 5e6 / 8, 6e6: 6e6 / 8} {
		_, classes, err := Divide(l, 1, whole, []Reservation{{Rate: 6e6}, {Rate: 6e6}}, atOnce, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := classes[0].BytesPerSecond; got != want {
			t.Errorf("at most %v at once: a class of %d bytes/s, want %d", atOnce, got, want)
		}
	}
}
