package testbed

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// shift is a workload whose tasks need more than half of the uplink with the cut that fifo gives them: each evicts the one before it.
const shift = `name: shift
topology: {name: t, edges: [{name: gw, compute: 40GFLOPS, uplink: {rate: 10Mbps}}]}
workload:
  name: w
  tasks:
    - {name: early, model: lenet5, input: 40kB, fps: 4, wire: {dtype: float32}}
    - {name: shift, count: 3, model: lenet5, input: 40kB, fps: 4, start: {every: 1s, from: 1s}, life: 1500ms, wire: {dtype: float32}}
    - {name: brief, model: lenet5, input: 40kB, fps: 4, start: 3s, stop: 3001ms, wire: {dtype: float32}}
scheduler: {algorithm: fifo, undeployed: UNDEPLOYED}
emulation: {duration: 5s, warmup: 1s}
`

// sent maps each task to the span of time it captures frames in, and their number, those of a cut apart.
func sent(frames []results.Frame, cut func(int32) bool) map[string][]results.Frame {
	by := map[string][]results.Frame{}
	for _, f := range frames {
		if cut(f.Cut) {
			by[f.Task] = append(by[f.Task], f)
		}
	}
	return by
}

func TestASimulationFollowsTheTimeline(t *testing.T) {
	for _, undeployed := range []string{UndeployedDrop, UndeployedCloud} {
		e := loaded(t, strings.ReplaceAll(shift, "UNDEPLOYED", undeployed))
		s, out := simulated(t, e)
		// early until 1 s, shift-1 until 2 s, shift-2 until shift-3 and brief come at 3 s: brief is last and goes when its time is over.
		if got := s.Schedule; got.Deployed != 4 || got.Evicted != 4 || got.Rejected != 0 || got.AtEnd != 0 {
			t.Errorf("undeployed %s: the summary counts %+v", undeployed, got)
		}
		frames, err := results.ReadFrames(filepath.Join(out, framesFile))
		if err != nil {
			t.Fatal(err)
		}
		deployed := sent(frames, func(k int32) bool { return k > 0 })
		for task, span := range map[string][2]float64{"early": {-1, 1}, "shift-1": {1, 2}, "shift-2": {2, 3}} {
			got := deployed[task]
			if want := int(4 * (span[1] - span[0])); len(got) != want {
				t.Errorf("undeployed %s: %s sent %d frames, want %d", undeployed, task, len(got), want)
			}
			for _, f := range got {
				if f.Captured < span[0] || f.Captured >= span[1] {
					t.Errorf("undeployed %s: %s sent a frame at %v s, it ran from %v s to %v s", undeployed, task, f.Captured, span[0], span[1])
				}
			}
		}
		if n := len(deployed["shift-3"]); n > 0 {
			t.Errorf("undeployed %s: shift-3 had to go in the moment it came, and sent %d frames", undeployed, n)
		}
		for _, x := range s.Tasks {
			if want := map[string]int{"early": 4, "shift-1": 4, "shift-2": 4}[x.Task]; x.Frames != want {
				t.Errorf("undeployed %s: %d frames of %s are judged, want %d", undeployed, x.Frames, x.Task, want)
			}
		}
		whole := sent(frames, func(k int32) bool { return k == 0 })
		wantWhole := map[string]int{}
		if undeployed == UndeployedCloud {
			wantWhole = map[string]int{"early": 16, "shift-1": 2, "shift-2": 2, "shift-3": 6}
		}
		gotWhole := map[string]int{}
		for task, frames := range whole {
			gotWhole[task] = len(frames)
		}
		if d := cmp.Diff(wantWhole, gotWhole); d != "" {
			t.Errorf("undeployed %s: frames sent whole (-want +got):\n%s", undeployed, d)
		}
		var keys []frameKey
		for _, f := range frames {
			keys = append(keys, frameKey{f.Task, f.Edge, uint64(f.Frame)})
		}
		slices.SortFunc(keys, func(a, b frameKey) int { return strings.Compare(a.task, b.task)*1e6 + int(a.frame) - int(b.frame) })
		if len(slices.Compact(keys)) != len(frames) {
			t.Errorf("undeployed %s: two frames have the same number", undeployed)
		}
	}
}

func TestDecisionsAreEvents(t *testing.T) {
	_, out := simulated(t, loaded(t, strings.ReplaceAll(shift, "UNDEPLOYED", UndeployedDrop)))
	got := decisions(t, out)
	want := []string{
		"0s admitted early", "1s evicted early", "1s admitted shift-1", "2s evicted shift-1", "2s admitted shift-2",
		"3s evicted shift-2", "3s admitted shift-3", "3s evicted shift-3", "3s admitted brief", "3.001s left brief",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

// decisions lists those in the events of a run.
func decisions(t *testing.T, out string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, eventsFile))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.At != nil {
			all = append(all, e.At.String()+" "+e.Event+" "+e.Subject)
		}
	}
	return all
}

// TestAdmissionHappensLive emulates what a rule decided: a task sends from its admission on, and an evicted one stops.
func TestAdmissionHappensLive(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	e := parse(t, `name: live
topology: {name: t, edges: [{name: gw, compute: 40GFLOPS, uplink: {rate: 10Mbps}}]}
workload:
  name: w
  tasks:
    - {name: first, model: lenet5, input: 40kB, fps: 4, wire: {dtype: float32}}
    - {name: second, model: lenet5, input: 40kB, fps: 4, start: 1s, wire: {dtype: float32}}
scheduler: {algorithm: fifo}
qos: {quantile: 0.5}
emulation: {duration: 2s, warmup: 500ms}
`)
	var out string
	s, frames := runValidIn(t, e, Options{}, &out)
	if diff := cmp.Diff([]string{"0s admitted first", "1s evicted first", "1s admitted second"}, decisions(t, out)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if s.Schedule.Deployed != 2 || s.Schedule.Evicted != 1 || s.Schedule.AtEnd != 1 {
		t.Errorf("the summary counts %+v, want two deployed, one of them evicted", s.Schedule)
	}
	arrived := map[string]int{}
	for _, f := range frames {
		if early := f.Captured < 1; early != (f.Task == "first") {
			t.Errorf("%s captured a frame at %v s, second is admitted at 1 s and evicts first", f.Task, f.Captured)
		}
		if !math.IsNaN(f.Received) {
			arrived[f.Task]++
		}
	}
	if arrived["first"] != 6 || arrived["second"] != 4 {
		t.Errorf("frames that arrived: %v, want 6 of first, its warm-up included, and 4 of second", arrived)
	}
}
