package shape

import (
	"math"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

const (
	ms   = units.Virtual(time.Millisecond)
	kbps = units.Rate(1e3)
	mbps = units.Rate(1e6)
)

func TestWireBytes(t *testing.T) {
	for payload, want := range map[units.Bytes]units.Bytes{
		-1: 0, 0: 0, 1: 67, 1448: 1514, 1449: 1449 + 132, 2896: 3028, 50_000: 50_000 + 35*66,
	} {
		if got := WireBytes(payload); got != want {
			t.Errorf("WireBytes(%d) = %d, want %d", payload, got, want)
		}
	}
	if Frame != topologies.Packet {
		t.Errorf("a full segment is %d bytes here and %d in topologies", Frame, topologies.Packet)
	}
	if many := units.Bytes(1448e6); math.Abs(float64(many)/float64(WireBytes(many))-GoodputShare) > 1e-12 {
		t.Errorf("goodput share is %v, and %d bytes of payload are %d on the wire", GoodputShare, many, WireBytes(many))
	}
}

func TestEgress(t *testing.T) {
	for _, c := range []struct {
		name     string
		rate     units.Rate
		queue    units.Virtual
		dilation units.Dilation
		smallest units.Bytes
		want     Egress
	}{
		{"a packet's burst, for a small tensor", 10 * mbps, 50 * ms, 1, 50_000, Egress{1_250_000, 1666, 20825, 1514, 62_500}},
		{"1 % of the smallest transfer", 100 * mbps, 50 * ms, 1, 400_000, Egress{12_500_000, 4000, 5000, 12_500, 625_000}},
		{"two packets and the timer's slack", 100 * mbps, 50 * ms, 1, 0, Egress{12_500_000, 6153, 7692, 12_500, 625_000}},
		{"a gigabit", 1000 * mbps, 50 * ms, 1, 0, Egress{125_000_000, 34_278, 4285, 60_000, 6_250_000}},
		{"dilated: rate and slack shrink, bytes stay", 100 * mbps, 50 * ms, 10, 0, Egress{1_250_000, 3341, 41_763, 1514, 625_000}},
		{"rates are rounded to whole bytes", 10 * mbps, 50 * ms, 3, 50_000, Egress{416_667, 1666, 62_475, 1514, 62_500}},
		{"the slowest link", 8 * kbps, 4 * units.Virtual(time.Second), 1, 0, Egress{1000, 3029, 47_328_125, 1514, 4000}},
		{"the shortest queue", 10 * mbps, 2423 * units.Virtual(time.Microsecond), 1, 0, Egress{1_250_000, 3341, 41_763, 1514, 3029}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewEgress(topologies.Link{Rate: c.rate, Queue: c.queue}, c.dilation, c.smallest)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestEgressRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		link     topologies.Link
		dilation units.Dilation
	}{
		"no rate":                  {topologies.Link{Queue: 50 * ms}, 1},
		"a negative rate":          {topologies.Link{Rate: -1, Queue: 50 * ms}, 1},
		"an infinite rate":         {topologies.Link{Rate: units.Rate(math.Inf(1)), Queue: 50 * ms}, 1},
		"not a number":             {topologies.Link{Rate: units.Rate(math.NaN()), Queue: 50 * ms}, 1},
		"no queue":                 {topologies.Link{Rate: 10 * mbps}, 1},
		"less than two packets":    {topologies.Link{Rate: 10 * mbps, Queue: 2 * ms}, 1},
		"more than 4 GB of queue":  {topologies.Link{Rate: 1e6 * mbps, Queue: 1000 * 1000 * ms}, 1},
		"too slow once dilated":    {topologies.Link{Rate: mbps, Queue: 50 * ms}, 200},
		"faster than time":         {topologies.Link{Rate: mbps, Queue: 50 * ms}, 0.5},
		"a dilation of no meaning": {topologies.Link{Rate: mbps, Queue: 50 * ms}, units.Dilation(math.NaN())},
	} {
		if got, err := NewEgress(c.link, c.dilation, 0); err == nil {
			t.Errorf("%s: no error but %+v", name, got)
		}
	}
}

func TestTransferTimeAccountsForFramingBurstAndTheLastPacket(t *testing.T) {
	e := Egress{BytesPerSecond: 1_250_000, Burst: 1666, Limit: 62_500}
	for payload, want := range map[units.Bytes]time.Duration{
		0:      0,
		1000:   0, // it passes with the burst
		50_000: (34*1514 - 1666) * 800 * time.Nanosecond,
		// The last packet takes no time, however long it is.
		35 * 1448: (34*1514 - 1666) * 800 * time.Nanosecond,
	} {
		if got := e.TransferTime(payload); got != want {
			t.Errorf("%d bytes take %v, want %v", payload, got, want)
		}
	}
	if got, want := e.QueueTime(), 50*time.Millisecond; got != want {
		t.Errorf("a full queue takes %v, want %v", got, want)
	}
	if got, want := e.Rate(), 10*mbps; got != want {
		t.Errorf("rate %v, want %v", got, want)
	}
}

func TestDelay(t *testing.T) {
	link := func(l topologies.Link) topologies.Link {
		if l.Rate == 0 {
			l.Rate = 10 * mbps
		}
		l.Queue = 50 * ms
		return l
	}
	for _, c := range []struct {
		name     string
		dilation units.Dilation
		path     []topologies.Link
		want     *Delay
	}{
		{"rates and queues only", 1, []topologies.Link{link(topologies.Link{}), link(topologies.Link{})}, nil},
		{"a delay", 1, []topologies.Link{link(topologies.Link{Delay: 20 * ms})}, &Delay{Delay: 20 * time.Millisecond, Limit: 2652}},
		{"dilated", 10, []topologies.Link{link(topologies.Link{Delay: 20 * ms, Jitter: 2 * ms})},
			&Delay{Delay: 200 * time.Millisecond, Jitter: 20 * time.Millisecond, Limit: 2879}},
		{"loss alone", 1, []topologies.Link{link(topologies.Link{Loss: 0.01})}, &Delay{Loss: 0.01, Limit: 1894}},
		{"a path", 1, []topologies.Link{link(topologies.Link{Delay: 20 * ms, Jitter: 3 * ms, Loss: 0.1}), link(topologies.Link{Delay: 10 * ms, Jitter: 4 * ms, Loss: 0.2, Rate: 100 * mbps})},
			&Delay{Delay: 30 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.28, Limit: 37_879}},
		{"reorder and duplicate", 1, []topologies.Link{link(topologies.Link{Delay: 1 * ms, Reorder: 0.25, Duplicate: 0.5})},
			&Delay{Delay: time.Millisecond, Reorder: 0.25, Duplicate: 0.5, Limit: 1932}},
		{"a slow link still has room for small packets", 1, []topologies.Link{{Rate: 100 * kbps, Delay: ms, Queue: 250 * ms}}, &Delay{Delay: time.Millisecond, Limit: 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewDelay(c.dilation, c.path...)
			switch {
			case err != nil:
				t.Error(err)
			case (got == nil) != (c.want == nil):
				t.Errorf("got %+v, want %+v", got, c.want)
			case got == nil:
			default:
				if math.Abs(float64(got.Loss-c.want.Loss)) < 1e-12 {
					got.Loss = c.want.Loss
				}
				if *got != *c.want {
					t.Errorf("got %+v, want %+v", *got, *c.want)
				}
			}
		})
	}
}

func TestDelayRefusals(t *testing.T) {
	for name, l := range map[string]topologies.Link{
		"loss above 1":          {Loss: 1.5},
		"negative loss":         {Loss: -0.1},
		"loss is not a number":  {Loss: units.Probability(math.NaN())},
		"negative delay":        {Delay: -ms},
		"negative jitter":       {Delay: ms, Jitter: -ms},
		"reorder without delay": {Reorder: 0.1},
	} {
		l.Rate, l.Queue = 10*mbps, 50*ms
		if got, err := NewDelay(1, l); err == nil {
			t.Errorf("%s: no error but %+v", name, got)
		}
	}
}

func TestTheDelayLineHoldsWhatIsUnderWay(t *testing.T) {
	for _, l := range []topologies.Link{
		{Rate: 1000 * mbps, Delay: 100 * ms, Queue: 50 * ms},
		{Rate: 10 * mbps, Delay: 300 * ms, Jitter: 100 * ms, Queue: 500 * ms},
		{Rate: 50 * kbps, Delay: 2000 * ms, Queue: 1000 * ms},
	} {
		d, err := NewDelay(1, l)
		if err != nil {
			t.Fatal(err)
		}
		underWay := float64(l.Rate)/8*(l.Delay+3*l.Jitter).Seconds() + float64(l.Rate)/8*l.Queue.Seconds()
		if held := float64(d.Limit) * float64(FrameHeader); held < underWay {
			t.Errorf("%+v: %d empty segments are %g bytes, and %g may be under way", l, d.Limit, held, underWay)
		}
	}
}

func TestJitterKeepsTheOrder(t *testing.T) {
	if got := (Delay{Delay: time.Second}).OrderRate(); got != 0 {
		t.Errorf("a constant delay is given a rate of %d bytes/s", got)
	}
	d := Delay{Delay: time.Second, Jitter: time.Millisecond}
	if got := time.Duration(float64(Frame) / float64(d.OrderRate()) * float64(time.Second)); d.OrderRate() == 0 || got > 20*time.Nanosecond {
		t.Errorf("the rate that keeps the order, %d bytes/s, delays a packet by %v", d.OrderRate(), got)
	}
}

func TestNormalIsSymmetricTruncatedAndOfThatWidth(t *testing.T) {
	table := Normal()
	var sum, squares float64
	for i, v := range table {
		if i > 0 && v < table[i-1] {
			t.Fatalf("entry %d is %d, below the one before, %d", i, v, table[i-1])
		}
		if v != -table[len(table)-1-i] {
			t.Fatalf("entry %d is %d, its mirror image %d", i, v, table[len(table)-1-i])
		}
		x := float64(v) / DistributionUnit
		sum, squares = sum+x, squares+x*x
	}
	if last := float64(table[len(table)-1]) / DistributionUnit; last > 3 || last < 2.9 {
		t.Errorf("it ends at %.3f σ, want just below 3", last)
	}
	n := float64(len(table))
	// The deviation of a normal distribution cut at ±3σ: sqrt(1 − 6φ(3)/(2Φ(3)−1)).
	if got, want := math.Sqrt(squares/n-sum*sum/n/n), 0.98658; math.Abs(got-want) > 0.001 {
		t.Errorf("standard deviation is %.5f, want %.5f", got, want)
	}
	if within := countWithin(table, 1) / n; math.Abs(within-0.6827/0.9973) > 0.001 {
		t.Errorf("%.4f of it lie within ±σ, want %.4f", within, 0.6827/0.9973)
	}
}

func countWithin(table []int16, sigma float64) (n float64) {
	for _, v := range table {
		if math.Abs(float64(v)) <= sigma*DistributionUnit {
			n++
		}
	}
	return n
}

func TestProbabilityBits(t *testing.T) {
	for p, want := range map[units.Probability]uint32{0: 0, 1: math.MaxUint32, 0.5: 1 << 31, 0.001: 4294967} {
		if got := ProbabilityBits(p); got != want {
			t.Errorf("%v is %d, want %d", p, got, want)
		}
	}
}

func TestGSOSegments(t *testing.T) {
	link := func(rate units.Rate, queue units.Virtual) topologies.Link {
		return topologies.Link{Rate: rate, Queue: queue}
	}
	lossy := link(1000*mbps, 50*ms)
	lossy.Loss = 0.001
	for _, c := range []struct {
		name     string
		dilation units.Dilation
		path     []topologies.Link
		want     int
	}{
		{"slow", 1, []topologies.Link{link(100*mbps, 50*ms)}, 1},
		{"fast", 1, []topologies.Link{link(500*mbps, 50*ms)}, 0},
		{"just fast enough", 1, []topologies.Link{link(200*mbps, 50*ms)}, 0},
		{"slow once dilated", 10, []topologies.Link{link(1000*mbps, 50*ms)}, 1},
		{"lossy", 1, []topologies.Link{lossy}, 1},
		{"slow further on", 1, []topologies.Link{link(1000*mbps, 50*ms), link(100*mbps, 50*ms)}, 1},
		{"a short queue", 1, []topologies.Link{link(1000*mbps, 2*ms)}, 20},
	} {
		if got := GSOSegments(c.dilation, c.path...); got != c.want {
			t.Errorf("%s: %d segments, want %d", c.name, got, c.want)
		}
	}
}

func TestCPU(t *testing.T) {
	const us = time.Microsecond
	for _, c := range []struct {
		cores         float64
		quota, period time.Duration
	}{
		{4, 80_000 * us, 20_000 * us},
		{1.5, 30_000 * us, 20_000 * us},
		{1, 20_000 * us, 20_000 * us},
		{0.51, 10_200 * us, 20_000 * us},
		{0.5, 5_000 * us, 10_000 * us},
		{0.25, 2_500 * us, 10_000 * us},
		{0.1, 2_000 * us, 20_000 * us}, // the period stretches, so that the quota is 2 ms
		{0.08, 2_000 * us, 25_000 * us},
		{0.06, 2_000 * us, 33_333 * us},
		{0.05, 5_000 * us, 100_000 * us},
		{0.01, 2_000 * us, 200_000 * us},
		{0.004, 2_000 * us, 500_000 * us},
		{0.0015, 1_500 * us, 1_000_000 * us}, // as far as the kernel allows
		{0.001, 1_000 * us, 1_000_000 * us},
	} {
		got, err := NewCPU(c.cores)
		if want := (CPU{c.quota, c.period}); err != nil || got != want {
			t.Errorf("%g cores: %+v, %v; want %+v", c.cores, got, err, want)
		}
		if share := got.Cores()/c.cores - 1; math.Abs(share) > 0.0005 {
			t.Errorf("%g cores become %g", c.cores, got.Cores())
		}
	}
	for _, cores := range []float64{0, -1, 0.0009, math.NaN(), math.Inf(1)} {
		if got, err := NewCPU(cores); err == nil {
			t.Errorf("%g cores: no error but %+v", cores, got)
		}
	}
}
