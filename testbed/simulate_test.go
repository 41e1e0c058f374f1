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
