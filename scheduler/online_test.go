package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

// comings is a sequence in which tasks come, leave, come again, come twice and leave when they do not run.
func comings(r *rand.Rand, tasks, n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{Task: r.IntN(tasks), Leaves: r.IntN(3) == 0}
	}
	return events
}

func TestWhatRunsIsFeasibleAfterEveryEvent(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, rule := range rules() {
		most := 0
		for n := range 25 {
			inst := random(r, 1+r.IntN(6), 1+r.IntN(30))
			_, err := Admit(context.Background(), inst, rule, comings(r, len(inst.Tasks), 120), func(at int, s *State) {
				if broken := Check(inst, s.Schedule(rule.Name())); len(broken) > 0 {
					t.Fatalf("%s, instance %d, event %d breaks %v", rule.Name(), n, at, broken)
				}
				most = max(most, s.Count())
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if most == 0 && rule.Name() != "online-printed" {
			t.Errorf("%s never deployed anything, so nothing was tested", rule.Name())
		}
	}
}

// A long life of comings and goings must not leave rounding behind: where nobody is left, nothing is used.
func TestNothingIsUsedWhenEverybodyHasLeft(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	inst := random(r, 4, 20)
	events := comings(r, len(inst.Tasks), 20_000)
	for j := range inst.Tasks {
		events = append(events, Event{Task: j, Leaves: true})
	}
	s, err := Admit(context.Background(), inst, evicting{name: "fifo-adaptive", adapts: true}, events, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(make([]float64, 4), s.used.uplink); d != "" || s.Count() != 0 {
		t.Errorf("%d tasks run; uplinks (-want +got):\n%s", s.Count(), d)
	}
}

func running(s *State) []int32 { return slices.Clone(s.cut) }

// An arrival that is rejected leaves everybody where they were; rules that don't evict never remove anybody.
func TestARejectedNewcomerChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	evicted, rejected := map[string]bool{}, map[string]bool{}
	for _, rule := range rules() {
		for n := range 60 {
			inst := random(r, 1+r.IntN(6), 1+r.IntN(30))
			events := comings(r, len(inst.Tasks), 120)
			before := running(NewState(inst))
			_, err := Admit(context.Background(), inst, rule, events, func(at int, s *State) {
				now, j := running(s), events[at].Task
				mine := before[j] // what the event does to its own task is not looked at here
				before[j] = now[j]
				same := slices.Equal(before, now)
				admitted := !events[at].Leaves && mine == notDeployed && now[j] != notDeployed
				rejected[rule.Name()] = rejected[rule.Name()] || !events[at].Leaves && !admitted
				evicted[rule.Name()] = evicted[rule.Name()] || !same
				if !same && !admitted {
					t.Fatalf("%s, instance %d, event %d: the newcomer was rejected, but others were %v and are %v", rule.Name(), n, at, before, now)
				}
				before = now
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		_, evicts := rule.(evicting)
		if evicted[rule.Name()] != evicts || !rejected[rule.Name()] {
			t.Errorf("%s: evicted anybody: %v, want %v; rejected anybody: %v, want true", rule.Name(), evicted[rule.Name()], evicts, rejected[rule.Name()])
		}
	}
}

// Both uplinks and the trunk are full with two; a wide task is in the way of the third, and its leaving alone would not do.
func TestTheEvictingRulesRemoveNobodyInVain(t *testing.T) {
	inst := Instance{Threshold: 1, Edges: []Edge{{"a", 100, 100, -1}}}
	for _, task := range []struct {
		name          string
		rate, compute float64
	}{{"light", 10, 90}, {"wide", 60, 5}, {"new", 50, 50}} {
		inst.Tasks = append(inst.Tasks, single(task.name, 0, 1, []Demand{{1e9, 0}, {rates(task.rate), flops(task.compute)}}))
	}
	for _, name := range []string{"lbf", "lbf-adaptive"} {
		got := plan(t, name, inst)
		if !got.Tasks[0].Deployed || !got.Tasks[1].Deployed || got.Tasks[2].Deployed {
			t.Errorf("%s: got %+v, want the newcomer rejected and both others running: without wide, light still takes the compute", name, got.Tasks)
		}
	}
}

// cheat is a rule that does as it likes.
type cheat func(s *State, j int)

func (cheat) Name() string               { return "cheat" }
func (c cheat) Start(Instance) Admission { return c }
func (c cheat) Arrive(s *State, j int)   { c(s, j) }

func TestAdmitReportsARuleThatBreaksAConstraint(t *testing.T) {
	for name, c := range map[string]struct {
		cheat cheat
		want  []string // nil: no error
	}{
		"fits":                        {func(s *State, j int) { s.Deploy(j, 2) }, nil},
		"too much for all":            {func(s *State, j int) { s.Deploy(j, 1) }, []string{"cheat, event 1, arrival of door", "gw-b: uplink: 16 Mb/s assigned, 9 Mb/s allowed", "west: trunk: 38 Mb/s assigned, 36 Mb/s allowed"}},
		"a cut no rate is enough for": {func(s *State, j int) { s.Deploy(j, 0) }, []string{"event 0, arrival of cam", "task cam at gw-a: latency", "more than any rate"}},
		"a cut that is not there":     {func(s *State, j int) { s.Deploy(j, 3) }, []string{"event 0", "cut 3"}},
		"a task that is not there":    {func(s *State, j int) { s.Deploy(9, 1) }, []string{"event 0", "task number 9"}},
		"twice":                       {func(s *State, j int) { s.Deploy(j, 2); s.Deploy(j, 2) }, []string{"event 0", "runs already"}},
		"one that does not run":       {func(s *State, j int) { s.Remove(j) }, []string{"event 0", "does not run"}},
		"one that has not arrived":    {func(s *State, _ int) { s.Deploy(2, 2) }, []string{"event 0", "task late, which has not arrived"}},
		"too much, and taken back":    {func(s *State, j int) { s.Deploy(j, 0); s.Remove(j); s.Deploy(j, 2) }, nil},
		"another's cut is changed": {func(s *State, j int) {
			if _, runs := s.Cut(0); runs {
				s.Remove(0)
				s.Deploy(0, 1)
			}
			if j == 0 {
				s.Deploy(j, 2)
			}
		}, nil},
	} {
		inst := small() // cuts 1 and 2 of cam take 4 and 1 Mb/s at each edge
		inst.Tasks[0].Costs[0][0].Rate = rates(math.Inf(1))
		inst.Tasks = append(inst.Tasks, single("door", 1, 1, []Demand{{1e9, 0}, {12e6, 1}, {1e6, 1}}))
		inst.Tasks[1].Add(0, 1, []Demand{{1e9, 0}, {18e6, 1}, {1e6, 1}})
		inst.Tasks = append(inst.Tasks, single("late", 0, 1, []Demand{{1e9, 0}, {1e6, 1}, {1e6, 1}}))
		_, err := Admit(context.Background(), inst, c.cheat, Arrivals(inst), nil)
		if (err != nil) != (c.want != nil) || err != nil && !errors.Is(err, ErrRule) {
			t.Errorf("%s: error %v, want one: %v", name, err, c.want != nil)
		}
		for _, want := range c.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q, want one that says %q", name, err, want)
			}
		}
	}
}

func TestAdmitRefusesAnEventAboutNoTask(t *testing.T) {
	for _, j := range []int{-1, 1} {
		if _, err := Admit(context.Background(), small(), onlineRules()[0], []Event{{Task: j}}, nil); !errors.Is(err, ErrInstance) {
			t.Errorf("task number %d of 1: error %v, want %v", j, err, ErrInstance)
		}
	}
}

func TestNoTasksGiveTheEmptySchedule(t *testing.T) {
	inst := small()
	inst.Tasks = nil
	for _, name := range everyName() {
		if got := plan(t, name, inst); len(got.Tasks) != 0 || got.Algorithm != name {
			t.Errorf("%s: got %+v, want a schedule of no tasks", name, got)
		}
	}
	if got := boundOf(t, inst, 0); got != 0 {
		t.Errorf("bound %d, want 0", got)
	}
}

// A task that fits nowhere, not even alone, must not push anybody out.
func TestATaskThatNeverFitsEvictsNobody(t *testing.T) {
	inst := Instance{Threshold: 1, Edges: []Edge{{"gw", 100, 100, -1}}}
	inst.Tasks = []Task{
		single("small", 0, 1, []Demand{{1e9, 0}, {60, 10}}),
		single("giant", 0, 2, []Demand{{1e9, 0}, {50, 101}}),
	}
	for _, rule := range evictingRules() {
		got := plan(t, rule.Name(), inst)
		if !got.Tasks[0].Deployed || got.Tasks[1].Deployed {
			t.Errorf("%s: got %+v, want small alone to run", rule.Name(), got.Tasks)
		}
	}
}

func TestTheEvictingRulesRemoveWhomTheyShould(t *testing.T) {
	task := func(name string, edge int, rate float64) Task {
		return single(name, edge, rate, []Demand{{1e9, 0}, {rates(rate), 1}})
	}
	inst := Instance{Threshold: 1, Edges: []Edge{{"a", 100, 100, -1}, {"b", 100, 100, -1}}}
	inst.Tasks = []Task{task("elsewhere", 1, 90), task("old", 0, 20), task("wide", 0, 70), task("new", 0, 30)}
	for name, want := range map[string][]bool{
		"fifo": {true, false, true, true},
		"lbf":  {true, true, false, true},
	} {
		var got []bool
		for _, a := range plan(t, name, inst).Tasks {
			got = append(got, a.Deployed)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	inst.Tasks[3] = task("wider", 0, 80)
	if plan(t, "lbf", inst).Tasks[3].Deployed {
		t.Error("lbf deploys a newcomer with a larger bandwidth than all who run, want it rejected")
	}
}

// knapsacks are instances in which one resource of the same size binds, and a task takes of it in proportion to the bandwidth
// it needs.
var knapsacks = map[string]func(sizes []float64) Instance{
	"uplink and compute": func(sizes []float64) Instance { return knapsack(sizes, knapsackSize, knapsackSize, plenty) },
	"uplink":             func(sizes []float64) Instance { return knapsack(sizes, knapsackSize, plenty, plenty) },
	"compute":            func(sizes []float64) Instance { return knapsack(sizes, plenty, knapsackSize, plenty) },
	"trunk":              func(sizes []float64) Instance { return knapsack(sizes, plenty, plenty, knapsackSize) },
}

const knapsackSize, plenty = 2000, 1e12

// knapsack has three edges behind a trunk, of which tasks use one where the trunk is plentiful and else all in turn.
func knapsack(sizes []float64, uplink units.Rate, compute units.FLOPS, trunk units.Rate) Instance {
	inst := Instance{Threshold: 1, Trunks: []Trunk{{"trunk", trunk, -1}}}
	for i := range 3 {
		inst.Edges = append(inst.Edges, Edge{fmt.Sprintf("gw%d", i), compute, uplink, 0})
	}
	for j, b := range sizes {
		edge := 0
		if trunk < plenty {
			edge = j % len(inst.Edges)
		}
		inst.Tasks = append(inst.Tasks, single(fmt.Sprintf("t%d", j), edge, b, []Demand{{1e15, 0}, {rates(b), flops(b)}}))
	}
	return inst
}

// sequences are arrivals of tasks between 1/ratio and 1, those that make greedy rules look bad among them.
func sequences(ratio float64, r *rand.Rand) map[string][]float64 {
	const steps = 30
	var descending, ascending, alike, mixed, late []float64
	for n := range steps + 1 {
		b := math.Pow(ratio, -float64(n)/steps)
		for v := 0.0; v < knapsackSize; v += b {
			descending = append(descending, b)
		}
		for v := 0.0; v < knapsackSize/20; v += b {
			ascending = append(ascending, b)
		}
	}
	slices.Reverse(ascending)
	for range 2 * knapsackSize {
		alike = append(alike, 1)
	}
	for range 20_000 {
		mixed = append(mixed, math.Pow(ratio, -r.Float64()))
	}
	// Large ones that fill everything, and then small ones from somewhere on.
	late = slices.Clone(alike)
	small := math.Pow(ratio, -r.Float64())
	for v := 0.0; v < 2*knapsackSize; v += small {
		late = append(late, small)
	}
	return map[string][]float64{"descending": descending[:min(len(descending), 100_000)], "ascending": ascending, "all alike": alike, "mixed": mixed, "late": late}
}

// The guarantee of the rule that online-czl descends from: on one resource, for small items, at least the optimum over
// ln(Bmax/Bmin)+1, whichever resource it is.
func TestOnlineCZLKeepsItsGuaranteeOnOneResource(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, ratio := range []float64{5, 100} {
		for name, sizes := range sequences(ratio, r) {
			least, most := slices.Min(sizes), slices.Max(sizes)
			for resource, make := range knapsacks {
				inst := make(sizes)
				counts := curve(t, "online-czl", inst)
				got := counts[len(counts)-1]
				best := deployed(plan(t, "layer", inst)) // the smallest first, which is the optimum of one knapsack but for rounding
				guarantee := float64(best) / (math.Log(most/least) + 1)
				// A task may be a two-thousandth of the resource, and is then not infinitely small.
				if float64(got) < 0.99*guarantee {
					t.Errorf("%s binds, %s: %d deployed, want at least %.0f, the optimum %d over ln(%.0f)+1", resource, name, got, guarantee, best, most/least)
				}
			}
		}
	}
}

// The paper states 1/((ln(Bmax/Bmin)+1)·V) for its online algorithm. With bandwidth plentiful, tasks of equal bandwidth
// and very different operations, the first takes all compute and blocks the others: the ratio is their number.
func TestTheStatedRatioOfTheOnlineAlgorithmDoesNotHold(t *testing.T) {
	const others = 50
	inst := Instance{Threshold: 1, Edges: []Edge{{"gw", 100, 1e9, -1}}}
	inst.Tasks = append(inst.Tasks, single("heavy", 0, 1, []Demand{{1e6, 0}, {1000, 100}}))
	for n := range others {
		inst.Tasks = append(inst.Tasks, single(fmt.Sprintf("light%d", n), 0, 1, []Demand{{1e6, 0}, {1000, 2}}))
	}
	for _, name := range []string{"online", "online-czl"} {
		if got := deployed(plan(t, name, inst)); got != 1 {
			t.Errorf("%s deploys %d tasks, want 1: the heavy one", name, got)
		}
	}
	// All tasks need the same bandwidth, so the stated ratio is 1/V = 1.
	if best := optimumOf(inst, 1); best != others {
		t.Errorf("without the heavy task %d fit, want %d", best, others)
	}
}

// optimumOf deploys all tasks but the first so many, which must fit.
func optimumOf(inst Instance, without int) int {
	s := NewState(inst)
	for j := without; j < len(inst.Tasks); j++ {
		if s.Fits(j, 1) {
			s.Deploy(j, 1)
		}
	}
	return s.Count()
}

// The optimum of the dual can only grow; the value found is above it by what the search leaves, which may differ. The bound as it is returned,
// a whole number, never fell in any instance ever drawn; the raw one may, by less than the search's tolerance.
func TestMoreCapacityNeverLowersTheBound(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	worst := 0.0
	raw := func(inst Instance) *dual {
		d := newDual(inst, 0)
		if err := d.solve(context.Background()); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for n := range 120 {
		inst := random(r, 1+r.IntN(8), 1+r.IntN(80))
		before := raw(inst)
		factor := rates(1 + r.Float64()*[]float64{0.001, 0.03, 1}[n%3])
		for i := range inst.Edges {
			inst.Edges[i].Uplink *= factor
			inst.Edges[i].Compute *= flops(float64(factor))
		}
		for i := range inst.Trunks {
			inst.Trunks[i].Rate *= factor
		}
		after := raw(inst)
		if after.whole() < before.whole() {
			t.Errorf("instance %d: bound %d, with %.4f times the capacity %d", n, before.whole(), float64(factor), after.whole())
		}
		if before.bound > 0 {
			worst = max(worst, 1-after.bound/before.bound)
		}
	}
	t.Logf("the raw value fell by up to %.4f %%", 100*worst)
	if worst > 0.001 {
		t.Errorf("the dual value fell by %.3f %% when all capacities grew, want at most 0.1 %%", 100*worst)
	}
}
