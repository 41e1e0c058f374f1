package testbed

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
)

// TestTheDelayLinesPacketsAreCounted has fifty links with background traffic: 10 Mb/s are 826 packets of 1514 bytes a second, and as
// many acknowledgements where TCP sends them.
func TestTheDelayLinesPacketsAreCounted(t *testing.T) {
	const full = 10e6 / (8 * 1514)
	for name, c := range map[string]struct {
		delay, uplink, kind string
		cores               int
		mean, busiest       float64 // packets a second while there is traffic
	}{
		"TCP, both ways delayed":  {"userspace", "rate: 10Mbps, delay: 10ms", "bulk", 3, 100 * full, 50 * full},
		"with one thread":         {"userspace", "rate: 10Mbps, delay: 10ms", "bulk", 2, 100 * full, 100 * full},
		"with a core for each":    {"userspace", "rate: 10Mbps, delay: 10ms", "bulk", 64, 100 * full, 2 * full},
		"only the way up":         {"userspace", "rate: 10Mbps, loss: 1%", "bulk", 3, 50 * full, 25 * full},
		"datagrams":               {"userspace", "rate: 10Mbps, delay: 10ms", "{udp: {rate: 10Mbps, packet: 1514B}}", 3, 50 * full, 25 * full},
		"more datagrams than fit": {"userspace", "rate: 10Mbps, delay: 10ms", "{udp: {rate: 20Mbps, packet: 1514B}}", 3, 100 * full, 50 * full},
		"packets that are joined": {"userspace", "delay: 10ms, rate: 400Mbps", "bulk", 3, 100 * 40 * full / joined, 50 * 40 * full / joined},
		"netem":                   {"netem", "rate: 10Mbps, delay: 10ms", "bulk", 2, 0, 0},
		"nothing that delays":     {"userspace", "rate: 10Mbps, queue: 60ms", "bulk", 2, 0, 0},
	} {
		var edges, background strings.Builder
		for i := range 50 {
			fmt.Fprintf(&edges, "    - {name: gw-%d, compute: 1GFLOPS, uplink: {%s}}\n", i, c.uplink)
			fmt.Fprintf(&background, "    - {link: gw-%d.uplink, kind: %s}\n", i, c.kind)
		}
		load := lineLoadOf(t, strings.NewReplacer("EDGES", edges.String(), "BACKGROUND", background.String(), "DELAY", c.delay).Replace(`
name: load
topology:
  name: load
  edges:
    - {name: apart, compute: 60GFLOPS, uplink: {rate: 20Mbps}}
EDGES
workload:
  name: load
  tasks: [{name: door, model: cnn2, edges: [apart], input: 20kB}]
  background:
BACKGROUND
emulation: {delay: DELAY, warmup: 200ms, duration: 10s}
`), c.cores)
		if math.Abs(load.busiest-c.busiest) > 1e-6*c.busiest {
			t.Errorf("%s: %v packets a second in the busiest span, want %v", name, load.busiest, c.busiest)
		}
		if load.mean > c.mean || load.mean < 0.9*c.mean {
			t.Errorf("%s: %v packets a second on average, want a little less than %v", name, load.mean, c.mean)
		}
	}
}

// lineLoadOf schedules an experiment and counts what passes its delay line on a host of so many cores.
func lineLoadOf(t *testing.T, text string, cores int) lineLoad {
	t.Helper()
	e := parse(t, text)
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	p, s, err := scheduled(t.Context(), e, o)
	if err != nil {
		t.Fatal(err)
	}
	p.Host.Cores, p.delays = cores, e.Emulation.Delay
	load, err := p.lineLoad(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	return load
}

// TestTheBusiestSpanCounts has the frames of ten edges come together, or one after the other.
func TestTheBusiestSpanCounts(t *testing.T) {
	busiest := func(arrival string) float64 {
		var edges strings.Builder
		for i := range 10 {
			fmt.Fprintf(&edges, "    - {name: gw-%d, compute: 60GFLOPS, uplink: {rate: 20Mbps, delay: 1ms}}\n", i)
		}
		return lineLoadOf(t, strings.NewReplacer("EDGES", edges.String(), "ARRIVAL", arrival).Replace(`
name: burst
topology:
  name: burst
  edges:
EDGES
workload:
  name: burst
  tasks: [{name: door, model: cnn2, input: 60kB, fps: 1, arrival: ARRIVAL}]
scheduler: {algorithm: cloud}
emulation: {delay: userspace}
`), 1).busiest
	}
	// 60 kB are 42 segments, each acknowledged, and an answer with its acknowledgement; within the deadline of 200 ms.
	if got, want := busiest("synchronised"), 10*2*43/0.2; math.Abs(got-want) > 1e-6*want {
		t.Errorf("frames that come together: %v packets a second, want %v", got, want)
	}
	if got, most := busiest("periodic"), 8*2*43/0.2; got > most {
		t.Errorf("frames with phases of their own: %v packets a second, want less than %v", got, most)
	}
}

func TestALinkCarriesNoMoreThanItsRate(t *testing.T) {
	// 10 Mb/s for 200 ms are 165.1 packets.
	packets := []float64{400, 0, 0, 10}
	carry(packets, 10e6, units.Virtual(2e8))
	most := 10e6 * 0.2 / (8 * 1514)
	if want := []float64{most, most, 400 - 2*most, 10}; slices.ContainsFunc([]int{0, 1, 2, 3}, func(i int) bool { return math.Abs(packets[i]-want[i]) > 1e-9 }) {
		t.Errorf("carried %v, want %v", packets, want)
	}
}

func TestAThreadOfTheDelayLineCarriesTheProbesOfAGroup(t *testing.T) {
	packets := 2 * float64(probeTogether) / float64(8*shape.Frame) // and their acknowledgements
	if most := lineShare / lineCorePerPacket; packets > most {
		t.Errorf("%v packets a second, and a thread may have %v", packets, most)
	}
}
