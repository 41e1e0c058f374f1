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

// link is a hop that feeds trunk next, or the cloud.
func link(rate units.Rate, next int) Hop { return Hop{Rate: Constant(rate), Next: next} }

// behind is an edge of a GFLOPS behind an uplink, and a delay.
func behind(uplink Hop, delay units.Virtual) NetworkEdge {
	return NetworkEdge{Compute: 1e9, Uplink: uplink, Delay: Constant(delay)}
}

func every(period units.Virtual, n int) []units.Virtual {
	var at []units.Virtual
	for i := range n {
		at = append(at, period*units.Virtual(i))
	}
	return at
}

func spans(milliseconds ...float64) []units.Virtual {
	var out []units.Virtual
	for _, x := range milliseconds {
		out = append(out, units.Virtual(x*float64(ms)))
	}
	return out
}

// Frames of 10 kB take 10 ms at 8 Mb/s; a GFLOPS does a million operations in a millisecond.
func TestPredictedLatenciesOfSmallNetworks(t *testing.T) {
	edge := func(hop Hop) []NetworkEdge { return []NetworkEdge{behind(hop, 0)} }
	burst := func(b units.Bytes) []NetworkEdge {
		return edge(Hop{Rate: Constant[units.Rate](8e6), Burst: b, Next: -1})
	}
	for name, c := range map[string]struct {
		net             Network
		flows           []Flow
		ready, received [][]units.Virtual
	}{
		"one frame": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, spans(0), 5e6, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(5)}, [][]units.Virtual{spans(15)}},
		"delay adds": {Network{Edges: []NetworkEdge{behind(link(8e6, -1), 30*ms)}}, []Flow{{0, spans(0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0)}, [][]units.Virtual{spans(40)}},
		"frames wait for each other": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, spans(0, 0, 12), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 0, 12)}, [][]units.Virtual{spans(10, 20, 30)}},
		"a link that has emptied waits for nobody": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, spans(0, 50), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 50)}, [][]units.Virtual{spans(10, 60)}},
		"twice what the link carries": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, every(5*ms, 5), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{every(5*ms, 5)}, [][]units.Virtual{spans(10, 20, 30, 40, 50)}},
		"flows share the worker and the link": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, spans(0), 8e6, 10e3, nil, 0, 0}, {0, spans(1), 4e6, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(8), spans(12)}, [][]units.Virtual{spans(18), spans(28)}},
		"cut 0 does not wait for the worker": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, spans(0), 50e6, 10e3, nil, 0, 0}, {0, spans(1), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(50), spans(1)}, [][]units.Virtual{spans(60), spans(11)}},
		"a burst comes early": {Network{Edges: burst(2e3)}, []Flow{{0, spans(0, 0, 100), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 0, 100)}, [][]units.Virtual{spans(8, 18, 108)}},
		"a frame within the burst is there at once": {Network{Edges: burst(20e3)}, []Flow{{0, spans(0, 0, 0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 0, 0)}, [][]units.Virtual{spans(0, 0, 10)}},
		"a fast trunk adds nothing": {Network{edge(link(8e6, 0)), []Hop{link(80e6, -1)}, 0}, []Flow{{0, spans(0, 0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 0)}, [][]units.Virtual{spans(10, 20)}},
		"a trunk as fast as its uplink adds nothing": {Network{edge(link(8e6, 0)), []Hop{link(8e6, -1)}, 0}, []Flow{{0, spans(0, 0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 0)}, [][]units.Virtual{spans(10, 20)}},
		"a slow trunk is what counts": {Network{edge(link(8e6, 0)), []Hop{link(4e6, -1)}, 0}, []Flow{{0, spans(0, 0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0, 0)}, [][]units.Virtual{spans(20, 40)}},
		"a delay before two trunks": {Network{[]NetworkEdge{behind(link(8e6, 0), 30*ms)}, []Hop{link(8e6, 1), link(8e6, -1)}, 0}, []Flow{{0, spans(0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0)}, [][]units.Virtual{spans(40)}},
		"two edges share a trunk of half their rate": {
			Network{[]NetworkEdge{behind(link(8e6, 0), 0), behind(link(8e6, 0), 0)}, []Hop{link(8e6, -1)}, 0},
			[]Flow{{0, spans(0), 0, 10e3, nil, 0, 0}, {1, spans(0), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0), spans(0)}, [][]units.Virtual{spans(20), spans(20)}},
		"later traffic does not delay earlier": {
			Network{[]NetworkEdge{behind(link(8e6, 0), 0), behind(link(8e6, 0), 0)}, []Hop{link(8e6, -1)}, 0},
			[]Flow{{0, spans(0), 0, 10e3, nil, 0, 0}, {1, spans(5), 0, 10e3, nil, 0, 0}},
			// Until 10 ms the trunk got 10 kB of the first and 5 of the second and passed 10 of these 15.
			[][]units.Virtual{spans(0), spans(5)}, [][]units.Virtual{spans(15), spans(20)}},
		"a chain of trunks, the second the narrowest": {
			Network{[]NetworkEdge{behind(link(8e6, 0), 0), behind(link(8e6, 1), 0)}, []Hop{link(16e6, 1), link(4e6, -1)}, 0},
			[]Flow{{0, spans(0), 0, 10e3, nil, 0, 0}, {1, spans(100), 0, 10e3, nil, 0, 0}},
			[][]units.Virtual{spans(0), spans(100)}, [][]units.Virtual{spans(20), spans(120)}},
		"nothing to send": {Network{Edges: edge(link(8e6, -1))}, []Flow{{0, nil, 1, 1, nil, 0, 0}, {0, spans(3), 0, 0, nil, 0, 0}},
			[][]units.Virtual{{}, spans(3)}, [][]units.Virtual{{}, spans(3)}},
	} {
		got, err := Predict(c.net, c.flows)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for f := range c.flows {
			want := Predicted{c.ready[f], c.received[f]}
			microsecond := cmp.Comparer(func(a, b units.Virtual) bool { return max(a-b, b-a) <= units.Virtual(time.Microsecond) })
			if d := cmp.Diff(want, got[f], microsecond); d != "" {
				t.Errorf("%s, flow %d (-want +got):\n%s", name, f, d)
			}
		}
	}
}

func TestMedianTransferIsThatOfTheWindow(t *testing.T) {
	captures := spans(-100, 0, 100, 200, 300)
	p := Predicted{Ready: captures, Received: spans(-1, 10, 120, 230, 390)} // 99, 10, 20, 30, 90 ms
	for _, c := range []struct {
		from, to, want units.Virtual
		ok             bool
	}{{0, 1000 * ms, 25 * ms, true}, {0, 300 * ms, 20 * ms, true}, {-1000 * ms, 1000 * ms, 30 * ms, true}, {400 * ms, 1000 * ms, 0, false}} {
		if got, ok := p.MedianTransfer(captures, c.from, c.to); got != c.want || ok != c.ok {
			t.Errorf("%v..%v: got %v, %v; want %v, %v", c.from, c.to, got, ok, c.want, c.ok)
		}
	}
}

// carried is the bits a link carries at most from 0 on until a time, and carrying when those are that many.
func carried(rate Course[units.Rate], until float64) float64 {
	bits, from, now := 0.0, 0.0, rate.First
	for _, s := range rate.Steps {
		to := min(s.At.Seconds(), until)
		bits, from, now = bits+float64(now)*(to-from), to, s.To
	}
	return bits + float64(now)*(until-from)
}

func carrying(rate Course[units.Rate], bits float64) float64 {
	from, now := 0.0, rate.First
	for _, s := range rate.Steps {
		if more := carried(rate, s.At.Seconds()); more >= bits {
			break
		}
		from, now = s.At.Seconds(), s.To
	}
	return from + (bits-carried(rate, from))/float64(now)
}

// unsteady lets every link of a network change a few times, or be down for a while, and tells the lowest rate of each trunk.
func unsteady(r *rand.Rand, net Network) (Network, []units.Rate) {
	change := func(h *Hop) (least units.Rate) {
		least = h.Rate.First
		at := units.Virtual(0)
		for range r.IntN(8) {
			at += units.Virtual(1+r.IntN(600)) * ms
			if r.IntN(4) == 0 {
				h.Rate.Steps = append(h.Rate.Steps, Step[units.Rate]{at, 0})
				at += units.Virtual(1+r.IntN(300)) * ms
			}
			rate := units.Rate(4e6 + 30e6*r.Float64())
			h.Rate.Steps = append(h.Rate.Steps, Step[units.Rate]{at, rate})
			least = min(least, rate)
		}
		return least
	}
	for i := range net.Edges {
		change(&net.Edges[i].Uplink)
	}
	var least []units.Rate
	for i := range net.Trunks {
		least = append(least, change(&net.Trunks[i]))
	}
	return net, least
}

// inPackets is the same system in small packets, each stored at a hop and forwarded when its last bit has left: an
// independent way to the fluid's figures, and what a network really does.
func inPackets(net Network, flows []Flow, size float64) []Predicted {
	type packet struct {
		at          float64
		flow, frame int
		last        bool
		bits        float64
	}
	fluid, _ := Predict(net, flows) // for the ready times alone, which have a test of their own
	out := make([]Predicted, len(flows))
	queue := make([][]packet, len(net.Edges)+len(net.Trunks)) // what arrives at every hop
	for f, flow := range flows {
		out[f] = Predicted{fluid[f].Ready, make([]units.Virtual, len(flow.Captures))}
		for n := range flow.Captures {
			bits := 8 * float64(flow.Wire)
			at := (out[f].Ready[n] + net.Edges[flow.Edge].Delay.First).Seconds()
			for sent := 0.0; sent < bits; sent += size {
				queue[flow.Edge] = append(queue[flow.Edge], packet{at, f, n, sent+size >= bits, min(size, bits-sent)})
			}
		}
	}
	pass := func(hop Hop, arrivals []packet) {
		slices.SortStableFunc(arrivals, func(a, b packet) int {
			if a.at < b.at {
				return -1
			}
			if a.at > b.at {
				return 1
			}
			return 0
		})
		sent := 0.0 // in bits that the hop could have sent since its beginning
		for _, p := range arrivals {
			sent = max(sent, carried(hop.Rate, p.at)) + p.bits
			p.at = carrying(hop.Rate, sent)
			if hop.Next >= 0 {
				queue[len(net.Edges)+hop.Next] = append(queue[len(net.Edges)+hop.Next], p)
			} else if p.last {
				out[p.flow].Received[p.frame] = virtual(p.at)
			}
		}
	}
	for i, e := range net.Edges {
		pass(e.Uplink, queue[i])
	}
	for _, n := range net.trunkOrder() {
		pass(net.Trunks[n], queue[len(net.Edges)+n])
	}
	return out
}

func randomNetwork(r *rand.Rand) (Network, []Flow) {
	var net Network
	for n := range r.IntN(4) {
		net.Trunks = append(net.Trunks, link(units.Rate(5e6+40e6*r.Float64()), r.IntN(n+1)-1))
	}
	for range 1 + r.IntN(4) {
		net.Edges = append(net.Edges, behind(link(units.Rate(2e6+20e6*r.Float64()), r.IntN(len(net.Trunks)+1)-1), units.Virtual(r.IntN(40))*ms))
	}
	var flows []Flow
	for range 1 + r.IntN(6) {
		f := Flow{Edge: r.IntN(len(net.Edges)), Operations: 20e6 * r.Float64() * float64(r.IntN(2)), Wire: units.Bytes(2e3 + r.IntN(60e3))}
		period, phase := units.Virtual(50+r.IntN(200))*ms, units.Virtual(r.IntN(50))*ms
		for n := range 20 {
			f.Captures = append(f.Captures, phase+period*units.Virtual(n))
		}
		flows = append(flows, f)
	}
	return net, flows
}

func TestFluidAgreesWithSmallPackets(t *testing.T) {
	const size = 8 * 100.0 // bits
	r := rand.New(rand.NewPCG(11, 12))
	for n := range 60 {
		net, flows := randomNetwork(r)
		net, least := unsteady(r, net)
		got, err := Predict(net, flows)
		if err != nil {
			t.Fatal(err)
		}
		// A packet is late by its own length at every further hop, and by one of every other flow where it is
		// overtaken by those that arrive in the same moment.
		slack := 0.0
		for _, rate := range least {
			slack += size / float64(rate) * float64(len(net.Edges)+2)
		}
		want := inPackets(net, flows, size)
		for f := range flows {
			for i := range flows[f].Captures {
				if diff := math.Abs((got[f].Received[i] - want[f].Received[i]).Seconds()); diff > slack+1e-6 {
					t.Errorf("network %d, flow %d, frame %d: fluid %v, packets %v; more than %.3f ms apart", n, f, i, got[f].Received[i], want[f].Received[i], 1e3*slack)
				}
			}
		}
	}
}

func TestPredictionsAreCausalAndFasterOnFasterLinks(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for n := range 200 {
		net, flows := randomNetwork(r)
		slow, err := Predict(net, flows)
		if err != nil {
			t.Fatal(err)
		}
		for i := range net.Edges {
			net.Edges[i].Uplink.Rate.First *= 1.5
		}
		for i := range net.Trunks {
			net.Trunks[i].Rate.First *= 1.5
		}
		fast, err := Predict(net, flows)
		if err != nil {
			t.Fatal(err)
		}
		for f, flow := range flows {
			edge := net.Edges[flow.Edge]
			least := edge.Delay.First + units.Rate(edge.Uplink.Rate.First/1.5).Time(flow.Wire)
			for i := range flow.Captures {
				if slow[f].Ready[i] < flow.Captures[i] || slow[f].Transfer(i) < least-10 {
					t.Errorf("network %d, flow %d, frame %d: ready %v, transfer %v; captured at %v, least transfer %v",
						n, f, i, slow[f].Ready[i], slow[f].Transfer(i), flow.Captures[i], least)
				}
				if fast[f].Received[i] > slow[f].Received[i]+10 {
					t.Errorf("network %d, flow %d, frame %d: received at %v, with all links faster at %v", n, f, i, slow[f].Received[i], fast[f].Received[i])
				}
			}
		}
	}
}

func TestPredictRefusesWhatCannotBe(t *testing.T) {
	for want, spoil := range map[string]func(*Network, []Flow){
		"edge 0: compute 0":      func(n *Network, _ []Flow) { n.Edges[0].Compute = 0 },
		"uplink of edge 0: rate": func(n *Network, _ []Flow) { n.Edges[0].Uplink.Rate.First = 0 },
		"trunk 1: rate":          func(n *Network, _ []Flow) { n.Trunks[1].Rate.First = units.Rate(math.NaN()) },
		"a delay of -0.001 s":    func(n *Network, _ []Flow) { n.Edges[0].Delay.First = -ms },
		"from 2s on: rate -1":    func(n *Network, _ []Flow) { n.Trunks[1].Rate.Steps = []Step[units.Rate]{{2000 * ms, -1}} },
		"at 1s comes after one at 2s": func(n *Network, _ []Flow) {
			n.Edges[0].Uplink.Rate.Steps = []Step[units.Rate]{{2000 * ms, 1e6}, {1000 * ms, 2e6}}
		},
		"next 2 is none of the 2":    func(n *Network, _ []Flow) { n.Trunks[1].Next = 2 },
		"form a circle":              func(n *Network, _ []Flow) { n.Trunks[1].Next = 0 },
		"flow 0: there is no edge 4": func(_ *Network, f []Flow) { f[0].Edge = 4 },
		"-1 FLOP":                    func(_ *Network, f []Flow) { f[0].Operations = -1 },
		"-9 bytes":                   func(_ *Network, f []Flow) { f[0].Wire = -9 },
		"not in ascending order":     func(_ *Network, f []Flow) { f[0].Captures = spans(2, 1) },
	} {
		net := Network{[]NetworkEdge{behind(link(8e6, 0), 0)}, []Hop{link(8e6, 1), link(8e6, -1)}, 0}
		flows := []Flow{{0, spans(0), 1, 1, nil, 0, 0}}
		spoil(&net, flows)
		_, err := Predict(net, flows)
		if !errors.Is(err, ErrNetwork) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got error %v, want one that says %q", err, want)
		}
	}
}

// The closed form of two hops: a frame of n packets passes the slower hop at its rate, and a packet of it is alone on the other.
func TestAPacketIsStoredBeforeItIsPassedOn(t *testing.T) {
	const p = 1500
	seconds := func(bytes units.Bytes, rate units.Rate) float64 { return 8 * float64(bytes) / float64(rate) }
	for name, c := range map[string]struct {
		first, second units.Rate
		wire          units.Bytes
		want          float64
	}{
		"one packet":                         {8e6, 2e6, 700, seconds(700, 8e6) + seconds(700, 2e6)},
		"the second is slower":               {8e6, 2e6, 10 * p, seconds(p, 8e6) + seconds(10*p, 2e6)},
		"the second is faster":               {2e6, 8e6, 10 * p, seconds(10*p, 2e6) + seconds(p, 8e6)},
		"the same rate":                      {2e6, 2e6, 10 * p, seconds(11*p, 2e6)},
		"a short last packet, slower":        {8e6, 2e6, 10*p + 100, seconds(p, 8e6) + seconds(10*p+100, 2e6)},
		"a short last packet, a little more": {7e6, 8e6, 10*p + 100, seconds(10*p, 7e6) + seconds(p+100, 8e6)},
		"a short last packet, much faster":   {1e6, 80e6, 10*p + 100, seconds(10*p+100, 1e6) + seconds(100, 80e6)},
	} {
		net := Network{Edges: []NetworkEdge{behind(link(c.first, 0), 0)}, Trunks: []Hop{link(c.second, -1)}, Packet: p}
		got, err := Predict(net, []Flow{{Captures: spans(0), Wire: c.wire}})
		if err != nil {
			t.Fatal(err)
		}
		if x := got[0].Transfer(0).Seconds(); math.Abs(x-c.want) > 1e-8 {
			t.Errorf("%s: %.6g s, want %.6g s", name, x, c.want)
		}
	}
}

// A frame alone on its way is within a part of a packet of what real packets do, over any number of hops; without the storing it would be
// off by one for every hop.
func TestAFrameAloneTakesWhatItsPacketsTake(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 15))
	const p = 1500
	for n := range 200 {
		net, flows := randomNetwork(r)
		net.Packet = p
		flows = flows[:1]
		flows[0].Captures = spans(0, 1000, 2000)
		hops, fastest := 0, 0.0
		for next := net.Edges[flows[0].Edge].Uplink.Next; next >= 0; next = net.Trunks[next].Next {
			hops++
			fastest = max(fastest, 8*p/float64(net.Trunks[next].Rate.First))
		}
		if n%2 == 0 {
			flows[0].Wire = flows[0].Wire / p * p
		}
		got, err := Predict(net, flows)
		if err != nil {
			t.Fatal(err)
		}
		want := inPackets(net, flows, 8*p)
		slack := 1e-8
		if flows[0].Wire%p != 0 && hops > 1 {
			slack = fastest // a short last packet may or may not catch up with the one before it
		}
		for i := range flows[0].Captures {
			if off := math.Abs((got[0].Received[i] - want[0].Received[i]).Seconds()); off > slack {
				t.Errorf("network %d, %d hops after the first, %d bytes: frame %d is %.3g s off, want at most %.3g s", n, hops, flows[0].Wire, i, off, slack)
			}
		}
	}
}

// A class of one's own is a link of one's own, whatever the others do.
func TestAReservedFlowHasItsRate(t *testing.T) {
	net := Network{
		Edges:  []NetworkEdge{behind(Hop{Rate: Constant[units.Rate](8e6), Next: 0, Reserved: 6e6}, 12*ms)},
		Trunks: []Hop{{Rate: Constant[units.Rate](20e6), Next: -1, Reserved: 6e6}},
		Packet: 1000,
	}
	flows := []Flow{
		{Captures: every(20*ms, 3), Wire: 10e3, Reserved: 4e6}, // a new one every 20 ms, which is as long as one takes
		{Captures: every(20*ms, 3), Wire: 10e3, Reserved: 2e6}, // twice what fits
		{Captures: spans(0, 0), Wire: 5e3},                     // in the FIFO of the rest, 2 Mb/s
	}
	got, err := Predict(net, flows)
	if err != nil {
		t.Fatal(err)
	}
	// Each is a packet later over the second hop, at its own rate, or that of the rest there.
	for f, want := range [][]units.Virtual{spans(34, 54, 74), spans(56, 96, 136), spans(20+12+4./7, 40+12+4./7)} {
		if d := cmp.Diff(want, got[f].Received, cmp.Comparer(func(a, b units.Virtual) bool { return (a - b).Duration().Abs() < time.Microsecond })); d != "" {
			t.Errorf("flow %d (-want +got):\n%s", f, d)
		}
	}
}
