package scheduler

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
)

// small is a valid instance: two edges behind one trunk, one task at both with cuts 0..2.
func small() Instance {
	demand := func() []Demand { return []Demand{{8e6, 0}, {4e6, 1e9}, {1e6, 3e9}} }
	cam := Task{Name: "cam"}
	cam.Add(0, 200e3, demand())
	cam.Add(1, 100e3, demand())
	return Instance{
		Threshold: 0.9,
		Edges:     []Edge{{"gw-a", 10e9, 50e6, 0}, {"gw-b", 10e9, 10e6, 0}},
		Trunks:    []Trunk{{"west", 40e6, -1}},
		Tasks:     []Task{cam},
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	if err := small().Validate(); err != nil {
		t.Fatalf("a good instance is refused: %v", err)
	}
	for name, c := range map[string]struct {
		spoil func(*Instance)
		want  string
	}{
		"threshold above 1":   {func(i *Instance) { i.Threshold = 1.1 }, "threshold 1.1"},
		"threshold NaN":       {func(i *Instance) { i.Threshold = math.NaN() }, "threshold NaN"},
		"no edges":            {func(i *Instance) { i.Edges = nil }, "no edges"},
		"edge without name":   {func(i *Instance) { i.Edges[1].Name = "" }, "edge number 2 has no name"},
		"edge twice":          {func(i *Instance) { i.Edges[1].Name = "gw-a" }, "two edges are called gw-a"},
		"compute NaN":         {func(i *Instance) { i.Edges[0].Compute = units.FLOPS(math.NaN()) }, "edge gw-a: compute NaN"},
		"uplink zero":         {func(i *Instance) { i.Edges[1].Uplink = 0 }, "edge gw-b: uplink 0"},
		"uplink infinite":     {func(i *Instance) { i.Edges[1].Uplink = units.Rate(math.Inf(1)) }, "edge gw-b: uplink +Inf"},
		"trunk index":         {func(i *Instance) { i.Edges[0].Trunk = 1 }, "edge gw-a: trunk index 1 points to none of the 1 trunks"},
		"trunk rate negative": {func(i *Instance) { i.Trunks[0].Rate = -1 }, "trunk west: rate -1"},
		"trunk next":          {func(i *Instance) { i.Trunks[0].Next = 7 }, "trunk west: next 7"},
		"trunk feeds itself":  {func(i *Instance) { i.Trunks[0].Next = 0 }, "trunk west never reaches the cloud"},
		"task twice":          {func(i *Instance) { i.Tasks = append(i.Tasks, i.Tasks[0]) }, "two tasks are called cam"},
		"task nowhere":        {func(i *Instance) { i.Tasks[0].At = nil }, "task cam has input at no edge"},
		"edge index":          {func(i *Instance) { i.Tasks[0].At[1].Edge = 2 }, "task cam: edge index 2 points to none of the 2 edges"},
		"edge twice in task":  {func(i *Instance) { i.Tasks[0].At[1].Edge = 0 }, "task cam names edge gw-a twice"},
		"input negative":      {func(i *Instance) { i.Tasks[0].At[0].Input = -1 }, "task cam at gw-a: input -1"},
		"no layers":           {func(i *Instance) { i.Tasks[0].Costs[0] = i.Tasks[0].Costs[0][:1] }, "task cam: its costs have no cut"},
		"cuts differ":         {func(i *Instance) { i.Tasks[0].Costs[1] = i.Tasks[0].Costs[1][:2] }, "task cam: 2 demands in table 1 of its costs, but 3"},
		"cost index":          {func(i *Instance) { i.Tasks[0].At[1].Cost = 2 }, "task cam at gw-b: cost index 2 points to none of the 2"},
		"demand rate NaN":     {func(i *Instance) { i.Tasks[0].Costs[1][1].Rate = units.Rate(math.NaN()) }, "task cam, table 1, cut 1: rate NaN"},
		"demand compute +Inf": {func(i *Instance) { i.Tasks[0].Costs[0][2].Compute = units.FLOPS(math.Inf(1)) }, "task cam, table 0, cut 2: compute +Inf"},
	} {
		inst := small()
		c.spoil(&inst)
		err := inst.Validate()
		if !errors.Is(err, ErrInstance) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, c.want)
		}
	}
	inst := small()
	inst.Tasks[0].Costs[0][0].Rate = units.Rate(math.Inf(1))
	if err := inst.Validate(); err != nil {
		t.Errorf("a cut no rate is enough for is allowed, got %v", err)
	}
}

// random draws an instance of up to edges × tasks with trunks; every number from r, so a seed repeats it.
func random(r *rand.Rand, edges, tasks int) Instance {
	inst := Instance{Threshold: []float64{0.5, 0.8, 1}[r.IntN(3)]}
	for n := range r.IntN(4) {
		inst.Trunks = append(inst.Trunks, Trunk{fmt.Sprintf("t%d", n), units.Rate(200 + 1500*r.Float64()), r.IntN(n+1) - 1})
	}
	for i := range edges {
		inst.Edges = append(inst.Edges, Edge{fmt.Sprintf("e%d", i), 290, units.Rate(10 + 990*r.Float64()), r.IntN(len(inst.Trunks)+1) - 1})
	}
	size := []float64{0.1, 0.3, 1}[r.IntN(3)] // from a few tasks that fit to most
	for j := range tasks {
		layers := 1 + r.IntN(4)
		ratio, ops := []float64{1}, []float64{0}
		for k := range layers {
			ratio = append(ratio, ratio[k]*(0.3+0.9*r.Float64()))
			ops = append(ops, ops[k]+0.2*math.Exp(3*r.Float64()))
		}
		task := Task{Name: fmt.Sprintf("task%d", j)}
		for _, i := range r.Perm(edges)[:1+r.IntN(edges)] {
			d := size * (3 + 27*r.Float64())
			var demand []Demand
			for k := range ratio {
				rate := units.Rate(8 * d * ratio[k] / 0.2)
				if k == 0 && r.IntN(10) == 0 {
					rate = units.Rate(math.Inf(1))
				}
				demand = append(demand, Demand{rate, units.FLOPS(d * ops[k])})
			}
			task.Add(i, d, demand)
		}
		inst.Tasks = append(inst.Tasks, task)
	}
	return inst
}

func rates(x float64) units.Rate  { return units.Rate(x) }
func flops(x float64) units.FLOPS { return units.FLOPS(x) }
