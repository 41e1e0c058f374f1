package replay

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads"
)

func TestBackgroundFlowsLoadTheLinkInTheirTime(t *testing.T) {
	b := newBed(t, 1)
	const ms = int64(time.Millisecond)
	flows := []Flow{
		{ID: 1, Link: "edge-0.uplink", Start: 100 * ms, Stop: 500 * ms},
		{ID: 2, Link: "edge-0.downlink", Down: true, Start: 200 * ms, Stop: 500 * ms},
	}
	b.setup(nil, flows, nil)
	t0 := b.start()
	b.wait("the flows to end", func() bool {
		edge, cloud := b.edgeLog(0).Flows, b.cloudLog().Flows
		return len(edge) > 0 && len(cloud) > 0 && edge[len(edge)-1].At >= t0+490*ms && cloud[len(cloud)-1].At >= t0+490*ms
	})
	b.finish()
	for _, test := range []struct {
		flow    Flow
		samples []FlowSample
	}{{flows[0], b.cloudLog().Flows}, {flows[1], b.edgeLog(0).Flows}} {
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
