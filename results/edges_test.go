package results

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMeasureEdgesCountsTheWindowAlone(t *testing.T) {
	edges := []EdgeSummary{
		{Edge: "gw", Uplink: UplinkSummary{Rate: 8e6}, CPU: CPUSummary{GFLOPS: 100, QuotaCores: 0.5}},
		{Edge: "silent", Uplink: UplinkSummary{Rate: 8e6}, CPU: CPUSummary{GFLOPS: 100, QuotaCores: 0.5}},
	}
	// 1 MB/s before and after a window of 10 s, 0.5 MB/s in it; readings that miss its ends. At dilation 2 a second
	// takes two of wall time, of which the CPU works a half and is throttled a tenth.
	var samples []Sample
	bytes := 0.0
	for at := 12.5; at >= -2; at-- { // out of order on purpose
		samples = append(samples, Sample{Time: at, Subject: "gw.cpu", CPU: 10 + at, Throttled: 10 + 0.2*at})
	}
	for at := -1.5; at <= 12; at++ {
		switch {
		case at < 0 || at > 10.5:
			bytes += 1e6
		case at == 0.5 || at == 10.5: // half the step lies outside
			bytes += 0.75e6
		default:
			bytes += 0.5e6
		}
		s := Sample{Time: at, Subject: "gw.uplink", Bytes: int64(bytes), Backlog: 100e3}
		if at > 10 {
			s.Drops, s.Backlog = 7, 900e3
		}
		samples = append(samples, s)
	}
	MeasureEdges(edges, samples, 2, 10000*ms)
	want := EdgeSummary{"gw",
		UplinkSummary{Rate: 8e6, Measured: 4e6, Utilisation: 0.5, QueueP99: 0.1},
		CPUSummary{GFLOPS: 100, QuotaCores: 0.5, UsedGFLOPS: 100, Throttled: 0.1}}
	// Interpolation spreads a step evenly over its span.
	if d := cmp.Diff(want, edges[0], near(0.06), cmpopts.IgnoreFields(UplinkSummary{}, "Drops")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := edges[0].Uplink.Drops; got < 1 || got > 7 {
		t.Errorf("7 drops around the end of the window: counted %d", got)
	}
	u, c := edges[1].Uplink, edges[1].CPU
	if u.Measured.Known() || u.Utilisation.Known() || u.QueueP99.Known() || c.UsedGFLOPS.Known() || c.Throttled.Known() {
		t.Errorf("an edge without samples has figures: %+v %+v", u, c)
	}
}
