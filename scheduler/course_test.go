package scheduler

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

// mbps is a course of rates in Mb/s: the first, and then pairs of milliseconds and what it becomes.
func mbps(first float64, steps ...float64) Course[units.Rate] {
	c := Constant(units.Rate(1e6 * first))
	for n := 0; n < len(steps); n += 2 {
		c.Steps = append(c.Steps, Step[units.Rate]{units.Virtual(steps[n] * float64(ms)), units.Rate(1e6 * steps[n+1])})
	}
	return c
}

// delays is a course of delays in milliseconds, in the same form.
func delays(first float64, steps ...float64) Course[units.Virtual] {
	c := Constant(units.Virtual(first * float64(ms)))
	for n := 0; n < len(steps); n += 2 {
		c.Steps = append(c.Steps, Step[units.Virtual]{units.Virtual(steps[n] * float64(ms)), units.Virtual(steps[n+1] * float64(ms))})
	}
	return c
}

// Frames of 10 kB, of which a millisecond at 8 Mb/s takes 1 kB.
func TestTransfersFollowChangesOfTheirLinks(t *testing.T) {
	const never = -1
	alone := func(rate Course[units.Rate]) Network {
		return Network{Edges: []NetworkEdge{{Compute: 1e9, Uplink: Hop{Rate: rate, Next: -1}}}}
	}
	delayed := func(rate Course[units.Rate], delay Course[units.Virtual]) Network {
		net := alone(rate)
		net.Edges[0].Delay = delay
		return net
	}
	trunk := func(uplink, trunk Course[units.Rate]) Network {
		return Network{Edges: []NetworkEdge{{Compute: 1e9, Uplink: Hop{Rate: uplink, Next: 0}}}, Trunks: []Hop{{Rate: trunk, Next: -1}}}
	}
	burst := func(rate Course[units.Rate], burst units.Bytes) Network {
		net := alone(rate)
		net.Edges[0].Uplink.Burst = burst
		return net
	}
	for name, c := range map[string]struct {
		net            Network
		captures, want []float64
	}{
		"the rate falls in a transfer":      {alone(mbps(8, 4, 4)), []float64{0}, []float64{4 + 12}},
		"the rate rises in a transfer":      {alone(mbps(8, 4, 16)), []float64{0}, []float64{4 + 3}},
		"it changes several times":          {alone(mbps(8, 2, 4, 4, 2, 8, 16)), []float64{0}, []float64{8 + 3}},
		"it changed before the first":       {alone(mbps(8, -5, 4)), []float64{0}, []float64{20}},
		"a moment's last change counts":     {alone(mbps(8, 4, 1, 4, 4)), []float64{0}, []float64{4 + 12}},
		"begun while down":                  {alone(mbps(8, 2, 0, 50, 8)), []float64{10}, []float64{60}},
		"down in the middle":                {alone(mbps(8, 4, 0, 30, 8)), []float64{0}, []float64{30 + 6}},
		"down at its very end":              {alone(mbps(8, 10, 0)), []float64{0, 0}, []float64{10, never}},
		"down for good":                     {alone(mbps(8, 25, 0)), []float64{0, 20, 40}, []float64{10, never, never}},
		"those behind it keep their places": {alone(mbps(8, 15, 2)), []float64{0, 0, 12, 90}, []float64{10, 15 + 20, 75, 130}},

		"a burst counts once":                  {burst(mbps(8, 9, 4), 2e3), []float64{0}, []float64{8}},
		"a burst does not pass while down":     {burst(mbps(8, 5, 0, 40, 8), 20e3), []float64{10}, []float64{40}},
		"down is said twice":                   {burst(mbps(8, 5, 0, 20, 0, 40, 8), 20e3), []float64{10}, []float64{40}},
		"what had burst through was not there": {burst(mbps(8, 5, 0, 40, 8), 20e3), []float64{4}, []float64{4}},

		"rates are met after the delay":      {delayed(mbps(8, 35, 4), delays(30)), []float64{0}, []float64{35 + 10}},
		"a longer delay":                     {delayed(mbps(8), delays(10, 5, 30)), []float64{0, 10}, []float64{20, 50}},
		"order is kept with a shorter delay": {delayed(mbps(8), delays(30, 5, 0)), []float64{0, 10, 60}, []float64{40, 50, 70}},

		"a trunk falls behind its uplink":      {trunk(mbps(16), mbps(8, 5, 4)), []float64{0}, []float64{5 + 10}},
		"a trunk goes down and comes back":     {trunk(mbps(8), mbps(8, 2, 0, 22, 8)), []float64{0}, []float64{22 + 8}},
		"a trunk goes down for good":           {trunk(mbps(8), mbps(8, 15, 0)), []float64{0, 10}, []float64{10, never}},
		"an uplink falls, its trunk is faster": {trunk(mbps(8, 5, 2), mbps(8)), []float64{0}, []float64{5 + 20}},
		"an uplink stays down":                 {trunk(mbps(8, 5, 0), mbps(8)), []float64{0}, []float64{never}},
		"a trunk's backlog outlasts its fall":  {trunk(mbps(16), mbps(8, 2, 4, 12, 8)), []float64{0, 0}, []float64{12 + 3, 12 + 13}},
	} {

		flow := Flow{Captures: spans(c.captures...), Wire: 10e3}
		want := spans(c.want...)
		for n := range want {
			if c.want[n] == never {
				want[n] = Forever
			}
		}
		fluid, err := Predict(c.net, []Flow{flow})
		if err != nil {
			t.Fatal(err)
		}
		c.net.Packet = 10
		tcp := linux(0)
		tcp.InitialWindow = 1e6
		packets, err := PredictTCP(c.net, tcp, []Flow{flow})
		if err != nil {
			t.Fatal(err)
		}
		// Packets take the time of one to store at a trunk: at most 40 µs.
		for what, got := range map[time.Duration]Predicted{time.Microsecond: fluid[0], 50 * time.Microsecond: packets[0]} {
			near := cmp.Comparer(func(a, b units.Virtual) bool { return (a - b).Duration().Abs() <= what })
			if d := cmp.Diff(want, got.Received, near); d != "" {
				t.Errorf("%s, within %v (-want +got):\n%s", name, what, d)
			}
		}
	}
}

// Of 8 Mb/s 6 are reserved; with a half of that, a half of every part is left.
func TestPartsOfALinkFollowItsRate(t *testing.T) {
	net := Network{Edges: []NetworkEdge{{Compute: 1e9, Uplink: Hop{Rate: mbps(8, 10, 3, 50, 8, 100, 0, 200, 8), Next: -1, Reserved: 6e6}}}, Packet: 10}
	flows := []Flow{
		{Captures: spans(0), Wire: 10e3, Reserved: 4e6},   // 5 kB in 10 ms, and then 10 in 40
		{Captures: spans(0), Wire: 12.5e3, Reserved: 2e6}, // 2.5 kB in 10 ms, 5 in 40, and 5 in 20
		{Captures: spans(80), Wire: 10e3},                 // 5 kB in 20 ms, and the others after 100
	}
	want := spans(10+20, 50+20, 200+20)
	tcp := linux(0)
	tcp.InitialWindow = 1e6
	for name, predict := range map[string]func() ([]Predicted, error){
		"fluid":   func() ([]Predicted, error) { return Predict(net, flows) },
		"packets": func() ([]Predicted, error) { return PredictTCP(net, tcp, flows) },
	} {
		got, err := predict()
		if err != nil {
			t.Fatal(err)
		}
		for f := range flows {
			if off := got[f].Received[0] - want[f]; off.Duration().Abs() > time.Microsecond {
				t.Errorf("%s, flow %d: %v, want %v", name, f, got[f].Received[0], want[f])
			}
		}
	}
	tcp.Borrow = true
	got, err := PredictTCP(net, tcp, []Flow{{Captures: spans(5, 98), Wire: 10e3, Reserved: 2e6}})
	if err != nil {
		t.Fatal(err)
	}
	// All of the link: 5 kB in 5 ms and 5 at 3 Mb/s; 2 kB in 2 ms and 8 when it is up again.
	for n, want := range spans(10+40./3, 200+8) {
		if off := got[0].Received[n] - want; off.Duration().Abs() > 50*time.Microsecond {
			t.Errorf("borrowing, frame %d: %v, want %v", n, got[0].Received[n], want)
		}
	}
}

// The part of the first flow is idle again when the second sends over a way that has become shorter: it is behind the first all the same.
func TestPacketsKeepTheirOrderOnAWayThatBecomesShorter(t *testing.T) {
	net := Network{Edges: []NetworkEdge{{Compute: 1e9, Uplink: link(8e6, -1), Delay: delays(30, 5, 1)}}, Packet: 1000}
	flows := []Flow{{Captures: spans(0), Wire: 1000, Reserved: 4e6}, {Captures: spans(10), Wire: 1000, Reserved: 4e6}, {Captures: spans(50), Wire: 1000, Reserved: 4e6}}
	for name, predict := range map[string]func() ([]Predicted, error){
		"fluid":   func() ([]Predicted, error) { return Predict(net, flows) },
		"packets": func() ([]Predicted, error) { return PredictTCP(net, linux(0), flows) },
	} {
		got, err := predict()
		if err != nil {
			t.Fatal(err)
		}
		for f, want := range spans(30+2, 30+2, 51+2) {
			if off := got[f].Received[0] - want; off.Duration().Abs() > time.Microsecond {
				t.Errorf("%s, flow %d: %v, want %v", name, f, got[f].Received[0], want)
			}
		}
	}
}

// Packets of a millisecond at 8 Mb/s, the last of which is stored before the trunk.
func TestStoringGoesByTheRateOfTheMoment(t *testing.T) {
	for name, c := range map[string]struct {
		uplink, trunk Course[units.Rate]
		wire, burst   units.Bytes // burst of the trunk
		want          float64
	}{
		"the uplink is slower then":           {mbps(8, 5, 2), mbps(8), 10e3, 0, 25 + 1},
		"the trunk is faster then":            {mbps(8), mbps(8, 5, 16), 10e3, 0, 10 + 0.5},
		"the uplink goes down behind it":      {mbps(8, 9.5, 0), mbps(8), 9500, 0, 9.5 + 1}, // a short packet behind a long one
		"the trunk was down, and has a burst": {mbps(8), mbps(8, -5, 0, 40, 16), 10e3, 20e3, 40 + 0.5},
	} {
		net := Network{Edges: []NetworkEdge{behind(Hop{Rate: c.uplink, Next: 0}, 0)}, Trunks: []Hop{{Rate: c.trunk, Burst: c.burst, Next: -1}}, Packet: 1000}
		got, err := Predict(net, []Flow{{Captures: spans(0), Wire: c.wire}})
		if err != nil {
			t.Fatal(err)
		}
		if off := got[0].Received[0] - spans(c.want)[0]; off.Duration().Abs() > time.Microsecond {
			t.Errorf("%s: received at %v, want %g ms", name, got[0].Received[0], c.want)
		}
	}
}

// Eleven packets of 1 ms are one more than the first window, whose acknowledgements take a way back that becomes longer or is not there.
func TestAcknowledgementsFollowChangesOfTheirWay(t *testing.T) {
	for name, c := range map[string]struct {
		back Course[units.Virtual]
		want float64
	}{
		"constant":       {delays(20), 1 + 20 + 1},
		"longer":         {delays(20, 0.5, 30), 1 + 30 + 1},
		"longer, later":  {delays(20, 1.5, 30), 1 + 20 + 1},
		"down, and back": {Course[units.Virtual]{0, []Step[units.Virtual]{{0, Forever}, {50 * ms, 20 * ms}}}, 50 + 20 + 1},
		"down for good":  {Course[units.Virtual]{0, []Step[units.Virtual]{{0, Forever}}}, -1},
	} {
		net := Network{Edges: []NetworkEdge{behind(link(8e6, -1), 0)}, Packet: 1000}
		tcp := linux(0)
		tcp.Back[0] = c.back
		got, err := PredictTCP(net, tcp, []Flow{{Captures: spans(0), Wire: 11e3}})
		if err != nil {
			t.Fatal(err)
		}
		if c.want < 0 {
			if got[0].Arrives(0) {
				t.Errorf("%s: received at %v, want never", name, got[0].Received[0])
			}
		} else if off := got[0].Received[0] - spans(c.want)[0]; off.Duration().Abs() > time.Microsecond {
			t.Errorf("%s: received at %v, want %g ms", name, got[0].Received[0], c.want)
		}
	}
}

// restless draws times at which a quantity does not change: it is said again, sometimes after another value at the same moment.
func restless[T any](r *rand.Rand, c Course[T], other T) Course[T] {
	at := units.Virtual(-50) * ms
	for range r.IntN(40) {
		at += units.Virtual(r.IntN(200)) * ms
		if r.IntN(3) == 0 {
			c.Steps = append(c.Steps, Step[T]{at, other})
		}
		c.Steps = append(c.Steps, Step[T]{at, c.First})
	}
	return c
}

func TestARateSaidAgainChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for n := range 100 {
		net, flows := randomNetwork(r)
		net.Packet = 1500
		tcp := linux(make([]units.Virtual, len(net.Edges))...)
		tcp.Borrow = n%2 == 0
		for f := range flows {
			if r.IntN(3) == 0 {
				flows[f].Reserved = 1e6
			}
		}
		for i := range net.Edges {
			net.Edges[i].Uplink.Reserved, net.Edges[i].Uplink.Burst = units.Rate(1e6*r.IntN(4)), units.Bytes(r.IntN(3000))
			tcp.Back[i].First = net.Edges[i].Delay.First
		}
		said := net
		said.Edges, said.Trunks = slices.Clone(net.Edges), slices.Clone(net.Trunks)
		again := tcp
		again.Back = slices.Clone(tcp.Back)
		for i := range said.Edges {
			e := &said.Edges[i]
			e.Delay, e.Uplink.Rate, again.Back[i] = restless(r, e.Delay, 7*ms), restless(r, e.Uplink.Rate, 0), restless(r, again.Back[i], Forever)
		}
		for i := range said.Trunks {
			said.Trunks[i].Rate = restless(r, said.Trunks[i].Rate, 3e6)
		}
		predict := func(net Network, tcp TCP) [2][]Predicted {
			fluid, err := Predict(net, flows)
			if err != nil {
				t.Fatal(err)
			}
			packets, err := PredictTCP(net, tcp, flows)
			if err != nil {
				t.Fatal(err)
			}
			return [2][]Predicted{fluid, packets}
		}
		if d := cmp.Diff(predict(net, tcp), predict(said, again)); d != "" {
			t.Fatalf("network %d (-constant +said again):\n%s", n, d)
		}
	}
}
