package testbed

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads/model"
)

func simulated(t *testing.T, e *Experiment) (*results.Summary, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "run")
	s, err := Simulate(t.Context(), e, Options{Out: out})
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

func loaded(t *testing.T, text string) *Experiment {
	t.Helper()
	e, err := ParseExperiment("e.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// alone is one task on one edge, whose transfer takes its bytes over the rate and the delay.
const alone = `name: alone
topology: {name: t, edges: [{name: gw, compute: 100GFLOPS, uplink: {rate: 10Mbps, delay: 5ms}}]}
workload: {name: w, tasks: [{name: cam, model: cnn1, edges: all, input: 50kB, fps: 2, deadline: 200ms}]}
scheduler: {algorithm: "fixed:2"}
`

func TestASimulationOfOneTaskIsBytesOverRate(t *testing.T) {
	e := loaded(t, alone)
	s, out := simulated(t, e)
	if s.Verdict != results.Kept || !s.Simulated || s.Fidelity.Verdict != results.NotEmulated || s.QoS.Frames != 20 {
		t.Errorf("verdict %s, simulated %v, fidelity %s, %d frames; want kept, true, simulated, 20", s.Verdict, s.Simulated, s.Fidelity.Verdict, s.QoS.Frames)
	}
	sys, err := resolve(t.Context(), e, model.Store{})
	if err != nil {
		t.Fatal(err)
	}
	task := sys.workload.Tasks[0]
	wire := scheduler.Bandwidth(sys.messageBytes(task, task.At[0], 2), 0, 1e9, 0, 0) // bits in a second
	floor := float64(wire)/10e6 + 0.005
	// Headers are some 4.5 % on top.
	if got := float64(s.Tasks[0].Transfer.P50); got < 1.03*floor-0.005 || got > 1.06*floor {
		t.Errorf("a transfer takes %.4f s, want a little above %.4f s", got, floor)
	}
	if want := 2 * (float64(s.Tasks[0].Transfer.P50) - 0.005); math.Abs(float64(s.Edges[0].Uplink.Utilisation)-want) > 1e-6 {
		t.Errorf("the uplink is used for %.4f of the time, want %.4f: two transfers a second", float64(s.Edges[0].Uplink.Utilisation), want)
	}
	for _, name := range []string{experimentFile, scheduleFile, planFile, framesFile, samplesFile, summaryFile, reportFile, eventsFile} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Errorf("the run directory: %v", err)
		}
	}
	if _, err := Report(out); err != nil {
		t.Errorf("rebuilding its report: %v", err)
	}
}

func TestASimulationRepeatsItself(t *testing.T) {
	e, err := LoadExperiment("quickstart")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]results.Frame
	for range 2 {
		_, out := simulated(t, e)
		frames, err := results.ReadFrames(filepath.Join(out, framesFile))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, frames)
	}
	if d := cmp.Diff(all[0], all[1], cmpopts.EquateNaNs()); d != "" || len(all[0]) == 0 {
		t.Errorf("%d frames; the second time they differ:\n%s", len(all[0]), d)
	}
}

// An uplink at a fortieth of the rate the schedule was made for.
func TestASimulationOfAnOverloadedUplinkIsViolated(t *testing.T) {
	e := loaded(t, alone)
	s, out := simulated(t, e)
	file, err := os.Open(filepath.Join(out, scheduleFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	e.Topology.Edges[0].Uplink.Rate /= 40
	e.Topology.Edges[0].Uplink.Queue *= 40
	violated, err := Simulate(t.Context(), e, Options{Out: filepath.Join(t.TempDir(), "run"), ScheduleFile: file.Name(), AllowInfeasible: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Verdict != results.Kept || violated.Verdict != results.Violated || len(violated.Broken) == 0 {
		t.Errorf("verdicts %s, then %s with %v broken; want kept, then violated with the uplink broken", s.Verdict, violated.Verdict, violated.Broken)
	}
}

func TestASimulationOfTheAnswersLatencyIsRefused(t *testing.T) {
	e := loaded(t, alone+"qos: {on: end_to_end}\n")
	var input *InputError
	if _, err := Simulate(t.Context(), e, Options{Out: filepath.Join(t.TempDir(), "run")}); !errors.As(err, &input) {
		t.Errorf("error %v, want an input error", err)
	}
}

// A small frame over a link with a window to spare takes its bytes and the way there. One of a packet more than a window waits for the
// first acknowledgement, which the trunk holds up both ways.
func TestALargerFrameWaitsForTheWholeRoundTrip(t *testing.T) {
	const text = `name: window
topology:
  name: t
  trunks: [{name: metro, rate: 1Gbps, delay: 50ms}]
  edges: [{name: gw, compute: 100GFLOPS, trunk: metro, uplink: {rate: 1Gbps, delay: 20ms}, downlink: {rate: 1Gbps, delay: 30ms}}]
workload:
  name: w
  tasks:
    - {name: small, model: lenet5, input: 10kB, fps: 1}
    - {name: large, model: lenet5, input: 16kB, fps: 1}
scheduler: {algorithm: cloud}
`
	s, _ := simulated(t, loaded(t, text))
	for n, want := range []float64{0.070, 0.070 + 0.150} {
		if got := float64(s.Tasks[n].Transfer.P50); math.Abs(got-want) > 0.002 {
			t.Errorf("%s takes %.4f s, want about %.3f s", s.Tasks[n].Task, got, want)
		}
	}
}

func TestASimulationSendsFramesOfRecordedSizes(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "frames.csv")
	if err := os.WriteFile(trace, []byte("seconds,bytes\n-0.5,50000\n0.5,100000\n1.5,25000\n2,50000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	recorded := strings.Replace(alone, "input: 50kB, fps: 2", "arrival: {trace: "+trace+"}", 1)
	const split = `{algorithm: "fixed:2"}`
	whole := "{undeployed: cloud, schedule: {algorithm: hand, tasks: [{task: cam, deployed: false, k: 0}]}}"
	for rules, sent := range map[string][]int64{whole: {50000, 100000, 25000, 50000}, split: nil} {
		_, out := simulated(t, loaded(t, strings.Replace(recorded, split, rules, 1)))
		frames, err := results.ReadFrames(filepath.Join(out, "frames.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		if len(frames) != 4 {
			t.Fatalf("%s: %d frames, want 4", rules, len(frames))
		}
		for n, f := range frames {
			if want := []int64{50000, 100000, 25000, 50000}[n]; f.InputBytes != want {
				t.Errorf("%s, frame %d: a picture of %d bytes, want %d", rules, n, f.InputBytes, want)
			}
			took := f.Received - f.Ready - 0.005
			if sent == nil {
				if f.WireBytes != frames[0].WireBytes {
					t.Errorf("%s, frame %d: a tensor of %d bytes and before it one of %d", rules, n, f.WireBytes, frames[0].WireBytes)
				}
			} else if float64(f.WireBytes-sent[n]) > 100 || f.WireBytes <= sent[n] || took < 8*float64(sent[n])/10e6 || took > 1.06*8*float64(sent[n])/10e6 {
				t.Errorf("%s, frame %d: %d bytes on the wire in %.4f s at 10 Mb/s, want little more than %d", rules, n, f.WireBytes, took, sent[n])
			}
		}
	}
}

// capacity is what a link carries at most from 0 on until a time, in bits, if every span of it has one of the rates, again and again.
func capacity(rates []float64, span, until float64) float64 {
	whole := math.Floor(until / span)
	bits := 0.0
	for n := range int(whole) {
		bits += rates[n%len(rates)] * span
	}
	return bits + rates[int(whole)%len(rates)]*(until-whole*span)
}

// Frames are sent one after the other at what the trace gives, which begins anew several times.
func TestASimulationFollowsTraces(t *testing.T) {
	const span = 0.1
	for name, c := range map[string]struct {
		text  string
		rates []float64
	}{
		"CSV": {"0,8Mbps\n0.1,2Mbps\n0.2,12Mbps\n0.3,3Mbps\n", []float64{8e6, 2e6, 12e6, 3e6}},
		// 60 packets in a span, and 15.
		"Mahimahi": {strings.Repeat("1\n", 60) + strings.Repeat("150\n", 14) + "200\n", []float64{60 * 8 * 1514 / span, 15 * 8 * 1514 / span}},
	} {
		path := filepath.Join(t.TempDir(), "trace")
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		e := loaded(t, `name: traced
topology: {name: t, edges: [{name: gw, compute: 100GFLOPS, uplink: {trace: `+path+`}}]}
workload: {name: w, tasks: [{name: cam, model: cnn1, input: 50kB, fps: 9, arrival: poisson}]}
scheduler: {algorithm: "fixed:2"}
emulation: {duration: 4s}
`)
		_, out := simulated(t, e)
		frames, err := results.ReadFrames(filepath.Join(out, framesFile))
		if err != nil {
			t.Fatal(err)
		}
		frames = window(frames, "gw")
		if len(frames) < 20 {
			t.Fatalf("%s: %d frames", name, len(frames))
		}
		for n, f := range frames[1:] {
			begun := max(f.Ready, frames[n].Received)
			bits := capacity(c.rates, span, f.Received) - capacity(c.rates, span, begun)
			if want := 8 * float64(shape.WireBytes(units.Bytes(f.WireBytes))); math.Abs(bits/want-1) > 1e-6 {
				t.Errorf("%s: frame %d of %.0f bits is sent from %.4f s to %.4f s, when the link carries %.0f", name, n+1, want, begun, f.Received, bits)
			}
		}
	}
}

// A link becomes slower, gets a delay, is down for a while, and at last for good.
func TestASimulationFollowsEvents(t *testing.T) {
	_, out := simulated(t, loaded(t, `name: eventful
topology: {name: t, edges: [{name: gw, compute: 100GFLOPS, uplink: {rate: 10Mbps}}]}
workload: {name: w, tasks: [{name: cam, model: cnn1, input: 50kB, fps: 4}]}
scheduler: {algorithm: "fixed:2"}
emulation: {duration: 6s}
events:
  - {at: 4s, link: gw.uplink, set: {down: false}}
  - {at: 1s, link: gw.uplink, set: {rate: 5Mbps}}
  - {at: 2s, link: gw.uplink, set: {delay: 10ms}}
  - {at: 3s, link: gw.uplink, set: {down: true}}
  - {at: 5s, link: gw.uplink, set: {down: true, rate: 1Mbps}}
`))
	frames, err := results.ReadFrames(filepath.Join(out, framesFile))
	if err != nil {
		t.Fatal(err)
	}
	in := map[int]int{}
	last := 0.0 // when the one before was received
	for _, f := range window(frames, "gw") {
		wire := 8 * float64(shape.WireBytes(units.Bytes(f.WireBytes)))
		second := int(f.Ready)
		in[second]++
		begun := max(last, map[int]float64{0: f.Ready, 1: f.Ready, 2: f.Ready + 0.01, 3: 4, 4: f.Ready + 0.01, 5: math.NaN()}[second])
		want := begun + wire/map[bool]float64{true: 10e6, false: 5e6}[second == 0]
		if lost := f.Status == results.Lost; lost != math.IsNaN(want) || !lost && math.Abs(f.Received-want) > 1e-6 {
			t.Errorf("frame %d, ready at %.4f s: %s at %.6f s, want %.6f", f.Frame, f.Ready, f.Status, f.Received, want)
		}
		last = f.Received
	}
	for second := range 6 {
		if in[second] < 3 {
			t.Errorf("%d frames are ready in second %d", in[second], second)
		}
	}
}
