package scheduler

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleSurvivesItsFile(t *testing.T) {
	inst := random(rand.New(rand.NewPCG(1, 2)), 4, 30)
	planner, err := ByName("layer")
	if err != nil {
		t.Fatal(err)
	}
	want, err := planner.Plan(context.Background(), inst)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := WriteSchedule(&file, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSchedule(&file, inst)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-written +read:\n%s", d)
	}
}

func TestReadScheduleMatchesTasksByName(t *testing.T) {
	inst := small()
	inst.Tasks = append(inst.Tasks, Task{Name: "door", Costs: inst.Tasks[0].Costs, At: inst.Tasks[0].At[:1]})
	got, err := ReadSchedule(strings.NewReader(`{"algorithm": "mine", "tasks": [
		{"task": "door", "deployed": true, "k": 2, "rates": ["5Mbps"]},
		{"task": "cam", "deployed": false, "k": 0}]}`), inst)
	want := Schedule{"mine", []Assignment{{Task: "cam"}, {"door", true, 2, schedule(2, 5e6).Tasks[0].Rates, nil}}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("error %v (-want +got):\n%s", err, d)
	}
}

func TestReadScheduleRefusesWhatDoesNotFitTheInstance(t *testing.T) {
	const cam = `{"task": "cam", "deployed": true, "k": 1, "rates": [4e6, 4e6]}`
	if _, err := ReadSchedule(strings.NewReader(`{"tasks": [`+cam+`]}`), small()); err != nil {
		t.Fatalf("a good schedule is refused: %v", err)
	}
	for text, want := range map[string]string{
		``:                                    "EOF",
		`{"tasks": [`:                         "unexpected EOF",
		`{"tasks": [` + cam + `]} {}`:         "text after the end",
		`{"tasks": [` + cam + `], "cuts": 1}`: `unknown field "cuts"`,
		`{"tasks": [{"task": "cam", "deployed": true, "cut": 1, "rates": [1, 1]}]}`: `unknown field "cut"`,
		`{"tasks": []}`:                          `task "cam" of the workload is missing`,
		`{"tasks": [` + cam + `,` + cam + `]}`:   `task "cam" is there twice`,
		`{"tasks": [` + cam + `,{"task": "x"}]}`: `no task "x"`,
		`{"tasks": [{"task": "cam", "deployed": true, "k": 3, "rates": [1, 1]}]}`:          "k is 3, its network has the cuts 0 to 2",
		`{"tasks": [{"task": "cam", "deployed": true, "k": -1, "rates": [1, 1]}]}`:         "k is -1",
		`{"tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [4e6]}]}`:           "1 rates for its 2 edges",
		`{"tasks": [{"task": "cam", "deployed": false, "k": 1, "rates": [4e6, 4e6]}]}`:     "not deployed but has rates",
		`{"tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [4e6, -1]}]}`:       "rate number 2 is -1",
		`{"tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [4e6, 1e999]}]}`:    "1e999",
		`{"tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [4e6, "+Inf"]}]}`:   "must be finite",
		`{"tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [4e6, "10mbps"]}]}`: "10mbps",
		`{"tasks": [{"task": "cam", "deployed": true, "k": 1.5, "rates": [4e6, 4e6]}]}`:    "1.5",
	} {
		_, err := ReadSchedule(strings.NewReader(text), small())
		if !errors.Is(err, ErrSchedule) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot error %v, want one that says %q", text, err, want)
		}
	}
}

func FuzzReadSchedule(f *testing.F) {
	f.Add(`{"algorithm": "x", "tasks": [{"task": "cam", "deployed": true, "k": 1, "rates": [4e6, "4Mbps"]}]}`)
	f.Add(`{"tasks": [{"task": "cam"}]}`)
	f.Add(`{"tasks": [{"task": "cam", "deployed": true, "k": 99, "rates": [1e999, null]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		inst := small()
		sched, err := ReadSchedule(strings.NewReader(text), inst)
		if err != nil {
			if !errors.Is(err, ErrSchedule) {
				t.Errorf("error %v does not wrap ErrSchedule", err)
			}
			return
		}
		for _, v := range Check(inst, sched) {
			if v.Resource == Cut || v.Resource == Order {
				t.Errorf("what was read does not fit the instance: %v", v)
			}
		}
		var file bytes.Buffer
		if err := WriteSchedule(&file, sched); err != nil {
			t.Fatal(err)
		}
		again, err := ReadSchedule(&file, inst)
		if d := cmp.Diff(sched, again); err != nil || d != "" {
			t.Errorf("read again: %v\n%s", err, d)
		}
	})
}
