package testbed

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/spec/spectest"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// A bulk flow that has lost all it had under way needs some timeouts to come back, the third of which ends before 3.2 s.
const eventful = `
name: eventful
topology:
  name: four
  edges:
    - {name: dying, compute: 30GFLOPS, uplink: {rate: 10Mbps}}
    - {name: changing, compute: 30GFLOPS, uplink: {rate: 20Mbps}}
    - {name: traced, compute: 30GFLOPS, uplink: {trace: TRACE}}
    - {name: wavering, compute: 30GFLOPS, uplink: {rate: 20Mbps}}
workload:
  name: doors
  tasks: [{name: door, model: cnn1, input: 60kB, fps: 4}]
  background:
    - {link: changing.uplink, kind: bulk}
    - {link: traced.uplink, kind: bulk}
    - {link: wavering.downlink, kind: {udp: {rate: 4Mbps, packet: 500B}}, start: 2600ms, stop: 3200ms}
    - {link: wavering.downlink, kind: {udp: {rate: 4Mbps, packet: 500B}}, start: 3400ms, stop: 4s}
scheduler: {algorithm: "fixed:2"}
emulation: {tcp: {congestion: reno}, warmup: 500ms, duration: 4s}
events:
  - {at: 750ms, link: wavering.uplink, set: {rate: 8Mbps}}
  - {at: 2600ms, link: wavering.uplink, set: {delay: 30ms}}
  - {at: 3300ms, link: wavering.downlink, set: {loss: 20%}}
  - {at: 3s, kill: dying}
  - {at: 1s, link: changing.uplink, set: {rate: 5Mbps}}
  - {at: 2s, link: changing.uplink, set: {down: true}}
  - {at: 2300ms, link: changing.uplink, set: {down: false, rate: 10Mbps}}
`

// TestLinksAndNodesDoWhatTheirEventsSay has a link that becomes slower, goes down and comes back, one that follows a trace, an
// edge that is killed, and one whose links become slower, longer and lossy as was predicted, each beside the others in one run, which is
// valid for all that.
func TestLinksAndNodesDoWhatTheirEventsSay(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	dir := t.TempDir()
	trace := filepath.Join(dir, "rates.csv")
	if err := os.WriteFile(trace, []byte("seconds,rate\n0,10Mbps\n1,4Mbps\n2,8Mbps\n3,6Mbps\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "eventful.yaml")
	e, err := ParseExperiment(file, []byte(strings.Replace(eventful, "TRACE", "rates.csv", 1)))
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	s, frames := runValidIn(t, e, Options{}, &out)

	wantChanges := []results.Change{
		{At: 0.75, Subject: "wavering.uplink", Change: "rate 8Mbps"},
		{At: 1, Subject: "changing.uplink", Change: "rate 5Mbps"},
		{At: 2, Subject: "changing.uplink", Change: "down"},
		{At: 2.3, Subject: "changing.uplink", Change: "rate 10Mbps, up"},
		{At: 2.6, Subject: "wavering.uplink", Change: "delay 30ms"},
		{At: 3, Subject: "dying", Change: "killed"},
		{At: 3.3, Subject: "wavering.downlink", Change: "loss 20%"},
	}
	if len(s.Changes) != len(wantChanges) {
		t.Fatalf("changes %+v, want %+v", s.Changes, wantChanges)
	}
	for i, want := range wantChanges {
		got := s.Changes[i]
		if late := float64(got.At - want.At); late < 0 || late > 0.1 || got.Subject != want.Subject || got.Change != want.Change {
			t.Errorf("change %d: %+v, want %+v at most 0.1 s later", i, got, want)
		}
	}

	samples, err := results.ReadSamples(filepath.Join(out, samplesFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		link           string
		from, to, mbps float64
	}{
		{"changing.uplink", 0.4, 1, 20}, {"changing.uplink", 1, 2, 5}, {"changing.uplink", 2, 2.3, 0}, {"changing.uplink", 3.2, 4, 10},
		{"traced.uplink", 0.4, 1, 10}, {"traced.uplink", 1, 2, 4}, {"traced.uplink", 2, 3, 8}, {"traced.uplink", 3, 4, 6},
	} {
		carried, set := carriedBetween(samples, c.link, c.from, c.to)
		if math.Abs(carried/1e6-c.mbps) > 0.05*c.mbps {
			t.Errorf("%s from %g s to %g s: carried %.4g Mb/s, want %g", c.link, c.from, c.to, carried/1e6, c.mbps)
		}
		if math.Abs(set/1e6-c.mbps) > 1e-3 {
			t.Errorf("%s from %g s to %g s: was set to %.4g Mb/s by the samples, want %g", c.link, c.from, c.to, set/1e6, c.mbps)
		}
	}
	for _, f := range window(frames, "dying") {
		// What an edge noted in its last half second dies with it.
		if lost := f.Status == results.Lost; f.Captured < 2.3 && lost || f.Captured > 3 && !lost {
			t.Errorf("frame %d, captured at %.3f s, is %s; its edge was killed at 3 s", f.Frame, f.Captured, f.Status)
		}
	}
	checkWavering(t, e, s, window(frames, "wavering"))
}

// checkWavering holds what became of one edge's links against the model of the same events. Alone on its uplink, a frame takes what was
// predicted within 5 %, as without events: most frames come after the rate fell to two fifths.
func checkWavering(t *testing.T, e *Experiment, s results.Summary, frames []results.Frame) {
	t.Helper()
	there := slices.IndexFunc(s.Tasks, func(task results.TaskSummary) bool { return task.Edge == "wavering" })
	if there < 0 {
		t.Fatalf("no task at the edge among %+v", s.Tasks)
	}
	got, want := float64(s.Tasks[there].Transfer.P50), float64(s.Tasks[there].Predicted)
	t.Logf("median transfer %.5f s, predicted %.5f s", got, want)
	if !(math.Abs(got/want-1) < 0.05) {
		t.Errorf("median transfer %.4g s, predicted %.4g s; want them within 5 %%", got, want)
	}
	_, out := simulated(t, e)
	all, err := results.ReadFrames(filepath.Join(out, framesFile))
	if err != nil {
		t.Fatal(err)
	}
	model := window(all, "wavering")
	for name, frames := range map[string][]results.Frame{"measured": frames, "in the model": model} {
		fast, slow, far := transferBetween(frames, 0, 0.75), transferBetween(frames, 0.75, 2.6), transferBetween(frames, 2.6, 3.3)
		t.Logf("median transfer %s: %.4f s, slower %.4f s, with a delay %.4f s", name, fast, slow, far)
		// A tenth of the delay is some milliseconds, of which the delay line may be late by tenths.
		if !(math.Abs(far-slow-0.03) < 0.003) {
			t.Errorf("a delay of 30 ms made transfers %s take %.4f s instead of %.4f s", name, far, slow)
		}
	}
	// Packets lost at random: their share is in its interval but for once in a thousand runs.
	for n, want := range []float64{0, 0.2} {
		b := s.Background[2+n]
		low, high := results.Interval(int(b.Offered-b.Delivered), int(b.Offered), 0.999)
		t.Logf("%d of %d packets were lost, planned are %g %%", b.Offered-b.Delivered, b.Offered, 100*want)
		if b.Link != "wavering.downlink" || b.Offered < 500 || !(low <= want && want <= high) {
			t.Errorf("%s: %d of %d packets were lost, planned are %g %%", b.Link, b.Offered-b.Delivered, b.Offered, 100*want)
		}
	}
}

// transferBetween is the median transfer latency of the frames that were captured, and received, in a part of the window.
func transferBetween(frames []results.Frame, from, to float64) float64 {
	var all []float64
	for _, f := range frames {
		if f.Captured >= from && f.Received < to {
			all = append(all, f.Transfer())
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// carriedBetween is what a link carried, in bits per second, between the first and the last sample of a span, and what it was set to
// in all of them.
func carriedBetween(samples []results.Sample, link string, from, to float64) (carried, set float64) {
	var first, last *results.Sample
	for i, s := range samples {
		if s.Subject != link || s.Time < from+0.02 || s.Time > to-0.02 {
			continue
		}
		if first == nil {
			first, set = &samples[i], s.Rate
		}
		if s.Rate != set {
			set = math.NaN()
		}
		last = &samples[i]
	}
	if first == nil || last == first {
		return math.NaN(), math.NaN()
	}
	return 8 * float64(last.Bytes-first.Bytes) / (last.Time - first.Time), set
}

func TestBadEventsAreRefusedWhereTheyAreWrong(t *testing.T) {
	for event, want := range map[string]string{
		"{at: 1s}":             "e.yaml:4: events[0]: nothing is to happen; allowed: link and set, or kill",
		"{at: 1s, kill: gw-z}": `e.yaml:4: events[0].kill: there is no node "gw-z"; did you mean gw-a?; allowed: cloud, gw-a, gw-b, gw-c, gw-d`,
		"{at: 1s, kill: gw-a, link: gw-a.uplink}":                     "e.yaml:4: events[0]: both a link and a node are to change; use two events; allowed: link and set, or kill",
		"{at: 1s, link: gw-a, set: {down: true}}":                     `e.yaml:4: events[0].link: there is no link "gw-a"; allowed: gw-a.uplink, gw-a.downlink, gw-b.uplink, gw-b.downlink, gw-c.uplink, gw-c.downlink, gw-d.uplink, gw-d.downlink`,
		"{at: 1s, link: gw-a.uplink}":                                 "e.yaml:4: events[0].set: nothing is to be changed; allowed: rate, queue, delay, jitter, loss, down",
		"{at: 11s, kill: gw-a}":                                       "e.yaml:4: events[0].at: 11s is out of range; allowed: 0s to 10s, the duration",
		"{at: 1s, link: gw-a.uplink, set: {rate: 5mbps}}":             `e.yaml:4: events[0].set.rate: "5mbps": tc reads mbps as megabytes per second, and a rate is in bits; allowed: bits per second such as 500kbit, 10Mbps or 1Gbps`,
		"{at: 1s, link: gw-a.uplink, set: {speed: 5Mbps}}":            "e.yaml:4: events[0].set.speed: unknown key; allowed: rate, queue, delay, jitter, loss, down",
		"{at: 1s, link: gw-a.uplink, set: {jitter: 5ms}}":             "e.yaml:4: events[0].set.jitter: a delay of 0s ± 3 × 5ms would be negative at times; allowed: at most a third of the delay, 0s",
		"{at: 1s, link: gw-a.uplink, set: {loss: 100%}}":              "e.yaml:4: events[0].set.loss: a link cannot work with 100%; allowed: from 0% to below 100%",
		"{at: 1s, link: gw-a.uplink, set: {queue: 1us}}":              "e.yaml:4: events[0].set.queue: 1µs at 10Mbps is shorter than two packets of 1514 bytes; allowed: at least 2.423ms",
		"{at: 1s, link: gw-a.uplink, set: {rate: 0Mbps, down: true}}": "e.yaml:4: events[0].set.rate: a link cannot have the rate 0Gbps; allowed: above 0, at most 1000Gbps",
	} {
		_, err := ParseExperiment("e.yaml", []byte(minimal+"events: ["+event+"]\n"))
		spectest.Refused(t, err, want)
	}
}
