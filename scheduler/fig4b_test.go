package scheduler

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// curve is how many tasks run after each arrival.
func curve(t testing.TB, name string, inst Instance) []int {
	t.Helper()
	rule, ok := RuleByName(name)
	if !ok {
		t.Fatalf("no rule %s", name)
	}
	var counts []int
	if _, err := Admit(context.Background(), inst, rule, Arrivals(inst), func(_ int, s *State) { counts = append(counts, s.Count()) }); err != nil {
		t.Fatal(err)
	}
	return counts
}

// meanCurve is the mean over instances of the paper's setting with 50 edges and 1000 tasks in random order.
func meanCurve(t testing.TB, name string, seeds int) []float64 {
	t.Helper()
	mean := make([]float64, 1000)
	for seed := range uint64(seeds) {
		for n, c := range curve(t, name, paperInstance(50, 1000, seed)) {
			mean[n] += float64(c) / float64(seeds)
		}
	}
	return mean
}

// passes is the number of inputs from which on a is above b, and stays there.
func passes(a, b []float64) int {
	for n := len(a) - 1; n >= 0; n-- {
		if a[n] <= b[n] {
			return n + 2
		}
	}
	return 1
}

// Fig. 4b of the paper: FIFO levels off at about 360 tasks; the online algorithm passes it near 600 inputs and LBF near
// 800, and ends highest.
func TestOnlineRulesReproduceTheOrderOfFig4b(t *testing.T) {
	curves := map[string][]float64{}
	for _, r := range rules() {
		seeds := 20
		if r.Name() == "online-price" || strings.HasSuffix(r.Name(), "-adaptive") {
			seeds = 1 // shown beside the others, and not part of the figure
		}
		curves[r.Name()] = meanCurve(t, r.Name(), seeds)
		var points []int
		for n := 99; n < 1000; n += 100 {
			points = append(points, int(curves[r.Name()][n]+0.5))
		}
		t.Logf("%-14s %v", r.Name(), points)
	}
	fifo, lbf, online := curves["fifo"], curves["lbf"], curves["online"]
	plateau := 0.0
	for _, v := range fifo[400:] {
		plateau += v / 600
	}
	if least, most := slices.Min(fifo[400:]), slices.Max(fifo[400:]); least < 324 || most > 396 {
		t.Errorf("FIFO levels off between %.0f and %.0f tasks, want 360 ± 10 %%", least, most)
	}
	if at := passes(online, fifo); at < 500 || at > 650 {
		t.Errorf("online passes FIFO at %d inputs, want 500 to 650", at)
	}
	if at := passes(online, lbf); at > 1000 {
		t.Errorf("online ends at %.0f, LBF at %.0f, want online above", online[999], lbf[999])
	} else {
		t.Logf("online passes FIFO at %d inputs and LBF at %d", passes(online, fifo), at)
	}
	if got := slices.Max(curves["online-printed"]); got > plateau/4 {
		t.Errorf("the formula as printed deploys up to %.0f tasks, want next to nothing", got)
	}
}

func TestThePapersInstanceOrdersTheOfflineAlgorithms(t *testing.T) {
	for _, seed := range []uint64{1} {
		inst := paperInstance(50, 1000, seed)
		bound := boundOf(t, inst, 1)
		got := map[string]int{}
		for _, name := range []string{"layer-printed", "layer", "density", "price"} {
			got[name] = deployed(plan(t, name, inst))
		}
		t.Logf("seed %d: %v, bound %d", seed, got, bound)
		if !(got["layer-printed"] < got["layer"] && got["layer"] < got["density"] && got["density"] < got["price"] && got["price"] <= bound) {
			t.Errorf("seed %d: %v, bound %d; want layer-printed < layer < density < price ≤ bound", seed, got, bound)
		}
	}
}

func BenchmarkBound(b *testing.B) {
	benchmarkPlanning(b, func(inst Instance) error { _, err := Bound(context.Background(), inst, 1); return err })
}
func BenchmarkPrice(b *testing.B) {
	benchmarkPlanning(b, func(inst Instance) error { _, err := price{}.Plan(context.Background(), inst); return err })
}
func BenchmarkDensity(b *testing.B) {
	benchmarkPlanning(b, func(inst Instance) error { _, err := density{}.Plan(context.Background(), inst); return err })
}

func benchmarkPlanning(b *testing.B, plan func(Instance) error) {
	inst := paperInstance(50, 1000, 1)
	for b.Loop() {
		if err := plan(inst); err != nil {
			b.Fatal(err)
		}
	}
}
