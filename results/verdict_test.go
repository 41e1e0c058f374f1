package results

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
)

// counted frames of a task: so many on time, late (by a tenth of a second) and lost.
type outcome struct{ onTime, late, lost int }

// judged is the summary of a task cam at gw-b with these frames.
func judged(t *testing.T, o outcome, change func(*Input)) Summary {
	t.Helper()
	in := Input{
		Rule:     Rule{On: Transfer, Quantile: 0.99, Window: 10000 * ms, Deadlines: map[string]units.Virtual{"cam": 200 * ms}},
		Schedule: Schedule{Algorithm: "layer", Tasks: 1, Deployed: 1, Bound: Absent()},
		Tasks:    []TaskRecord{{Task: "cam", Edge: "gw-b", Cut: 1, Predicted: 80 * ms}},
		Edges:    []EdgeSummary{{Edge: "gw-b", Uplink: UplinkSummary{Rate: 10e6}}},
		Fidelity: fidelity.Report{Verdict: fidelity.Valid, Checks: []fidelity.Check{{Name: "link_rate", Subject: "gw-b.uplink", Value: 1, Limit: 0.05, OK: true}}},
	}
	for n, latency := range map[float64]int{0.1: o.onTime, 0.3: o.late, math.NaN(): o.lost} {
		for range latency {
			in.Frames = append(in.Frames, Frame{Task: "cam", Edge: "gw-b", Captured: 1, Ready: 1, Received: 1 + n, Answered: math.NaN()})
		}
	}
	if change != nil {
		change(&in)
	}
	return Summarise(in)
}

func TestVerdictOfATask(t *testing.T) {
	for name, c := range map[string]struct {
		frames  outcome
		verdict string
		decided bool
	}{
		"many on time":                      {outcome{500, 0, 0}, Kept, true},
		"all on time, too few to tell":      {outcome{40, 0, 0}, Kept, false},
		"exactly the quantile":              {outcome{99, 1, 0}, Kept, false},
		"just below it":                     {outcome{98, 2, 0}, Violated, false},
		"far below it":                      {outcome{62, 38, 0}, Violated, true},
		"lost frames are late":              {outcome{62, 0, 38}, Violated, true},
		"all lost":                          {outcome{0, 0, 100}, Violated, true},
		"one frame, late":                   {outcome{0, 1, 0}, Violated, true},
		"one frame, on time":                {outcome{1, 0, 0}, Kept, false},
		"the shortest run that is decided":  {outcome{368, 0, 0}, Kept, true},
		"one frame less than the shortest.": {outcome{366, 0, 0}, Kept, false},
	} {
		s := judged(t, c.frames, nil)
		got := s.Tasks[0]
		if got.Verdict != c.verdict || got.Decided != c.decided || s.Verdict != c.verdict {
			t.Errorf("%s: task %s, decided %v, run %s (%v..%v); want %s, decided %v", name, got.Verdict, got.Decided, s.Verdict, got.OnTimeLow, got.OnTimeHigh, c.verdict, c.decided)
		}
		if got.OnTime != c.frames.onTime || got.Late != c.frames.late || got.Lost != c.frames.lost || s.QoS.Frames != got.Frames {
			t.Errorf("%s: counted %d on time, %d late, %d lost of %d; want %+v", name, got.OnTime, got.Late, got.Lost, s.QoS.Frames, c.frames)
		}
	}
	if n := framesToTell(0.99); n != 368 {
		t.Errorf("frames to tell 99 %%: got %d, want 368", n)
	}
}

// busy has the edge use a share of its budget.
func busy(share Figure, on string) func(*Input) {
	return func(in *Input) {
		in.Rule.On = on
		in.Edges[0].CPU = CPUSummary{GFLOPS: 290, UsedGFLOPS: 290 * share}
	}
}

func TestALittleIdleTimeIsNotABusyEdge(t *testing.T) {
	for _, s := range []Summary{judged(t, outcome{500, 0, 0}, busy(0.94, Transfer)), judged(t, outcome{0, 1, 0}, busy(1, Transfer))} {
		if strings.Contains(s.Reason, "busy") {
			t.Errorf("%s by transfer latency: %s", s.Verdict, s.Reason)
		}
	}
}

func TestTheReasonNamesTasksAndUplinks(t *testing.T) {
	for name, c := range map[string]struct {
		frames  outcome
		change  func(*Input)
		verdict string
		want    []string
	}{
		"violated":              {outcome{25, 15, 0}, nil, Violated, []string{"cam at gw-b: 62.5 % of 40 frames on time through gw-b.uplink (10 Mb/s), needs 99 %"}},
		"violated, with losses": {outcome{25, 5, 10}, nil, Violated, []string{"cam at gw-b: 62.5 % of 40 frames on time, 10 lost, through gw-b.uplink (10 Mb/s), needs 99 %"}},
		"violated behind trunks": {outcome{0, 1, 0}, func(in *Input) { in.Trunks = map[string][]string{"gw-b": {"west", "core"}} }, Violated,
			[]string{"cam at gw-b: 0 % of 1 frame on time through gw-b.uplink (10 Mb/s) and trunk west and trunk core, needs 99 %"}},
		"violated, perhaps by chance": {outcome{98, 2, 0}, nil, Violated, []string{"too short to tell at 95 % for 1 of these 1"}},
		"kept":                        {outcome{500, 0, 0}, nil, Kept, []string{"the deployed task kept the deadline at every edge: 100 % of 500 frames on time"}},
		"kept, perhaps by chance":     {outcome{40, 0, 0}, nil, Kept, []string{"too short to tell", "368 frames each would be enough"}},
		"kept, but the edge could not keep up": {outcome{500, 0, 0}, busy(0.96, Transfer), Kept,
			[]string{"; the CPU of gw-b was busy for 96 % of the window, and frames that waited for it did so before their transfer began"}},
		"violated where the edge counts": {outcome{0, 0, 1}, busy(1.02, EndToEnd), Violated,
			[]string{"through gw-b.uplink (10 Mb/s) and a CPU that was busy for 100 % of the window, needs 99 %"}},
		"almost all is not all": {outcome{99999, 1, 0}, nil, Kept, []string{"99.9 % of 100000 frames"}},
		"unfaithful": {outcome{500, 0, 0}, func(in *Input) {
			in.Fidelity = fidelity.Report{Verdict: fidelity.Invalid, Checks: []fidelity.Check{
				{Name: "link_rate", Subject: "gw-b.uplink", OK: true}, {Name: "cpu_granted", Subject: "gw-b", Advice: "raise the dilation"}}}
		}, Invalid, []string{"1 of 2 checks failed: cpu_granted of gw-b; raise the dilation"}},
		"no checks":                           {outcome{500, 0, 0}, func(in *Input) { in.Fidelity = fidelity.Report{} }, Invalid, []string{"no fidelity check"}},
		"late but unfaithful is not violated": {outcome{0, 9, 0}, func(in *Input) { in.Fidelity.Verdict = fidelity.Invalid }, Invalid, nil},
		"no frames":                           {outcome{}, nil, Invalid, []string{"no frame was captured in the window of cam: run longer"}},
		"nothing deployed":                    {outcome{}, func(in *Input) { in.Tasks, in.Schedule.Deployed = nil, 0 }, Invalid, []string{"none of the 1 task was deployed"}},
		"deployed too shortly":                {outcome{}, func(in *Input) { in.Tasks = nil }, Invalid, []string{"no frame was due in the window while one of the 1 task was deployed"}},
		"rule out of range":                   {outcome{9, 0, 0}, func(in *Input) { in.Rule.Quantile = 1.5 }, Invalid, []string{"qos.quantile 1.5"}},
	} {
		s := judged(t, c.frames, c.change)
		if s.Verdict != c.verdict {
			t.Errorf("%s: verdict %s, want %s", name, s.Verdict, c.verdict)
		}
		for _, want := range c.want {
			if !strings.Contains(s.Reason, want) {
				t.Errorf("%s: reason %q\ndoes not say %q", name, s.Reason, want)
			}
		}
	}
}

func TestATaskWithoutAFrameAtSomeEdgesIsUnseenThere(t *testing.T) {
	s := judged(t, outcome{500, 0, 0}, func(in *Input) { in.Tasks = append(in.Tasks, TaskRecord{Task: "cam", Edge: "gw-a", Cut: 2}) })
	if got := s.Tasks[1]; s.Verdict != Kept || got.Verdict != Unseen || got.Decided {
		t.Errorf("run %s, the edge without frames %s, decided %v; want kept, unseen, false", s.Verdict, got.Verdict, got.Decided)
	}
	if want := "no frame was due at 1 of 2 task-edge pairs"; !strings.Contains(s.Reason, want) {
		t.Errorf("reason %q does not say %q", s.Reason, want)
	}
}

func TestARunIsKeptOnlyWhenEveryTaskIsAtEveryEdge(t *testing.T) {
	in, _ := drawn(4, 8, true)
	s := Summarise(in)
	if s.Verdict != Violated {
		t.Fatalf("verdict %s, want %s: %s", s.Verdict, Violated, s.Reason)
	}
	for _, task := range s.Tasks {
		jammed := task.Edge == "gw-d"
		if (task.Verdict == Violated) != jammed || strings.Contains(s.Reason, task.Task+" at ") != jammed {
			t.Errorf("%s at %s: %s; jammed: %v; reason %q", task.Task, task.Edge, task.Verdict, jammed, s.Reason)
		}
	}
	in, _ = drawn(4, 8, false)
	if s := Summarise(in); s.Verdict != Kept {
		t.Errorf("nothing jammed: %s, want %s: %s", s.Verdict, Kept, s.Reason)
	}
}

func TestFramesOfOtherTasksAreNotJudged(t *testing.T) {
	s := judged(t, outcome{500, 0, 0}, func(in *Input) {
		in.Frames = append(in.Frames, Frame{Task: "undeployed", Edge: "gw-b", Captured: 1, Ready: 1, Received: 9})
	})
	if s.Verdict != Kept || s.QoS.Frames != 500 {
		t.Errorf("verdict %s over %d frames, want %s over 500", s.Verdict, s.QoS.Frames, Kept)
	}
}

func TestSummaryCountsWhatTheRuleIsAbout(t *testing.T) {
	s := judged(t, outcome{}, func(in *Input) {
		in.Rule.On = EndToEnd
		for n := range 100 {
			at := 0.05 + 0.001*float64(n+1) // 51 … 150 ms to the cloud, twice that to the answer
			in.Frames = append(in.Frames, Frame{Task: "cam", Edge: "gw-b", Captured: 1, Ready: 1, Received: 1 + at, Answered: 1 + 2*at})
		}
	})
	want := Distribution{0.100, 0.145, 0.149, 0.150}
	if d := cmp.Diff(want, s.Tasks[0].Transfer, near(1e-9)); d != "" {
		t.Errorf("transfer (-want +got):\n%s", d)
	}
	if got := (Distribution{s.QoS.P50, s.QoS.P95, s.QoS.P99, s.QoS.Max}); !cmp.Equal(got, Distribution{0.2, 0.29, 0.298, 0.3}, near(1e-9)) {
		t.Errorf("qos.on end_to_end: quantiles %v, want twice those of the transfer", got)
	}
	if s.QoS.OnTime != 50 || s.QoS.Late != 50 {
		t.Errorf("on time %d, late %d; want 50 and 50", s.QoS.OnTime, s.QoS.Late)
	}
}

// atLeast is the chance of k or more in n at a share of p, summed up.
func atLeast(k, n int, p float64) float64 {
	sum := 0.0
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// The interval's definition: at its lower end so many or more, at its upper end so many or fewer on time
// have a chance of 2.5 %.
func TestIntervalIsClopperPearson(t *testing.T) {
	for _, c := range []struct{ k, n int }{{1, 10}, {5, 10}, {9, 10}, {99, 100}, {366, 368}, {950, 1000}, {1999, 2000}} {
		low, high := interval(c.k, c.n)
		below, above := atLeast(c.k, c.n, low), 1-atLeast(c.k+1, c.n, high)
		if math.Abs(below-0.025) > 1e-8 || math.Abs(above-0.025) > 1e-8 {
			t.Errorf("%d of %d: %v..%v leave %v and %v outside, want 0.025 each", c.k, c.n, low, high, below, above)
		}
	}
	for _, n := range []int{1, 10, 368, 100000} {
		closed := math.Pow(0.025, 1/float64(n))
		if low, high := interval(n, n); math.Abs(low-closed) > 1e-9 || high != 1 {
			t.Errorf("all of %d: got %v..%v, want %v..1", n, low, high, closed)
		}
		if low, high := interval(0, n); low != 0 || math.Abs(high-1+closed) > 1e-9 {
			t.Errorf("none of %d: got %v..%v, want 0..%v", n, low, high, 1-closed)
		}
	}
	if low, high := interval(0, 0); low != 0 || high != 1 {
		t.Errorf("no frames: got %v..%v, want 0..1", low, high)
	}
}

func TestSummarySurvivesItsFile(t *testing.T) {
	in, _ := drawn(4, 8, true)
	in.Fidelity.Checks = append(in.Fidelity.Checks, fidelity.Check{Name: "parity", Subject: "cam-1", Value: math.NaN(), Advice: "look"})
	in.Broken = []scheduler.Violation{{Task: "cam-1", Subject: "gw-a", Resource: scheduler.Latency, Asked: math.Inf(1), Allowed: 1e6}}
	want := Summarise(in)
	path := filepath.Join(t.TempDir(), "summary.json")
	if err := WriteSummary(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSummary(path)
	if d := cmp.Diff(want, got, near(0)); err != nil || d != "" {
		t.Errorf("error %v (-written +read):\n%s", err, d)
	}
}

// The names in the contract of design.md.
func TestSummaryHasTheFieldsOfTheContract(t *testing.T) {
	in, _ := drawn(1, 1, false)
	text, err := json.Marshal(Summarise(in))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	object := func(path ...string) map[string]any {
		at := any(got)
		for _, p := range path {
			at = at.(map[string]any)[p]
			if list, ok := at.([]any); ok {
				at = list[0]
			}
		}
		m, _ := at.(map[string]any)
		return m
	}
	for _, c := range []struct {
		at     []string
		fields string
	}{
		{nil, "schema run experiment seed runtime dilation started virtual_seconds wall_seconds verdict qos schedule tasks edges fidelity"},
		{[]string{"qos"}, "frames on_time late lost on_time_low on_time_high p50_s p95_s p99_s max_s"},
		{[]string{"schedule"}, "algorithm tasks deployed bound"},
		{[]string{"tasks"}, "task edge k deadline_s frames on_time late lost transfer_s end_to_end_s predicted_transfer_s decided verdict"},
		{[]string{"tasks", "transfer_s"}, "p50 p95 p99 max"},
		{[]string{"tasks", "end_to_end_s"}, "p50 p95 p99 max"},
		{[]string{"edges"}, "edge uplink cpu"},
		{[]string{"edges", "uplink"}, "rate_bps measured_bps utilisation drops queue_p99_s delay_s measured_delay_s"},
		{[]string{"edges", "cpu"}, "gflops quota_cores used_gflops throttled"},
		{[]string{"fidelity"}, "verdict checks"},
		{[]string{"fidelity", "checks"}, "name subject value limit ok"},
	} {
		for _, field := range strings.Fields(c.fields) {
			if _, ok := object(c.at...)[field]; !ok {
				t.Errorf("%v has no field %q", c.at, field)
			}
		}
	}
	if bound, ok := object("schedule")["bound"]; !ok || bound != nil {
		t.Errorf("a bound that was not computed: got %v, want null", bound)
	}
}
