package workloads

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

const second = units.Virtual(time.Second)

// lives resolves an entry of n tasks with the given keys and returns when they come and go.
func lives(t *testing.T, count, keys string) (starts, stops []units.Virtual) {
	t.Helper()
	w := parsed(t, "name: w\ntasks: [{name: cam, model: cnn1, input: 20kB, edges: [e0], count: "+count+", "+keys+"}]\n")
	text, err := w.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, parsed(t, string(text)), contents); d != "" {
		t.Errorf("%s: written and read back (-want +got):\n%s", keys, d)
	}
	r, err := w.Resolve(ten(t), 3, networks)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range r.Tasks {
		starts, stops = append(starts, task.Start), append(stops, task.Stop)
	}
	return starts, stops
}

func TestTasksOfAnEntryComeAndGoAsAsked(t *testing.T) {
	for keys, want := range map[string][2][]units.Virtual{
		"fps: 2":                                 {{0, 0, 0}, {0, 0, 0}},
		"start: 3s, stop: 9s":                    {{3 * second, 3 * second, 3 * second}, {9 * second, 9 * second, 9 * second}},
		"start: {every: 2s}":                     {{0, 2 * second, 4 * second}, {0, 0, 0}},
		"start: {every: 2s, from: 1s}, life: 3s": {{second, 3 * second, 5 * second}, {4 * second, 6 * second, 8 * second}},
	} {
		starts, stops := lives(t, "3", keys)
		if d := cmp.Diff(want, [2][]units.Virtual{starts, stops}); d != "" {
			t.Errorf("%s (-want +got):\n%s", keys, d)
		}
	}
}

// The mean of 2000 draws is within 5 standard errors of what it should be, for a seed that does not change.
func TestLivesAreDrawnFromTheirDistributions(t *testing.T) {
	const n = 2000
	mean := func(all []units.Virtual) float64 {
		sum := 0.0
		for _, x := range all {
			sum += x.Seconds() / n
		}
		return sum
	}
	within := func(what string, got, want, deviation float64) {
		t.Helper()
		if off := 5 * deviation / math.Sqrt(n); math.Abs(got-want) > off {
			t.Errorf("%s: mean %.4g s, want %.4g ± %.2g s", what, got, want, off)
		}
	}
	starts, stops := lives(t, "2000", "start: {uniform: [2s, 8s]}, life: {exponential: {mean: 4s}}")
	within("uniform starts", mean(starts), 5, 6/math.Sqrt(12))
	if lowest, highest := slices.Min(starts), slices.Max(starts); lowest < 2*second || highest >= 8*second {
		t.Errorf("uniform starts lie between %v and %v, want 2s to 8s", lowest, highest)
	}
	var stays []units.Virtual
	for i := range stops {
		stays = append(stays, stops[i]-starts[i])
	}
	within("exponential lives", mean(stays), 4, 4)

	starts, stops = lives(t, "2000", "start: {poisson: 50, from: 1s}, life: {uniform: [1s, 2s]}")
	var gaps []units.Virtual
	last := second
	for i, at := range starts {
		if at <= last {
			t.Fatalf("task %d comes at %v, the one before it at %v", i, at, last)
		}
		gaps, last = append(gaps, at-last), at
		if stay := stops[i] - at; stay < second || stay > 2*second {
			t.Errorf("task %d stays %v, want 1s to 2s", i, stay)
		}
	}
	within("gaps of Poisson arrivals", mean(gaps), 0.02, 0.02)
	again, _ := lives(t, "2000", "start: {poisson: 50, from: 1s}, life: {uniform: [1s, 2s]}")
	if !slices.Equal(starts, again) {
		t.Error("the same seed draws other arrivals")
	}
}

func TestALifeDoesNotChangeWhatElseIsDrawn(t *testing.T) {
	text := "name: w\ntasks: [{name: cam, count: 4, model: [cnn1, alexnet], input: {uniform: [50kB, 90kB]}, arrival: poissonLIFE}]\n"
	plain, err := parsed(t, strings.ReplaceAll(text, "LIFE", "")).Resolve(ten(t), 3, networks)
	if err != nil {
		t.Fatal(err)
	}
	mortal, err := parsed(t, strings.ReplaceAll(text, "LIFE", ", start: {uniform: [1s, 2s]}, life: {exponential: {mean: 1s}}")).Resolve(ten(t), 3, networks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range mortal.Tasks {
		if mortal.Tasks[i].Start == 0 || mortal.Tasks[i].Stop == 0 {
			t.Errorf("task %d has no life", i)
		}
		mortal.Tasks[i].Start, mortal.Tasks[i].Stop = 0, 0
	}
	if d := cmp.Diff(plain, mortal); d != "" {
		t.Errorf("a life changes the rest (-without +with):\n%s", d)
	}
}

func TestBadLivesAreRefused(t *testing.T) {
	for keys, want := range map[string]string{
		"start: soon":                             "is not a duration",
		"start: {eery: 1s}":                       "unknown key",
		"start: {every: 0s}":                      "no time between two tasks",
		"start: {every: 1s, poisson: 2}":          "either every so often or at random",
		"start: {poisson: -2}":                    "no number of tasks a second",
		"start: {every: 1s, to: 2s}":              "unknown key",
		"start: {uniform: [5s, 2s]}":              "above the second",
		"start: {uniform: [-5s, 2s]}":             "out of range",
		"start: {every: -1s}":                     "no time between two tasks",
		"start: {every: 1s, from: -1s}":           "out of range",
		"count: 5, start: {every: 1s}, stop: 4s":  "not after the start at 4s",
		"start: {poisson: 2}, stop: 4s":           "life, with a start at random",
		"start: {uniform: [1s, 5s]}, stop: 3s":    "not after the start at 5s",
		"life: 2s, stop: 4s":                      "the task stops at 4s already",
		"life: 0s":                                "no life",
		"life: {exponential: {mean: -1s}}":        "is no mean",
		"life: {uniform: [0s, 1s]}":               "no life",
		"life: {weibull: 3}":                      "unknown key",
		"life: 4s, start: {uniform: [1s, 9999h]}": "out of range",
	} {
		_, err := Parse("w.yaml", []byte("name: w\ntasks: [{name: cam, model: cnn1, input: 20kB, "+keys+"}]\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "w.yaml:2") {
			t.Errorf("%s: error %v, want one in w.yaml:2 that says %q", keys, err, want)
		}
	}
}
