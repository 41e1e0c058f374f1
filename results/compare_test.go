package results

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// simulation is a run as a model would have it: each transfer a tenth shorter than it was measured.
func simulation(in Input) Input {
	in.Simulated, in.Runtime, in.Dilation, in.Broken = true, "simulated", 1, nil
	in.Frames = append([]Frame{}, in.Frames...)
	for i := range in.Frames {
		f := &in.Frames[i]
		f.Received = f.Ready + 0.9*f.Transfer()
	}
	in.Edges = append([]EdgeSummary{}, in.Edges...)
	for i := range in.Edges {
		in.Edges[i].Uplink.QueueP99 = Absent()
	}
	Classify(in.Frames, in.Rule)
	return in
}

func compared(name string, in Input) Compared { return Compared{name, Summarise(in), in.Frames} }

// beside are comparisons to be shown: an emulation with its simulation, another algorithm's run with fewer tasks, and many at once.
func beside() map[string][]Compared {
	measured, _ := drawn(4, 8, true)
	other, _ := drawn(3, 6, false)
	other.Schedule.Algorithm, other.Schedule.Bound, other.Tasks = "density", 9, other.Tasks[:5]
	large, _ := drawn(30, 60, true)
	many := []Compared{compared("runs/a", large), compared("runs/b", simulation(large))}
	return map[string][]Compared{
		"predicted": {compared("runs/measured", measured), compared("runs/simulated", simulation(measured))},
		"three":     {compared("runs/measured", measured), compared("runs/other", other), compared("runs/simulated", simulation(measured))},
		"large":     many,
		"crowd":     append(many, compared("c", measured), compared("d", measured), compared("e", other), compared("f", other), compared("g", measured), compared("h", other), compared("i", other)),
	}
}

func TestTextOfAComparison(t *testing.T) {
	for name, runs := range beside() {
		var text strings.Builder
		if err := Compare(runs).Text(&text, 100, false); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "compare-"+name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), text.String()); d != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, d)
		}
		for _, line := range strings.Split(text.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%s at 100 columns: a line of %d: %s", name, n, line)
			}
		}
		var colour strings.Builder
		if err := Compare(runs).Text(&colour, 100, true); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(text.String(), ansi.ReplaceAllString(colour.String(), "")); d != "" {
			t.Errorf("%s: colour changes the text:\n%s", name, d)
		}
	}
}

func TestASimulationIsHeldAgainstItsEmulation(t *testing.T) {
	c := Compare(beside()["three"])
	if len(c.Predictions) != 1 || c.Predictions[0].Measured != "runs/measured" || c.Predictions[0].Simulated != "runs/simulated" {
		t.Fatalf("predictions %+v, want the simulation against the run of its algorithm alone", c.Predictions)
	}
	p := c.Predictions[0]
	if len(p.Tasks) != 8 || math.Abs(float64(p.MedianError)-0.1) > 1e-9 || math.Abs(float64(p.WorstError)-0.1) > 1e-9 {
		t.Errorf("%d pairs, errors %v and %v; want 8, and a tenth for all", len(p.Tasks), p.MedianError, p.WorstError)
	}
	for _, x := range p.Tasks {
		if math.Abs(float64(x.Error)+0.1) > 1e-9 || math.Abs(float64(x.ErrorP99)+0.1) > 1e-9 {
			t.Errorf("%s: errors %v and %v, want -0.1", x.Task, x.Error, x.ErrorP99)
		}
	}
}

func TestRowsAreThePlacesThatRunsShare(t *testing.T) {
	c := Compare(beside()["three"])
	if len(c.Tasks) != 8 {
		t.Fatalf("%d rows, want 8: each is in the emulation and in the simulation", len(c.Tasks))
	}
	for _, row := range c.Tasks {
		first, last := row.In[0], row.In[2]
		if first == nil || last == nil || first.Difference.Known() || math.Abs(float64(last.Difference)+0.1) > 1e-9 {
			t.Errorf("%s at %s: %+v and %+v, want a first run without a difference, and one a tenth shorter", row.Task, row.Edge, first, last)
		}
	}
	alone, _ := drawn(2, 3, false)
	elsewhere, _ := drawn(30, 30, false)
	if c := Compare([]Compared{compared("a", alone), compared("b", elsewhere)}); len(c.Tasks) != 0 {
		t.Errorf("%d rows of runs that share no place", len(c.Tasks))
	}
}

func TestAComparisonIsJSONAndAPage(t *testing.T) {
	for name, runs := range beside() {
		text, err := json.Marshal(Compare(runs))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, key := range []string{`"runs"`, `"on_time_share"`, `"predictions"`, `"p50_difference"`} {
			if !strings.Contains(string(text), key) {
				t.Errorf("%s: no %s in the JSON", name, key)
			}
		}
		var page strings.Builder
		if err := CompareHTML(&page, runs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range []string{"<svg", "runs compared", "</html>", "<style>"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("%s: no %s in the page", name, want)
			}
		}
		if strings.Contains(page.String(), "NaN") {
			t.Errorf("%s: NaN in the page", name)
		}
	}
	empty := Input{Schedule: Schedule{Algorithm: "layer", Bound: Absent()}}
	var page, text strings.Builder
	runs := []Compared{compared("<script>", empty), compared("b", empty)}
	if err := CompareHTML(&page, runs); err != nil {
		t.Error(err)
	}
	if err := Compare(runs).Text(&text, 80, false); err != nil {
		t.Error(err)
	}
	if strings.Contains(page.String(), "<script>") {
		t.Error("a directory's name reaches the page as HTML")
	}
}

func TestALargeChangeIsAFactor(t *testing.T) {
	for x, want := range map[Figure]string{0.031: "+3.1 %", -0.5: "-50.0 %", 8.9: "+890.0 %", 411: "×412", Absent(): dash} {
		if got := change(x); got != want {
			t.Errorf("%v reads %q, want %q", x, got, want)
		}
	}
}
