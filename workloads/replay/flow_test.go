package replay

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads"
)

func TestBackgroundFlowsLoadTheLinkInTheirTime(t *testing.T) {
	b := newBed(t, 1)
	const ms = int64(time.Millisecond)
	flows := []Flow{
		{ID: 1, Link: "edge-0.uplink", Kind: FlowBulk, Start: 100 * ms, Stop: 500 * ms},
		{ID: 2, Link: "edge-0.downlink", Kind: FlowBulk, Congestion: "reno", Down: true, Start: 200 * ms, Stop: 500 * ms},
	}
	b.setup(nil, flows, nil)
	t0 := b.start()
	b.wait("the flows to end", func() bool {
		edge, cloud := delivered(b.edgeLog(0).Flows), delivered(b.cloudLog().Flows)
		return len(edge) > 0 && len(cloud) > 0 && edge[len(edge)-1].At >= t0+490*ms && cloud[len(cloud)-1].At >= t0+490*ms
	})
	b.finish()
	for _, test := range []struct {
		flow    Flow
		samples []FlowSample
	}{{flows[0], delivered(b.cloudLog().Flows)}, {flows[1], delivered(b.edgeLog(0).Flows)}} {
		if len(test.samples) < 2 {
			t.Fatalf("%s: %d samples, want at least 2", test.flow.Link, len(test.samples))
		}
		for i, s := range test.samples {
			if s.ID != test.flow.ID || s.Link != test.flow.Link {
				t.Errorf("sample of flow %d on %s where only flow %d on %s is received", s.ID, s.Link, test.flow.ID, test.flow.Link)
			}
			if s.At < t0+test.flow.Start {
				t.Errorf("%s: bytes %v before its start", s.Link, time.Duration(t0+test.flow.Start-s.At))
			}
			if i > 0 && s.Bytes < test.samples[i-1].Bytes {
				t.Errorf("%s: the count went back from %d to %d", s.Link, test.samples[i-1].Bytes, s.Bytes)
			}
		}
		if last := test.samples[len(test.samples)-1]; last.Bytes < 1e6 {
			t.Errorf("%s: %d bytes over an unshaped loopback", last.Link, last.Bytes)
		}
	}
	b.stop()
	b.expectNoFaults()
}

// delivered keeps the samples of the end at which a flow arrives.
func delivered(samples []FlowSample) []FlowSample {
	return slices.DeleteFunc(slices.Clone(samples), func(s FlowSample) bool { return s.Bytes == 0 })
}

// totals is what both ends of every flow have counted in the end.
func (b *bed) totals() map[uint32]FlowSample {
	all := map[uint32]FlowSample{}
	for _, s := range append(b.edgeLog(0).Flows, b.cloudLog().Flows...) {
		t := all[s.ID]
		all[s.ID] = FlowSample{
			Bytes: max(t.Bytes, s.Bytes), Pieces: max(t.Pieces, s.Pieces),
			Offered: max(t.Offered, s.Offered), OfferedPieces: max(t.OfferedPieces, s.OfferedPieces),
		}
	}
	return all
}

// TestPacedFlowsSendWhatTheySay has flows of every kind with times of their own, in both directions, over a loopback that loses
// nothing: what arrives is to the byte what was asked for.
func TestPacedFlowsSendWhatTheySay(t *testing.T) {
	b := newBed(t, 1)
	const ms = int64(time.Millisecond)
	trace := &Sends{At: []int64{50 * ms, 50 * ms, 120 * ms}, Bytes: []int64{1514, 42, 777}}
	transfers := &Sends{At: []int64{50 * ms, 55 * ms, 130 * ms}, Bytes: []int64{1, 3_000_000, 70_000}}
	steady := func() *Pace { return &Pace{Packet: 500, Every: 2.5e6} }                          // 200 ms / 2.5 ms: 80 packets
	bursts := func() *Pace { return &Pace{Packet: 142, Every: 3e6, On: 30 * ms, Off: 40 * ms} } // 10 packets at 0, 70 and 140 ms
	var flows []Flow
	want := map[uint32]FlowSample{}
	add := func(f Flow, bytes, pieces int64) {
		for _, down := range []bool{false, true} {
			f.ID, f.Down, f.Start, f.Stop = uint32(len(flows)), down, 50*ms, 250*ms
			flows = append(flows, f)
			want[f.ID] = FlowSample{Bytes: bytes, Pieces: pieces, Offered: bytes, OfferedPieces: pieces}
		}
	}
	add(Flow{Kind: FlowDatagrams, Pace: steady()}, 80*500, 80)
	add(Flow{Kind: FlowDatagrams, Pace: bursts()}, 30*142, 30)
	add(Flow{Kind: FlowDatagrams, Sends: trace}, 1514+42+777, 3)
	add(Flow{Kind: FlowTransfers, Sends: transfers, Congestion: "reno"}, 3_070_001, 3)
	b.setup(nil, flows, nil)
	b.start()
	b.wait("everything to arrive", func() bool { return cmp.Equal(b.totals(), want) })
	b.finish()
	if diff := cmp.Diff(want, b.totals()); diff != "" {
		t.Error(diff)
	}
	b.stop()
	b.expectNoFaults()
}

func TestBurstsBeginWhereTheirPhaseSays(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, test := range map[string]struct {
		phase int64
		want  []int64 // milliseconds from the flow's start
	}{
		"with a burst":     {0, []int64{0, 10, 20, 100, 110, 120}},
		"in a burst":       {5 * ms, []int64{5, 15, 95, 105, 115}},
		"after the last":   {25 * ms, []int64{75, 85, 95}},
		"in a pause":       {60 * ms, []int64{40, 50, 60}},
		"a burst's length": {30 * ms, []int64{70, 80, 90}},
	} {
		f := &flow{Flow: Flow{Kind: FlowDatagrams, Start: 7 * ms, Stop: 7*ms + 130*ms, Pace: &Pace{Packet: 100, Every: 10e6, On: 30 * ms, Off: 70 * ms, Phase: test.phase}}}
		if err := f.validate(true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []int64
		next := f.datagrams(1000 * ms)
		for at, _, ok := next(); ok; at, _, ok = next() {
			got = append(got, (at-1007*ms)/ms)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestTransfersEndAtTheirStop has a transfer that cannot be over by then, and one that would begin after it.
func TestTransfersEndAtTheirStop(t *testing.T) {
	b := newBed(t, 1)
	const ms = int64(time.Millisecond)
	b.setup(nil, []Flow{{ID: 4, Kind: FlowTransfers, Start: 0, Stop: 100 * ms, Sends: &Sends{At: []int64{0}, Bytes: []int64{1 << 39}}}}, nil)
	b.start()
	b.wait("the first bytes", func() bool { return b.totals()[4].Bytes > 0 })
	var still int64
	b.wait("the transfer to end", func() bool {
		before := still
		time.Sleep(600 * time.Millisecond) // longer than a record takes to be written
		still = b.totals()[4].Bytes
		return still == before
	})
	b.finish()
	if got := b.totals()[4]; got.Pieces != 0 || got.OfferedPieces != 1 || got.Offered != 1<<39 || got.Bytes >= 1<<39 {
		t.Errorf("a transfer of a terabyte came to %+v", got)
	}
	b.stop()
	b.expectNoFaults()
}

func TestFlowsThatSayNothingAreRefused(t *testing.T) {
	for name, f := range map[string]Flow{
		"no kind":            {},
		"no pace":            {Kind: FlowDatagrams},
		"no time at all":     {Kind: FlowDatagrams, Pace: &Pace{Packet: 100}},
		"no sizes":           {Kind: FlowTransfers, Sends: &Sends{At: []int64{1}}},
		"a phase too long":   {Kind: FlowDatagrams, Pace: &Pace{Packet: 100, Every: 1e6, On: 5, Off: 5, Phase: 11}},
		"times that go back": {Kind: FlowDatagrams, Sends: &Sends{At: []int64{2, 1}, Bytes: []int64{1, 1}}},
	} {
		if err := f.validate(true); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheComputeThreadIsAsNiceAsAsked(t *testing.T) {
	b := newBed(t, 1)
	c := b.edges[0]
	threads, err := c.Setup(b.ctx, Setup{Role: Edge, Log: b.log(c.Name), Nice: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ tid, nice int }{{threads.Compute[0], 7}, {c.PID, 0}} {
		got, err := unix.Getpriority(unix.PRIO_PROCESS, test.tid) // the system call returns 20 − nice
		if err != nil {
			t.Fatal(err)
		}
		if 20-got != test.nice {
			t.Errorf("thread %d has nice value %d, want %d", test.tid, 20-got, test.nice)
		}
	}
}

// slew is how far two clocks of one host may run apart: the kernel bends the monotonic one by at most 500 ppm.
const slew = 1.0005

func TestAComputeProbeCountsWhatTheThreadGot(t *testing.T) {
	testutil.NeedsEngine(t)
	b := newBed(t, 1)
	b.setup([]testTask{{model: "cnn2", cut: 2, dtype: workloads.Uint8}}, nil, nil)
	for _, c := range b.nodes() {
		asked := ComputeProbe{Duration: int64(20 * time.Millisecond)}
		got, err := c.ProbeCompute(b.ctx, asked)
		if err != nil {
			t.Fatal(err)
		}
		if got.Wall < asked.Duration || got.CPU <= 0 || float64(got.CPU) > slew*float64(got.Wall) {
			t.Errorf("%s: %v of CPU in %v, at least %v were asked for", c.Name,
				time.Duration(got.CPU), time.Duration(got.Wall), time.Duration(asked.Duration))
		}
	}
}
