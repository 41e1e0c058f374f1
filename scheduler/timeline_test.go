package scheduler

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

// mortal gives the tasks of an instance lives within some seconds; many begin or end at the same moment.
func mortal(r *rand.Rand, inst Instance) Instance {
	second := units.Virtual(time.Second)
	for j := range inst.Tasks {
		t := &inst.Tasks[j]
		t.Start = units.Virtual(r.IntN(8)) * second
		if r.IntN(4) > 0 {
			t.Stop = t.Start + units.Virtual(1+r.IntN(4))*second
		}
	}
	return inst
}

func admissions(t *testing.T, inst Instance, name string, until units.Virtual) Timeline {
	t.Helper()
	rule, ok := RuleByName(name)
	if !ok {
		t.Fatalf("%s is no rule", name)
	}
	line, err := Admissions(t.Context(), inst, rule, until)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// inUse sums, task by task, what a schedule assigns at a moment: another way to what Check finds.
func inUse(inst Instance, sched Schedule, at units.Virtual) (uplink, compute, trunk []float64, running int) {
	uplink, compute, trunk = make([]float64, len(inst.Edges)), make([]float64, len(inst.Edges)), make([]float64, len(inst.Trunks))
	for j, task := range inst.Tasks {
		a := sched.Tasks[j]
		runs := a.Deployed && at >= task.Start && (task.Stop == 0 || at < task.Stop)
		if len(a.During) > 0 {
			runs = runs && slices.ContainsFunc(a.During, func(i Interval) bool { return at >= i.From && (i.To == 0 || at < i.To) })
		}
		if !runs {
			continue
		}
		running++
		for n, p := range task.At {
			uplink[p.Edge] += float64(a.Rates[n])
			compute[p.Edge] += float64(task.Costs[p.Cost][a.Cut].Compute) * p.Input
			for n2 := inst.Edges[p.Edge].Trunk; n2 >= 0; n2 = inst.Trunks[n2].Next {
				trunk[n2] += float64(a.Rates[n])
			}
		}
	}
	return uplink, compute, trunk, running
}

func TestEveryRulesTimelineIsFeasibleAtEveryMoment(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 1))
	evictions, rejections := 0, 0
	for n := range 60 {
		inst := mortal(r, random(r, 1+n%5, 3+n%30))
		moments := []units.Virtual{0}
		for _, task := range inst.Tasks {
			moments = append(moments, task.Start, task.Stop)
		}
		for _, rule := range rules() {
			line := admissions(t, inst, rule.Name(), Forever)
			evictions, rejections = evictions+line.Count(Evicted), rejections+line.Count(Rejected)
			sched := line.Schedule(inst)
			if broken := Check(inst, sched); len(broken) > 0 {
				t.Errorf("instance %d, %s breaks %v", n, rule.Name(), broken)
			}
			for _, at := range moments {
				uplink, compute, trunk, running := inUse(inst, sched, at)
				for i, e := range inst.Edges {
					if uplink[i] > inst.Threshold*float64(e.Uplink)*(1+Tolerance) || compute[i] > float64(e.Compute)*(1+Tolerance) {
						t.Errorf("instance %d, %s, at %v: edge %s has %g bit/s of %g and %g FLOP/s of %g", n, rule.Name(), at, e.Name,
							uplink[i], inst.Threshold*float64(e.Uplink), compute[i], float64(e.Compute))
					}
				}
				for i, x := range inst.Trunks {
					if trunk[i] > inst.Threshold*float64(x.Rate)*(1+Tolerance) {
						t.Errorf("instance %d, %s, at %v: trunk %s has %g bit/s of %g", n, rule.Name(), at, x.Name, trunk[i], inst.Threshold*float64(x.Rate))
					}
				}
				if want := runningAt(line, at); running != want {
					t.Errorf("instance %d, %s: the schedule has %d tasks at %v, the decisions until then %d", n, rule.Name(), running, at, want)
				}
			}
			if again := admissions(t, inst, rule.Name(), Forever); !cmp.Equal(line.Decisions, again.Decisions, cmp.AllowUnexported(Decision{})) {
				t.Errorf("instance %d, %s: decides otherwise the second time", n, rule.Name())
			}
			if fromName := plan(t, rule.Name(), inst); !cmp.Equal(fromName, sched) {
				t.Errorf("instance %d, %s: the planner of that name makes another schedule", n, rule.Name())
			}
		}
	}
	if evictions == 0 || rejections == 0 {
		t.Errorf("%d evictions and %d rejections in all: the instances are too easy", evictions, rejections)
	}
}

// runningAt counts what runs after all decisions up to a moment.
func runningAt(line Timeline, at units.Virtual) int {
	n := 0
	for _, d := range line.Decisions {
		switch {
		case d.At > at:
			return n
		case d.What == Admitted:
			n++
		case d.What == Evicted, d.What == Left:
			n--
		}
	}
	return n
}

// A decision must not look ahead: what happens later does not change it. online-price and the online rules know the number and
// extremes of all tasks beforehand, so the later tasks stay in the instance and only come later still.
func TestDecisionsDependOnThePastOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 2))
	const cut = 4 * units.Virtual(time.Second)
	for n := range 20 {
		inst := mortal(r, random(r, 3, 20))
		other := inst
		other.Tasks = slices.Clone(inst.Tasks)
		for j := range other.Tasks {
			if task := &other.Tasks[j]; task.Start >= cut {
				task.Start, task.Stop = task.Start+100*cut, 0
			}
		}
		for _, rule := range rules() {
			whole := admissions(t, inst, rule.Name(), cut)
			if d := cmp.Diff(whole.Decisions, admissions(t, other, rule.Name(), cut).Decisions, cmp.AllowUnexported(Decision{})); d != "" {
				t.Errorf("instance %d, %s: another future changes the past (-one +other):\n%s", n, rule.Name(), d)
			}
		}
	}
}

// lone is an instance of one edge with an uplink of 10 Mb/s, and tasks that take some of it with their one cut.
func lone(tasks ...Task) Instance {
	return Instance{Threshold: 1, Edges: []Edge{{"gw", 1e9, 10e6, -1}}, Tasks: tasks}
}

func taking(name string, mbit float64, start, stop units.Virtual) Task {
	task := single(name, 0, 1, []Demand{{units.Rate(mbit * 1e6), 0}, {units.Rate(mbit * 1e6), 1}})
	task.Start, task.Stop = start*units.Virtual(time.Second), stop*units.Virtual(time.Second)
	return task
}

func TestTheTimelineSaysWhoCameWhoWentAndWhy(t *testing.T) {
	inst := lone(taking("late", 6, 3, 0), taking("a", 6, 0, 0), taking("b", 3, 1, 3), taking("big", 20, 2, 0), taking("c", 4, 3, 0), taking("after", 1, 9, 0))
	line := admissions(t, inst, "fifo", 9*units.Virtual(time.Second))
	var got []string
	for _, d := range line.Decisions {
		got = append(got, fmt.Sprintf("%v %v", d.At, d))
	}
	want := []string{
		"0s a is admitted, k=1", "1s b is admitted, k=1",
		"2s big is rejected: k=1: gw: uplink: 20 Mb/s needed, 1 Mb/s free",
		"3s b leaves", "3s a is evicted: made room for late", "3s late is admitted, k=1", "3s c is admitted, k=1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("decisions (-want +got):\n%s", d)
	}
	second := units.Virtual(time.Second)
	sched := line.Schedule(inst)
	var during [][]Interval
	for j := range inst.Tasks {
		during = append(during, sched.Intervals(inst, j))
	}
	if d := cmp.Diff([][]Interval{{{3 * second, 0}}, {{0, 3 * second}}, {{second, 3 * second}}, nil, {{3 * second, 0}}, nil}, during); d != "" {
		t.Errorf("intervals (-want +got):\n%s", d)
	}
	var text bytes.Buffer
	if err := WriteSchedule(&text, sched); err != nil {
		t.Fatal(err)
	}
	back, err := ReadSchedule(&text, inst)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sched, back); d != "" {
		t.Errorf("through a file (-want +got):\n%s", d)
	}
}

func TestCheckLooksAtEveryMoment(t *testing.T) {
	second := units.Virtual(time.Second)
	all := func(inst Instance, during ...[]Interval) Schedule {
		sched := Schedule{Tasks: make([]Assignment, len(inst.Tasks))}
		for j, task := range inst.Tasks {
			sched.Tasks[j] = deploy(task, 1, make([]units.Rate, 1))
			if j < len(during) {
				sched.Tasks[j].During = during[j]
			}
		}
		return sched
	}
	together := []Violation{{"", "gw", Uplink, 14e6, 10e6, 0}}
	for name, c := range map[string]struct {
		inst   Instance
		during [][]Interval
		want   []Violation
	}{
		"lives that overlap":             {lone(taking("a", 7, 0, 4), taking("b", 7, 3, 5)), nil, []Violation{{"", "gw", Uplink, 14e6, 10e6, 3 * second}}},
		"lives one after the other":      {lone(taking("a", 7, 0, 3), taking("b", 7, 3, 0)), nil, nil},
		"the same lives":                 {lone(taking("a", 7, 0, 0), taking("b", 7, 0, 0)), nil, together},
		"intervals one after the other":  {lone(taking("a", 7, 0, 0), taking("b", 7, 0, 0)), [][]Interval{{{0, second}}, {{second, 0}}}, nil},
		"taking turns":                   {lone(taking("a", 7, 0, 0), taking("b", 7, 0, 0)), [][]Interval{{{0, second}, {2 * second, 3 * second}}, {{second, 2 * second}, {3 * second, 0}}}, nil},
		"an interval outside of a life":  {lone(taking("a", 7, 0, 2), taking("b", 7, 0, 0)), [][]Interval{{{3 * second, 0}}}, nil},
		"one that is always there":       {lone(taking("a", 7, 0, 0), taking("b", 4, 5, 6)), nil, []Violation{{"", "gw", Uplink, 11e6, 10e6, 5 * second}}},
		"the first of two equal moments": {lone(taking("a", 7, 0, 0), taking("b", 7, 5, 6), taking("c", 7, 7, 8)), nil, []Violation{{"", "gw", Uplink, 14e6, 10e6, 5 * second}}},
	} {
		if d := cmp.Diff(c.want, Check(c.inst, all(c.inst, c.during...))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	v := Violation{"", "gw", Uplink, 14e6, 10e6, 3 * second}
	if got, want := v.String(), "gw: uplink: 14 Mb/s assigned, 10 Mb/s allowed (at 3s)"; got != want {
		t.Errorf("it reads %q, want %q", got, want)
	}
}

func TestSchedulesWithBadIntervalsAndTasksWithoutALifeAreRefused(t *testing.T) {
	inst := lone(taking("a", 7, 0, 0))
	for during, want := range map[string]string{
		`[{"from_s": 2, "to_s": 1}]`:                             "must end after it begins",
		`[{"from_s": -1, "to_s": 1}]`:                            "begin at 0 or later",
		`[{"from_s": 0, "to_s": 2}, {"from_s": 1}]`:              "interval number 2",
		`[{"from_s": 0}, {"from_s": 1}]`:                         "interval number 2",
		`[{"from_s": 0, "until": 1}]`:                            "unknown field",
		`[{"from_s": 1e300, "to_s": 1e301}]`:                     "must end after",
		`[{"from_s": 1, "to_s": 1}]`:                             "must end after",
		`[{"from_s": 0, "to_s": 1}, {"from_s": 1, "to_s": 1.5}]`: "",
	} {
		_, err := ReadSchedule(strings.NewReader(`{"tasks": [{"task": "a", "deployed": true, "k": 1, "rates": [7e6], "during": `+during+`}]}`), inst)
		if want == "" && err != nil || want != "" && !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: error %v, want one that says %q", during, err, want)
		}
	}
	inst.Tasks[0].Start, inst.Tasks[0].Stop = 5, 5
	if err := inst.Validate(); !strings.Contains(fmt.Sprint(err), "its life") {
		t.Errorf("a life of no length: error %v", err)
	}
}

func TestLivesTravelInTheInstancesFile(t *testing.T) {
	inst := lone(taking("a", 7, 1, 3), taking("b", 7, 0, 0))
	var text bytes.Buffer
	if err := WriteInstance(&text, inst); err != nil {
		t.Fatal(err)
	}
	back, err := ReadInstance(&text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(inst, back); d != "" {
		t.Errorf("through a file (-want +got):\n%s", d)
	}
}
