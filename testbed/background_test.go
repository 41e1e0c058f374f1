package testbed

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/model"
)

// TestBackgroundTrafficIsWhatItSaysInVirtualTime has every kind of background traffic beside a task, at dilation 2. What fits is
// delivered whole; of what does not, the link delivers its rate.
func TestBackgroundTrafficIsWhatItSaysInVirtualTime(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	trace := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(trace, []byte("seconds,bytes\n0,1514\n0.1,60\n0.1,1000\n50,1000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e := parse(t, strings.ReplaceAll(`
name: background
topology:
  name: background
  edges:
    - {name: gw, compute: 60GFLOPS, uplink: {rate: 20Mbps}, downlink: {rate: 5Mbps, queue: 50ms}}
    - {name: idle, compute: 60GFLOPS, uplink: {rate: 10Mbps}}
    - {name: calm, compute: 60GFLOPS, uplink: {rate: 10Mbps}}
workload:
  name: background
  tasks: [{name: door, model: cnn2, edges: [gw], input: 20kB, fps: 4}]
  background:
    - {link: gw.uplink, kind: {udp: {rate: 4Mbps, packet: 1000B}}, start: 200ms, stop: 1200ms}
    - {link: gw.uplink, kind: {onoff: {rate: 4Mbps, packet: 500B, on: 100ms, off: 400ms}}, flows: 2}
    - {link: gw.uplink, kind: {trace: TRACE}, start: 1s}
    - {link: gw.downlink, kind: {udp: {rate: 10Mbps, packet: 1250B}}, start: 200ms, stop: 1200ms}
    - {link: idle.uplink, kind: bulk, flows: 2, congestion: reno, stop: 1s}
    - {link: calm.downlink, kind: {web: {rate: 20, size: 20kB}}, stop: 1s}
scheduler: {algorithm: edge}
emulation: {dilation: 2, warmup: 100ms, duration: 1500ms}
`, "TRACE", trace))
	s, _ := runValid(t, e, Options{})
	if len(s.Background) != 6 {
		t.Fatalf("%d kinds of background traffic in the summary, want 6", len(s.Background))
	}
	whole := func(n int, packets, bytes int64) {
		t.Helper()
		b := s.Background[n]
		if b.Offered != packets || b.OfferedBytes != bytes || b.DeliveredBytes != bytes || b.LostBytes != 0 {
			t.Errorf("%s on %s: %+v, want %d packets with %d bytes, all delivered", b.Kind, b.Link, b, packets, bytes)
		}
	}
	whole(0, 500, 500_000)
	whole(1, 2*3*100, 2*3*50_000)
	whole(2, 3, 1514+60+1000)
	// The link delivers its rate for the second that the flow lasts, and what its queue holds afterwards.
	flood := s.Background[3]
	if want := (1 + 0.05) * 5e6 / 8; flood.OfferedBytes != 1_250_000 || math.Abs(float64(flood.DeliveredBytes)/want-1) > 0.05 {
		t.Errorf("10 Mb/s into 5 Mb/s for a second: %d bytes offered and %d delivered, want 1250000 and %.0f", flood.OfferedBytes, flood.DeliveredBytes, want)
	}
	if bulk := s.Background[4]; float64(bulk.DeliveredBytes) < 0.7*10e6/8 || float64(bulk.DeliveredBytes) > 10e6/8 || bulk.OfferedBytes < bulk.DeliveredBytes {
		t.Errorf("two bulk flows over 10 Mb/s for a second: %+v", bulk)
	}
	// The last ones are still under way when the flow stops: a transfer takes some 20 ms on a link that nothing else is on.
	if web := s.Background[5]; web.Offered < 5 || web.Delivered < web.Offered-2 || web.OfferedBytes != 20_000*web.Offered {
		t.Errorf("20 transfers a second: %+v", web)
	}
}

func TestFlowsOfBurstsStartAtPlacesOfTheirOwn(t *testing.T) {
	phases := func(flows string, seed uint64) []units.Virtual {
		e := parse(t, `
name: bursts
topology: {name: one, edges: [{name: gw, compute: 60GFLOPS, uplink: {rate: 20Mbps}}]}
workload:
  name: bursts
  tasks: [{name: door, model: cnn2, input: 20kB}]
  background: [{link: gw.uplink, kind: {onoff: {rate: 1Mbps, on: 1s, off: 3s}}, flows: `+flows+`}]
`)
		s, err := resolve(t.Context(), e, model.Store{})
		if err != nil {
			t.Fatal(err)
		}
		return s.flows(9e9, seed)[0].Phases
	}
	many := phases("400", 1)
	if many[0] != 0 {
		t.Errorf("the first burst of the first flow begins %v late", many[0])
	}
	if again := phases("400", 1); !slices.Equal(many, again) {
		t.Error("the same seed gives other phases")
	}
	if few := phases("2", 1); !slices.Equal(few, many[:2]) {
		t.Errorf("the first two of two flows are at %v, of many at %v", few, many[:2])
	}
	if other := phases("2", 2); other[1] == many[1] {
		t.Error("another seed gives the same phase")
	}
	bursting := 0
	for _, p := range many[1:] {
		if p < 0 || p >= 4e9 {
			t.Fatalf("a phase of %v in a cycle of 4s", p)
		}
		if p < 1e9 {
			bursting++
		}
	}
	if bursting < 70 || bursting > 130 { // 100 ± 3.5 deviations
		t.Errorf("%d of 399 flows begin within a burst, want about a quarter", bursting)
	}
}

// TestWhatBackgroundCostsTheHost counts datagrams by their number: small ones cost more.
func TestWhatBackgroundCostsTheHost(t *testing.T) {
	load := func(kind string) float64 {
		e := parse(t, strings.ReplaceAll(`
name: cost
topology: {name: one, edges: [{name: gw, compute: 60GFLOPS, uplink: {rate: 20Mbps}}]}
workload:
  name: cost
  tasks: [{name: door, model: cnn2, input: 20kB}]
  background: [{link: gw.uplink, kind: KIND, flows: 2}]
`, "KIND", kind))
		s, err := resolve(t.Context(), e, model.Store{})
		if err != nil {
			t.Fatal(err)
		}
		return float64(s.load(s.flows(1e9, 1)[0]))
	}
	for kind, want := range map[string]float64{
		"bulk":                                20e6,
		"{udp: {rate: 3Mbps, packet: 1514B}}": 6e6,
		"{udp: {rate: 3Mbps, packet: 757B}}":  12e6,
	} {
		if got := load(kind); math.Abs(got/want-1) > 1e-9 {
			t.Errorf("%s: as much as %v bit/s of full packets, want %v", kind, got, want)
		}
	}
}
