package scheduler

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

func linux(back ...units.Virtual) TCP {
	tcp := TCP{InitialWindow: 10, MinRTO: 200 * ms}
	for _, b := range back {
		tcp.Back = append(tcp.Back, Constant(b))
	}
	return tcp
}

// slowStart is the closed form for a frame alone on a link: the first window, then one twice as large whenever the first acknowledgement of
// the last one is there, until a window takes longer than that.
func slowStart(rate float64, oneWay, roundTrip float64, packets, size int) float64 {
	segment := 8 * float64(size) / rate
	start, window := 0.0, 10
	for packets > window {
		packets -= window
		start += max(roundTrip+segment, float64(window)*segment)
		window *= 2
	}
	return start + float64(packets)*segment + oneWay
}

func TestAFrameIsSentInSlowStart(t *testing.T) {
	const size = 1514
	for _, rate := range []float64{2e6, 20e6, 100e6} {
		for _, delay := range []units.Virtual{0, 5 * ms, 10 * ms, 80 * ms} {
			for _, packets := range []int{1, 10, 11, 30, 31, 83, 400} {
				net := Network{Edges: []NetworkEdge{behind(link(units.Rate(rate), -1), delay)}, Packet: size}
				got, err := PredictTCP(net, linux(delay/2), []Flow{{Captures: spans(0), Wire: units.Bytes(packets * size)}})
				if err != nil {
					t.Fatal(err)
				}
				want := slowStart(rate, delay.Seconds(), 1.5*delay.Seconds(), packets, size)
				if x := got[0].Transfer(0).Seconds(); math.Abs(x-want) > 1e-7 {
					t.Errorf("%v Mb/s, %v, %d packets: %.6g s, want %.6g s", rate/1e6, delay, packets, x, want)
				}
			}
		}
	}
}

// 30 packets of 1 ms over a round trip of 100 ms take three windows after a pause, and one where the window is still open.
func TestAWindowStaysOpenForAShortPause(t *testing.T) {
	net := Network{Edges: []NetworkEdge{behind(link(8e6, -1), 50*ms)}, Packet: 1000}
	cold := 1e3 * slowStart(8e6, 0.05, 0.1, 40, 1000)
	const warm = 40 + 50
	// The window has grown by every packet, to 50, and is halved: 25 packets and, when the first acknowledgement is there, 15 more.
	const halved = 101 + 15 + 50
	for name, c := range map[string]struct {
		at   units.Virtual // of the second frame
		want float64       // ms
	}{
		"still open":                        {400 * ms, warm},
		"a timeout that halves it":          {700 * ms, halved},
		"some, and it is what it was first": {5000 * ms, cold},
	} {
		got, err := PredictTCP(net, linux(50*ms), []Flow{{Captures: []units.Virtual{0, c.at}, Wire: 40e3}})
		if err != nil {
			t.Fatal(err)
		}
		if first, second := got[0].Transfer(0).Seconds()*1e3, got[0].Transfer(1).Seconds()*1e3; math.Abs(first-cold) > 1e-4 || math.Abs(second-c.want) > 1e-4 {
			t.Errorf("%s: %.4f and %.4f ms, want %.4f and %.4f", name, first, second, cold, c.want)
		}
	}
}

// With a window for everything, packets do what packets do in an open loop.
func TestPacketsWithoutAWindowAreStoredAndPassedOn(t *testing.T) {
	const p = 1500
	r := rand.New(rand.NewPCG(11, 16))
	for n := range 60 {
		net, flows := randomNetwork(r)
		net, least := unsteady(r, net)
		net.Packet = p
		tcp := TCP{InitialWindow: 1e6, MinRTO: 200 * ms, Back: make([]Course[units.Virtual], len(net.Edges))}
		got, err := PredictTCP(net, tcp, flows)
		if err != nil {
			t.Fatal(err)
		}
		want := inPackets(net, flows, 8*p)
		// What comes together may go in any order.
		slack := 0.0
		for _, rate := range least {
			slack += 8 * p / float64(rate) * float64(len(net.Edges))
		}
		for f := range flows {
			for i := range flows[f].Captures {
				if off := math.Abs((got[f].Received[i] - want[f].Received[i]).Seconds()); off > slack+1e-6 {
					t.Errorf("network %d, flow %d, frame %d: %v, want %v", n, f, i, got[f].Received[i], want[f].Received[i])
				}
			}
		}
	}
}

// Whoever borrows has at least what he reserved, all of the link when alone, and a part by his rate of what others leave.
func TestBorrowingIsInProportionToTheRates(t *testing.T) {
	const size = 100
	hop := Hop{Rate: Constant[units.Rate](8e6), Next: -1, Reserved: 6e6}
	net := Network{Edges: []NetworkEdge{behind(hop, 0)}, Packet: size}
	tcp := TCP{InitialWindow: 1e6, MinRTO: 200 * ms, Back: []Course[units.Virtual]{{}}, Borrow: true}
	for name, c := range map[string]struct {
		flows []Flow
		want  []units.Virtual
	}{
		"alone": {[]Flow{{Captures: spans(0), Wire: 10e3, Reserved: 2e6}}, spans(10)},
		// 2 to 4: until the second is through at 15 ms, the first has had a half of that.
		"two of three": {[]Flow{{Captures: spans(0), Wire: 10e3, Reserved: 2e6}, {Captures: spans(0), Wire: 10e3, Reserved: 4e6}}, spans(20, 15)},
		"with the rest": {[]Flow{{Captures: spans(0), Wire: 10e3, Reserved: 2e6}, {Captures: spans(0), Wire: 10e3, Reserved: 4e6}, {Captures: spans(0), Wire: 10e3}},
			spans(30, 20, 30)},
		"one that comes later gets its part at once": {[]Flow{{Captures: spans(0), Wire: 40e3, Reserved: 2e6}, {Captures: spans(10), Wire: 10e3, Reserved: 4e6}}, spans(50, 25)},
	} {
		got, err := PredictTCP(net, tcp, c.flows)
		if err != nil {
			t.Fatal(err)
		}
		for f, want := range c.want {
			if x := got[f].Received[0]; (x - want).Duration().Abs() > 400*time.Microsecond { // a few packets of 0.1 ms
				t.Errorf("%s, flow %d: %v, want %v", name, f, x, want)
			}
		}
	}
}

// Without borrowing a class is a link of one's own, in packets as in the fluid.
func TestReservedPacketsAreTheFluids(t *testing.T) {
	net := Network{
		Edges:  []NetworkEdge{behind(Hop{Rate: Constant[units.Rate](8e6), Next: 0, Reserved: 6e6}, 12*ms)},
		Trunks: []Hop{{Rate: Constant[units.Rate](20e6), Next: -1, Reserved: 6e6}},
		Packet: 1000,
	}
	flows := []Flow{
		{Captures: every(20*ms, 3), Wire: 10e3, Reserved: 4e6, Burst: 1500},
		{Captures: every(20*ms, 3), Wire: 10e3, Reserved: 2e6},
		{Captures: spans(0, 0), Wire: 5e3},
	}
	tcp := linux(0)
	tcp.InitialWindow = 1000
	got, err := PredictTCP(net, tcp, flows)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Predict(net, flows)
	if err != nil {
		t.Fatal(err)
	}
	// The burst is exact for the first hop only.
	if d := cmp.Diff(want[1:], got[1:], cmp.Comparer(func(a, b units.Virtual) bool { return (a - b).Duration().Abs() < time.Microsecond })); d != "" {
		t.Errorf("packets and the fluid (-fluid +packets):\n%s", d)
	}
	for n := range flows[0].Captures {
		if off := got[0].Received[n] - want[0].Received[n]; off < 0 || off > 3*ms {
			t.Errorf("frame %d of the class with a burst: packets %v, fluid %v", n, got[0].Received[n], want[0].Received[n])
		}
	}
}

// A bucket of two packets is overdrawn by the third, which goes at once all the same, and so the last one of a frame never takes any time.
func TestABucketLetsTheLastPacketThroughWhole(t *testing.T) {
	for _, c := range []struct {
		wire  units.Bytes
		burst units.Bytes
		want  units.Virtual
	}{
		{10_000, 2000, 7 * ms},  // nine packets less the bucket
		{10_300, 2000, 8 * ms},  // ten, the last one is short
		{3000, 2000, 0},         // the third goes with two
		{3001, 2000, 1 * ms},    // one byte more has to wait for the third
		{10_000, 0, 10 * ms},    // no bucket: when all is sent
		{10_300, 20_000, 0},     // all of it passes at once
		{20_500, 20_500, 0},     // so it does through a bucket as deep as the frame is long
		{1000, 1, 0},            // a packet alone
		{2000, 1, ms - ms/1000}, // and one behind it
	} {
		for name, flow := range map[string]Flow{
			"the link's": {Captures: spans(0, 100), Wire: c.wire},
			"a class's":  {Captures: spans(0, 100), Wire: c.wire, Reserved: 8e6, Burst: c.burst},
		} {
			hop := Hop{Rate: mbps(8), Burst: c.burst, Next: -1}
			if flow.Reserved > 0 {
				hop = Hop{Rate: mbps(80), Next: -1, Reserved: flow.Reserved}
			}
			net := Network{Edges: []NetworkEdge{behind(hop, 0)}, Packet: 1000}
			fluid, err := Predict(net, []Flow{flow})
			if err != nil {
				t.Fatal(err)
			}
			tcp := linux(0)
			tcp.InitialWindow = 1000
			packets, err := PredictTCP(net, tcp, []Flow{flow})
			if err != nil {
				t.Fatal(err)
			}
			for model, got := range map[string]Predicted{"fluid": fluid[0], "packets": packets[0]} {
				for n := range flow.Captures {
					if x := got.Transfer(n); (x - c.want).Duration().Abs() > time.Microsecond {
						t.Errorf("%d bytes through %s bucket of %d, frame %d by the %s: %v, want %v", c.wire, name, c.burst, n, model, x, c.want)
					}
				}
			}
		}
	}
}

func TestPredictTCPRefusesWhatCannotBe(t *testing.T) {
	for want, spoil := range map[string]func(*Network, *TCP){
		"packets of 0 bytes":    func(n *Network, _ *TCP) { n.Packet = 0 },
		"window of 0 packets":   func(_ *Network, t *TCP) { t.InitialWindow = 0 },
		"0 ways back for 1":     func(_ *Network, t *TCP) { t.Back = nil },
		"edge 0: way back: a d": func(_ *Network, t *TCP) { t.Back[0].First = -1 },
		"edge 0: compute 0":     func(n *Network, _ *TCP) { n.Edges[0].Compute = 0 },
	} {
		net, tcp := Network{Edges: []NetworkEdge{behind(link(8e6, -1), 0)}, Packet: 1500}, linux(0)
		spoil(&net, &tcp)
		if _, err := PredictTCP(net, tcp, nil); !errors.Is(err, ErrNetwork) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got error %v, want one that says %q", err, want)
		}
	}
}

func TestAHeapGivesTheLeastAndOfEqualsTheFirst(t *testing.T) {
	type item struct{ key, order int }
	h := heap[item]{compare: func(a, b item) int { return a.key - b.key }}
	r := rand.New(rand.NewPCG(3, 4))
	var want, got []item
	for n := range 1000 {
		x := item{r.IntN(30), n}
		want = append(want, x)
		h.push(x)
	}
	slices.SortStableFunc(want, func(a, b item) int { return a.key - b.key })
	for h.len() > 0 {
		least := *h.least()
		if x := h.pop(); x == least {
			got = append(got, x)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
