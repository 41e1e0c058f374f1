package testbed

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads/camera"
)

const threeRates = `
name: rates
topology:
  name: rates
  edges:
    - {name: slow, compute: 40GFLOPS, uplink: {rate: 1Mbps}}
    - {name: middle, compute: 40GFLOPS, uplink: {rate: 10Mbps}}
    - {name: fast, compute: 40GFLOPS, uplink: {rate: 100Mbps}}
workload:
  name: doors
  tasks: [{name: door, model: cnn2, input: 20kB, fps: 1}]
scheduler: {algorithm: edge}
emulation: {dilation: 1}
`

// TestGoodputOfUplinksInBothRuntimes holds what a bulk transfer gets over the emulated uplinks, between real
// nodes, against rate × payload share of a full frame.
func TestGoodputOfUplinksInBothRuntimes(t *testing.T) {
	testutil.NeedsDocker(t)
	testutil.NeedsEngine(t)
	for _, runtime := range []string{runtimeNative, runtimeDocker} {
		t.Run(runtime, func(t *testing.T) {
			e := parse(t, threeRates)
			e.Emulation.Runtime = runtime
			bed := standing(t, e, Options{})
			for edge, rate := range map[string]units.Rate{"slow": 1e6, "middle": 10e6, "fast": 100e6} {
				want := float64(rate) * shape.GoodputShare
				l, ok := bed.plan.Network.Link(uplink(edge))
				if !ok {
					t.Fatalf("the plan has no uplink of %s", edge)
				}
				var errs []float64
				for range attempts {
					got, err := bed.probeLink(t.Context(), edge, l, false, 2*time.Second)
					if err != nil {
						t.Fatal(err)
					}
					errs = append(errs, float64(got)/want-1)
					if math.Abs(errs[len(errs)-1]) <= 0.02 {
						break // a busy host can only take away from a link, see the other bound below
					}
				}
				if best := errs[len(errs)-1]; math.Abs(best) > 0.02 {
					t.Errorf("%s uplink of %v: goodput off by %.2g in %d probes, want within 0.02", edge, rate, errs, len(errs))
				}
				if fastest := slices.Max(errs); fastest > 0.02 {
					t.Errorf("%s uplink of %v: faster than its rate by %.2g", edge, rate, fastest)
				}
			}
		})
	}
}

// standing builds the testbed of an experiment, warms it up, and removes it at the end of the test.
func standing(t *testing.T, e *Experiment, o Options) *testbed {
	t.Helper()
	t.Setenv("SPLITBED_STATE", t.TempDir())
	o.Binary, o.Out = nodeBinary, filepath.Join(t.TempDir(), "run")
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	bed := built(t, e, o)
	if err := bed.warmUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return bed
}

// built is the testbed of an experiment before its nodes know their parts. It is removed at the end of the test.
func built(t testing.TB, e *Experiment, o Options) *testbed {
	t.Helper()
	plan, err := prepare(t.Context(), e, o)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := createRunDir(o.Out, plan)
	if err != nil {
		t.Fatal(err)
	}
	bed := &testbed{plan: plan, options: o, dir: dir}
	t.Cleanup(func() {
		if err := bed.tearDown(context.Background()); err != nil {
			t.Error(err)
		}
		dir.close()
	})
	if err := bed.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return bed
}

const oneAndHalf = `
name: halves
topology:
  name: halves
  edges:
    - {name: whole, compute: 40GFLOPS, uplink: {rate: 50Mbps}}
    - {name: half, compute: 20GFLOPS, uplink: {rate: 50Mbps}}
workload:
  name: gates
  tasks: [{name: gate, model: alexnet, input: 150kB, fps: 1.5}]
scheduler: {algorithm: "fixed:5"}
emulation: {warmup: 1s, duration: 5s}
`

// TestHalfTheGFLOPSTakeTwiceTheTime runs the same network, 16 to 30 quota slices long, on two edges.
func TestHalfTheGFLOPSTakeTwiceTheTime(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	_, frames := runValid(t, parse(t, oneAndHalf), Options{})
	whole, half := computeTime(window(frames, "whole")), computeTime(window(frames, "half"))
	if ratio := half / whole; math.Abs(ratio/2-1) > 0.15 {
		t.Errorf("40 GFLOPS take %.4g s, 20 GFLOPS %.4g s: %.3g times as long, want 2 within 15 %%", whole, half, ratio)
	}
}

// computeTime is the median of the time heads took.
func computeTime(frames []results.Frame) float64 {
	var times []float64
	for _, f := range frames {
		times = append(times, f.Ready-f.Started)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

const overloaded = `
name: overloaded
topology:
  name: narrow
  edges: [{name: gw, compute: 60GFLOPS, uplink: {rate: 4Mbps, queue: 50ms}}]
workload:
  name: gates
  tasks: [{name: gate, model: cnn1, input: 60kB, fps: 35}]
scheduler: {algorithm: "fixed:2", margin: 0}
emulation: {dilation: 1, warmup: 0s, duration: 2s}
`

// TestABlockedSenderIsLate has an edge produce twice what its uplink carries: its backlog must show as
// transfer latency that grows frame by frame, as in the fluid model, and not as frames on time.
func TestABlockedSenderIsLate(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	e := parse(t, overloaded)
	e.Scheduler.Schedule = &scheduler.Schedule{Algorithm: "by hand", Tasks: []scheduler.Assignment{
		{Task: "gate", Deployed: true, Cut: 2, Rates: []units.Rate{8e6}}}}
	s, frames := runValid(t, e, Options{AllowInfeasible: true})
	if s.Verdict != results.Violated || len(s.Broken) == 0 {
		t.Errorf("verdict %s with %d broken constraints, want violated and some", s.Verdict, len(s.Broken))
	}
	gate := window(frames, "gw")
	send := float64(shape.WireBytes(units.Bytes(gate[0].WireBytes))) * 8 / 4e6
	if load := send * 35; load < 1.5 || load > 2.5 {
		t.Fatalf("the load is %.2g times what the uplink carries: the test wants about 2", load)
	}
	// In the fluid model the link is never idle: a frame is through one sending time after the one before. The first
	// frames are left out, until TCP has found the link's rate by losing packets.
	through, last := 0.0, 0.0
	var latencies []float64
	for n, f := range gate {
		latency := f.Transfer()
		if math.IsNaN(latency) {
			break // the rest was still waiting when the run ended, and is lost
		}
		through = max(through, f.Ready) + send
		if want := through - f.Ready; n >= 5 && math.Abs(latency/want-1) > 0.05 {
			t.Errorf("frame %d took %.3g s, the fluid model says %.3g s", n, latency, want)
		}
		latencies, last = append(latencies, latency), latency
		if n >= 5 && latency <= latencies[n-5] {
			t.Errorf("frame %d took %.3g s, five before it %.3g s: a backlog that grows was hidden", n, latency, latencies[n-5])
		}
	}
	if last < 0.5 {
		t.Errorf("the longest latency is %.3g s, want more than 0.5 s of backlog", last)
	}
	if s.QoS.OnTime > s.QoS.Frames/4 {
		t.Errorf("%d of %d frames are on time", s.QoS.OnTime, s.QoS.Frames)
	}
}

// TestPicturesOfADirectory replays a user's own pictures; a container must see their directory.
func TestPicturesOfADirectory(t *testing.T) {
	testutil.NeedsDocker(t)
	testutil.NeedsEngine(t)
	pictures, err := camera.Scene(7, 200, 300, 50_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, picture := range pictures {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jpg", i)), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := parse(t, `
name: pictures
topology:
  name: one
  edges: [{name: gw, compute: 40GFLOPS, uplink: {rate: 20Mbps}}]
workload:
  name: album
  tasks: [{name: album, model: cnn2, input: {frames: `+dir+`}, fps: 4}]
scheduler: {algorithm: cloud}
emulation: {runtime: docker, warmup: 0s, duration: 1s}
`)
	_, frames := runValid(t, e, Options{})
	for _, f := range window(frames, "gw") {
		if want := int64(len(pictures[f.Frame%2])); f.InputBytes != want {
			t.Errorf("frame %d has %d bytes, picture %d of the directory has %d", f.Frame, f.InputBytes, f.Frame%2, want)
		}
	}
}

// TestUplinksBehindATrunkAreValid has a trunk narrower than the uplinks it serves together: their probes must
// not be in each other's way.
func TestUplinksBehindATrunkAreValid(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	s, _ := runValid(t, parse(t, `
name: trunk
topology:
  name: trunk
  trunks: [{name: west, rate: 30Mbps}]
  edges:
    - {name: gw-a, compute: 40GFLOPS, uplink: {rate: 20Mbps}, trunk: west}
    - {name: gw-b, compute: 40GFLOPS, uplink: {rate: 50Mbps}, trunk: west}
workload:
  name: doors
  tasks: [{name: door, model: cnn1, input: 60kB, fps: 4}]
scheduler: {algorithm: "fixed:2"}
emulation: {warmup: 200ms, duration: 1s}
`), Options{})
	for _, task := range s.Tasks {
		if got, want := float64(task.Transfer.P50), float64(task.Predicted); math.Abs(got/want-1) > 0.1 {
			t.Errorf("%s: median transfer %.4g s, the fluid model says %.4g s", task.Edge, got, want)
		}
	}
}
