package results

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBackgroundAddsUpTheLastCountsOfItsFlows(t *testing.T) {
	s := judged(t, outcome{onTime: 1}, func(in *Input) {
		in.Background = []BackgroundRecord{
			{"gw-b.uplink", "bulk", 2, 0, 10000 * ms}, {"gw-b.downlink", "udp", 1, 2000 * ms, 3000 * ms}, {"gw-b.uplink", "web", 1, 0, 100 * ms}}
		in.Flows = []FlowSample{
			{Time: 1, Flow: 0, OfferedBytes: 10, DeliveredBytes: 5},
			{Time: 1, Flow: 1, OfferedBytes: 100, DeliveredBytes: 90},
			{Time: 2, Flow: 0, OfferedBytes: 20, DeliveredBytes: 15},
			{Time: 2.5, Flow: 2, OfferedBytes: 5000, Offered: 5, DeliveredBytes: 3000, Delivered: 3},
		}
	})
	want := []BackgroundSummary{
		{Link: "gw-b.uplink", Kind: "bulk", Flows: 2, Stop: 10, OfferedBytes: 120, DeliveredBytes: 105, LostBytes: 15},
		{Link: "gw-b.downlink", Kind: "udp", Flows: 1, Start: 2, Stop: 3, OfferedBytes: 5000, DeliveredBytes: 3000, LostBytes: 2000, Offered: 5, Delivered: 3},
		{Link: "gw-b.uplink", Kind: "web", Flows: 1, Stop: 0.1},
	}
	if diff := cmp.Diff(want, s.Background); diff != "" {
		t.Error(diff)
	}
}
