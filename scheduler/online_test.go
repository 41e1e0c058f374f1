package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// knapsack is one edge on which a task takes the same part of uplink and compute.
func knapsack(sizes []float64) Instance {
	const capacity = 2000
	inst := Instance{Threshold: 1, Edges: []Edge{{"gw", capacity, capacity, -1}}}
	for j, b := range sizes {
		inst.Tasks = append(inst.Tasks, single(fmt.Sprintf("t%d", j), 0, b, []Demand{{1e9, 0}, {rates(b), flops(b)}}))
	}
	return inst
}

// The guarantee of the rule that online-czl descends from: on one resource, for small items, at least the optimum over
// ln(Bmax/Bmin)+1. The sequences are those that make greedy rules look bad.
func TestOnlineCZLKeepsItsGuaranteeOnOneResource(t *testing.T) {
	const ratio, steps = 100.0, 30
	r := rand.New(rand.NewPCG(3, 3))
	var descending, ascending, all, mixed []float64
	for n := range steps + 1 {
		b := math.Pow(ratio, -float64(n)/steps)
		for v := 0.0; v < 2000; v += b {
			descending = append(descending, b)
		}
		for v := 0.0; v < 100; v += b {
			ascending = append(ascending, b)
		}
	}
	slices.Reverse(ascending)
	for range 4000 {
		all = append(all, 1)
	}
	for range 20_000 {
		mixed = append(mixed, math.Pow(ratio, -r.Float64()))
	}
	for name, sizes := range map[string][]float64{"descending": descending[:100_000], "ascending": ascending, "all alike": all, "mixed": mixed} {
		inst := knapsack(sizes)
		got := deployed(plan(t, "online-czl", inst))
		best := deployed(plan(t, "layer", inst)) // the smallest first, which is the optimum of one knapsack but for rounding
		least, most := 1.0, 0.0
		for _, b := range sizes {
			least, most = min(least, b), max(most, b)
		}
		guarantee := float64(best) / (math.Log(most/least) + 1)
		// A task may be a two-thousandth of the resource, and is then not infinitely small.
		if float64(got) < 0.99*guarantee {
			t.Errorf("%s: %d deployed, want at least %.0f, the optimum %d over ln(%.0f)+1", name, got, guarantee, best, most/least)
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

func TestMoreCapacityNeverLowersTheBound(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for n := range 60 {
		inst := random(r, 1+r.IntN(8), 1+r.IntN(80))
		before := boundOf(t, inst, 0)
		factor := rates(1 + r.Float64())
		for i := range inst.Edges {
			inst.Edges[i].Uplink *= factor
			inst.Edges[i].Compute *= flops(float64(factor))
		}
		for i := range inst.Trunks {
			inst.Trunks[i].Rate *= factor
		}
		if after := boundOf(t, inst, 0); after < before {
			t.Errorf("instance %d: bound %d, with %.2f times the capacity %d", n, before, float64(factor), after)
		}
	}
}
