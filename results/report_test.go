package results

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
)

func report(t *testing.T, s Summary, frames []Frame, samples []Sample) string {
	t.Helper()
	var page strings.Builder
	if err := Report(&page, s, frames, samples); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestReportShowsVerdictTablesAndCharts(t *testing.T) {
	in, samples := drawn(4, 8, true)
	in.Broken = []scheduler.Violation{{Subject: "gw-d", Resource: scheduler.Uplink, Asked: 41e6, Allowed: 36e6}}
	in.Fidelity.Checks = append(in.Fidelity.Checks, fidelity.LinkRate("gw-c.uplink", 30e6, 20e6))
	s := Summarise(in)
	page := report(t, s, in.Frames, samples)
	for _, want := range []string{
		"<strong>violated</strong>", s.Reason, "gw-d: uplink: 41 Mb/s assigned, 36 Mb/s allowed", in.Fidelity.Checks[4].Advice,
		"Transfer latency, cumulative", "Transfer latency over time", "Uplink utilisation", "CPU of the edges",
		`<td class="name" title="cam-8">cam-8</td><td class="name" title="gw-d">gw-d</td>`, "border-color: " + hex(limit),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, "<svg"); n != 4 {
		t.Errorf("%d charts, want 4", n)
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value as unsafe")
	}
}

func TestReportShowsWhatWasBesideTheTasksAndWhatTheirFormsCost(t *testing.T) {
	in, samples := drawn(2, 3, false)
	in.Tasks[1].Wire = "uint4 channel, zstd"
	for i, f := range in.Frames {
		if f.Task == in.Tasks[1].Task && f.Frame%4 == 0 {
			in.Frames[i].Reference = f.Class + 1
		}
	}
	in.Background = []BackgroundRecord{{Link: "gw-b.downlink", Kind: "udp", Flows: 3, Start: 1000 * ms, Stop: 3000 * ms}}
	in.Flows = []FlowSample{{Flow: 1, OfferedBytes: 2_500_000, DeliveredBytes: 2_000_000, Offered: 2500, Delivered: 2000}}
	in.Changes = []Change{{At: 2, Subject: "gw-a.uplink", Change: "rate 5Mbps", ByHand: true}}
	page := report(t, Summarise(in), in.Frames, samples)
	for _, want := range []string{
		`title="gw-b.downlink">gw-b.downlink</td><td class="name">udp</td><td>3</td><td>1 s</td><td>3 s</td><td>2.5 MB</td><td>2 MB</td>` +
			`<td>500 kB</td><td>8 Mb/s</td><td>2000 / 2500</td>`,
		`<td class="name">uint4 channel, zstd</td><td>75 %</td>`,
		"<li>2.000 s  gw-a.uplink: rate 5Mbps (by hand)</li>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// A page goes from hand to hand without the command that made it.
func TestAReportOfASimulationSaysSo(t *testing.T) {
	in, samples := drawn(4, 8, true)
	if page := report(t, Summarise(in), in.Frames, samples); strings.Contains(page, simulated) {
		t.Error("the page of an emulated run calls it simulated")
	}
	in.Simulated = true
	if page := report(t, Summarise(in), in.Frames, nil); !strings.Contains(page, simulated) {
		t.Error("the page of a simulation does not say that it is one")
	}
}

// What a browser would load: anything with an address, but for the names of XML vocabularies.
var (
	vocabulary = regexp.MustCompile(`\sxmlns(:\w+)?="[^"]*"`)
	outside    = regexp.MustCompile(`(?i)\b(src|href|action|data)\s*=|url\(|@import|https?:|<script`)
)

func TestReportNeedsNothingFromOutside(t *testing.T) {
	in, samples := drawn(4, 8, true)
	page := vocabulary.ReplaceAllString(report(t, Summarise(in), in.Frames, samples), "")
	for _, at := range outside.FindAllStringIndex(page, -1) {
		t.Errorf("the page asks for something: …%s…", page[max(0, at[0]-40):min(len(page), at[1]+40)])
	}
}

func TestReportEscapesNamesEverywhere(t *testing.T) {
	const evil = `"><script>alert(1)</script>&`
	in, samples := drawn(2, 3, true)
	in.Experiment, in.Run, in.Runtime, in.Schedule.Algorithm = evil, evil, evil, evil
	in.Rule.Deadlines[evil] = 200 * ms
	for i := range in.Frames {
		if in.Frames[i].Task == "cam-1" {
			in.Frames[i].Task = evil
		}
	}
	in.Tasks[0].Task, in.Edges[1].Edge = evil, evil
	in.Broken = []scheduler.Violation{{Task: evil, Subject: evil, Resource: scheduler.Latency}}
	in.Fidelity = fidelity.Judge([]fidelity.Check{{Name: evil, Subject: evil, Advice: evil}})
	page := report(t, Summarise(in), in.Frames, samples)
	if strings.Contains(page, "<script") {
		t.Error("a name became a part of the page")
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 10 {
		t.Errorf("the escaped name is there %d times, want it wherever it is shown", n)
	}
}

func TestReportOfManyTasksStaysSmall(t *testing.T) {
	few, fewSamples := drawn(4, 8, true)
	many, manySamples := drawn(50, 1000, true)
	small := len(report(t, Summarise(few), few.Frames, fewSamples))
	page := report(t, Summarise(many), many.Frames, manySamples)
	if len(page) > 4*small {
		t.Errorf("a page of 1000 tasks has %d bytes, one of 8 has %d; want at most four times as much", len(page), small)
	}
	for _, want := range []string{"all frames", "The worst 100 of 1000 task-edge pairs", "median of all edges", "99th percentile"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestReportOfIncompleteRecords(t *testing.T) {
	for name, change := range map[string]func(*Input, *[]Sample){
		"nothing at all":       func(in *Input, s *[]Sample) { *in, *s = Input{}, nil },
		"no frames":            func(in *Input, _ *[]Sample) { in.Frames = nil },
		"no samples":           func(_ *Input, s *[]Sample) { *s = nil },
		"a sample of each":     func(_ *Input, s *[]Sample) { *s = (*s)[:8] },
		"all frames lost":      func(in *Input, _ *[]Sample) { lose(in.Frames) },
		"one frame":            func(in *Input, _ *[]Sample) { in.Frames = in.Frames[3:4] },
		"a very late frame":    func(in *Input, _ *[]Sample) { in.Frames[3].Received += 10; in.Rule.Deadlines["cam-1"] = 6000 * ms },
		"transfers of no time": func(in *Input, _ *[]Sample) { in.Frames[3].Received = in.Frames[3].Ready; in.Frames[4].Received += 8 },
		"edges without figures": func(in *Input, _ *[]Sample) {
			in.Edges = []EdgeSummary{{Edge: "gw-a"}, {Edge: "gw-b", Uplink: UplinkSummary{Rate: Absent()}}}
		},
		"many deadlines": func(in *Input, _ *[]Sample) {
			for j := range in.Tasks {
				in.Rule.Deadlines[in.Tasks[j].Task] = 100*ms + 7*ms*units.Virtual(j)
			}
		},
		"end to end": func(in *Input, _ *[]Sample) { in.Rule.On = EndToEnd },
	} {
		in, samples := drawn(4, 8, true)
		change(&in, &samples)
		Classify(in.Frames, in.Rule)
		s := Summarise(in)
		page := report(t, s, in.Frames, samples)
		if !strings.HasSuffix(strings.TrimSpace(page), "</html>") || !strings.Contains(page, "<strong>"+s.Verdict+"</strong>") {
			t.Errorf("%s: the page is not whole", name)
		}
		// Coordinates of what could not be computed would draw nothing and say nothing.
		for _, bad := range []string{"NaN", "Inf"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page has %s in it", name, bad)
			}
		}
	}
}

func lose(frames []Frame) {
	for i := range frames {
		frames[i].Received, frames[i].Answered = math.NaN(), math.NaN()
	}
}

func TestReportReportsAFailedWrite(t *testing.T) {
	in, samples := drawn(1, 1, false)
	if err := Report(full{}, Summarise(in), in.Frames, samples); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}

func TestTicksAreRoundAndFew(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 100}, {0, 523}, {0, 10}, {0, 0.3}, {0, 61}, {-1, 1}, {0, 1e6}} {
		ticks := linearTicks{}.Ticks(c.low, c.high)
		if len(ticks) < 3 || len(ticks) > 7 {
			t.Errorf("%v..%v: %d ticks %v, want 3 to 7", c.low, c.high, len(ticks), ticks)
		}
		for _, tick := range ticks {
			if tick.Value < c.low || tick.Value > c.high*(1+1e-9) || len(tick.Label) > 6 || tick.Label == "-0" {
				t.Errorf("%v..%v: tick %+v", c.low, c.high, tick)
			}
		}
	}
}

func BenchmarkReport(b *testing.B) {
	for _, tasks := range []int{8, 1000} {
		in, samples := drawn(50, tasks, true)
		s := Summarise(in)
		b.Run(fmt.Sprintf("tasks=%d", tasks), func(b *testing.B) {
			for b.Loop() {
				if err := Report(&strings.Builder{}, s, in.Frames, samples); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
