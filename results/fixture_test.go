package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
)

const ms = units.Virtual(time.Millisecond)

// drawn is a run as it could have been recorded: tasks cameras spread over the edges, each a frame
// every 500 ms for ten seconds after a second of warm-up, over 10 ms to slow ms long transfers. The frames of the last edge
// take four times as long when jammed. The same arguments give the same run.
func drawn(edges, tasks int, jammed bool) (Input, []Sample) {
	r := rand.New(rand.NewPCG(1, 2))
	in := Input{
		Run: "20260101-120000-ab12cd", Experiment: "drawn", Seed: 1, Runtime: "native", Dilation: 4,
		Started: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), Wall: 48 * time.Second,
		Rule:     Rule{On: Transfer, Quantile: 0.95, Window: 10 * units.Virtual(time.Second), Deadlines: map[string]units.Virtual{}},
		Schedule: Schedule{Algorithm: "layer", Tasks: tasks + 2, Deployed: tasks, Bound: Absent()},
		Fidelity: fidelity.Report{Verdict: fidelity.Valid},
	}
	var samples []Sample
	for i := range edges {
		name := fmt.Sprintf("gw-%c", 'a'+rune(i%26))
		if edges > 26 {
			name = fmt.Sprintf("gw-%02d", i)
		}
		rate := 10e6 * float64(1+i)
		in.Edges = append(in.Edges, EdgeSummary{Edge: name,
			Uplink: UplinkSummary{Rate: Figure(rate), Delay: 0, MeasuredDelay: Absent()},
			CPU:    CPUSummary{GFLOPS: 290, QuotaCores: 0.36}})
		in.Fidelity.Checks = append(in.Fidelity.Checks, fidelity.Check{Name: "link_rate", Subject: name + ".uplink", Value: 0.998, Limit: 0.05, OK: true})
		var bytes, cpu, throttled float64
		for at := -1.0; at <= 12; at += 0.1 {
			load := (0.5 + 0.4*math.Sin(at+float64(i))*math.Sin(3*at)) * (0.4 + 0.6/float64(1+i))
			bytes += load * rate / 8 * 0.1
			cpu += load * 0.36 * 0.4
			throttled += load * load * 0.1
			samples = append(samples,
				Sample{Time: at, Subject: name + ".uplink", Bytes: int64(bytes), Backlog: int64(load * 40e3)},
				Sample{Time: at, Subject: name + ".cpu", CPU: cpu, Throttled: throttled})
		}
	}
	for j := range tasks {
		task, edge := fmt.Sprintf("cam-%d", j+1), in.Edges[j%edges].Edge
		in.Rule.Deadlines[task] = 200 * ms
		in.Tasks = append(in.Tasks, TaskRecord{Task: task, Edge: edge, Cut: 1 + j%5, Predicted: (40 + units.Virtual(j%7)*10) * ms})
		phase := 0.5 * r.Float64()
		for n := range 22 {
			captured := phase + 0.5*float64(n-2)
			transfer := 0.04 + 0.01*float64(j%7) + 0.02*r.ExpFloat64()
			if jammed && j%edges == edges-1 {
				transfer *= 4
			}
			ready := captured + 0.05 + 0.01*r.Float64()
			f := Frame{Task: task, Edge: edge, Frame: int64(n), Cut: int32(1 + j%5), InputBytes: 2e5, WireBytes: 7e4,
				Captured: captured, Started: captured + 0.001, Ready: ready, Sent: ready + transfer/2, Received: ready + transfer,
				TailStarted: ready + transfer, TailEnded: ready + transfer + 0.02, Answered: ready + transfer + 0.025, Class: 7, Reference: 7}
			in.Frames = append(in.Frames, f)
		}
	}
	MeasureEdges(in.Edges, samples, in.Dilation, in.Rule.Window)
	Classify(in.Frames, in.Rule)
	return in, samples
}

// near compares figures to within a part of the wanted one; absent figures are equal.
func near(part float64) cmp.Option {
	return cmp.Comparer(func(a, b Figure) bool {
		if !a.Known() || !b.Known() {
			return a.Known() == b.Known()
		}
		return math.Abs(float64(a-b)) <= part*math.Max(math.Abs(float64(a)), math.Abs(float64(b)))
	})
}
