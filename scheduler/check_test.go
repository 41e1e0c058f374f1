package scheduler

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

func schedule(k int, rates ...units.Rate) Schedule {
	return Schedule{Algorithm: "hand", Tasks: []Assignment{{Task: "cam", Deployed: true, Cut: k, Rates: rates}}}
}

func TestCheckNamesEveryBrokenConstraint(t *testing.T) {
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		spoil func(*Instance)
		sched Schedule
		want  []Violation
	}{
		"fits":                    {nil, schedule(1, 4e6, 4e6), nil},
		"not deployed":            {nil, Schedule{Tasks: []Assignment{{Task: "cam"}}}, nil},
		"uplink full to the bit":  {nil, schedule(1, 4e6, 9e6), nil},
		"uplink over by rounding": {nil, schedule(1, 4e6, 9e6*(1+5e-10)), nil},
		"uplink over by 2e-9":     {nil, schedule(1, 4e6, 9e6*(1+2e-9)), []Violation{{"", "gw-b", Uplink, 9e6 * (1 + 2e-9), 9e6, 0}}},
		"trunk":                   {nil, schedule(1, 30e6, 8e6), []Violation{{"", "west", OnTrunk, 38e6, 36e6, 0}}},
		"below the demand":        {nil, schedule(1, 4e6, 3e6), []Violation{{"cam", "gw-b", Latency, 4e6, 3e6, 0}}},
		"below it by rounding":    {nil, schedule(1, 4e6, 4e6*(1-5e-10)), nil},
		"assignment missing":      {nil, schedule(1, 4e6), []Violation{{"cam", "gw-b", Latency, 4e6, 0, 0}}},
		"assignment negative":     {nil, schedule(1, 4e6, -4e6), []Violation{{"cam", "gw-b", Latency, 4e6, -4e6, 0}}},
		"compute":                 {func(i *Instance) { i.Edges[0].Compute = 0.5e9 }, schedule(1, 4e6, 4e6), []Violation{{"", "gw-a", Compute, 1e9, 0.5e9, 0}}},
		"no such cut":             {nil, schedule(3, 1e6, 1e6), []Violation{{"cam", "cam", Cut, 3, 2, 0}}},
		"negative cut":            {nil, schedule(-1, 1e6, 1e6), []Violation{{"cam", "cam", Cut, -1, 2, 0}}},
		"tasks missing":           {nil, Schedule{}, []Violation{{"cam", "cam", Order, 0, 0, 0}}},
		"a task nobody knows":     {nil, Schedule{Tasks: []Assignment{{Task: "cam"}, {Task: "x"}}}, []Violation{{"x", "x", Order, 0, 0, 0}}},
		"a demand no rate can meet": {func(i *Instance) { i.Tasks[0].Costs[0][1].Rate = units.Rate(inf) }, schedule(1, 4e6, 4e6),
			[]Violation{{"cam", "gw-a", Latency, inf, 4e6, 0}}},
		"all at once": {func(i *Instance) { i.Edges[1].Compute = 2e9 }, schedule(2, 50e6, 0.5e6), []Violation{
			{"cam", "gw-b", Latency, 1e6, 0.5e6, 0}, {"", "gw-a", Uplink, 50e6, 45e6, 0}, {"", "gw-b", Compute, 3e9, 2e9, 0}, {"", "west", OnTrunk, 50.5e6, 36e6, 0}}},
	} {
		inst := small()
		if c.spoil != nil {
			c.spoil(&inst)
		}
		got := Check(inst, c.sched)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		text, err := json.Marshal(got)
		var back []Violation
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if d := cmp.Diff(got, back); err != nil || d != "" {
			t.Errorf("%s: through JSON: %v (-want +got):\n%s", name, err, d)
		}
	}
	if got := Check(small(), schedule(1, 4e6, units.Rate(math.NaN()))); len(got) == 0 {
		t.Error("an assignment of NaN breaks nothing, want violations")
	}
}

func TestViolationsReadAsSentences(t *testing.T) {
	for _, c := range []struct {
		v    Violation
		want string
	}{
		{Violation{"", "gw-b", Uplink, 12e6, 10e6, 0}, "gw-b: uplink: 12 Mb/s assigned, 10 Mb/s allowed"},
		{Violation{"", "gw-b", Compute, 300e9, 290e9, 0}, "gw-b: compute: 300 GFLOPS asked, 290 GFLOPS available"},
		{Violation{"cam", "gw-b", Latency, 4e6, 3e6, 0}, "task cam at gw-b: latency: 3 Mb/s assigned, its deadline needs 4 Mb/s"},
		{Violation{"cam", "gw-b", Latency, math.Inf(1), 3e6, 0}, "task cam at gw-b: latency: 3 Mb/s assigned, its deadline needs more than any rate"},
		{Violation{"cam", "cam", Cut, 9, 8, 0}, "task cam: cut 9 does not exist, its network has 8 layers"},
	} {
		if got := c.v.String(); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
