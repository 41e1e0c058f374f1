package scheduler

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

func written(t testing.TB, inst Instance) string {
	t.Helper()
	var text bytes.Buffer
	if err := WriteInstance(&text, inst); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestInstanceSurvivesItsFile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	infinite := small()
	infinite.Tasks[0].Costs[0][0].Rate = units.Rate(math.Inf(1))
	for _, want := range []Instance{small(), infinite, random(r, 5, 20)} {
		got, err := ReadInstance(strings.NewReader(written(t, want)))
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("error %v; -written +read:\n%s", err, d)
		}
	}
}

func TestReadInstanceNamesWhatIsWrong(t *testing.T) {
	good := written(t, small())
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"", "EOF"},
		"an unknown key":       {`{"treshold": 1}`, "treshold"},
		"text after it":        {good + "{}", "after the end"},
		"a number too large":   {strings.Replace(good, `"threshold":0.9`, `"threshold":1e999`, 1), "1e999"},
		"a negative input":     {strings.Replace(good, `"input":200000`, `"input":-1`, 1), "input -1"},
		"no edges":             {`{"threshold": 1, "edges": [], "trunks": [], "tasks": []}`, "no edges"},
		"a capacity of zero":   {strings.Replace(good, `"uplink":10000000`, `"uplink":0`, 1), "edge gw-b: uplink 0"},
		"an edge out of range": {strings.Replace(good, `"edge":1`, `"edge":7`, 1), "edge index 7"},
	} {
		if _, err := ReadInstance(strings.NewReader(c.text)); !errors.Is(err, ErrInstance) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

// Whatever is accepted can be scheduled, and written and read back.
func FuzzReadInstance(f *testing.F) {
	f.Add(written(f, small()))
	f.Add(written(f, random(rand.New(rand.NewPCG(2, 2)), 3, 5)))
	f.Add(`{"threshold":1,"edges":[{"name":"a","compute":1,"uplink":1e100,"trunk":-1}],"trunks":[],"tasks":[{"name":"t","costs":[[{"rate":null,"compute":0},{"rate":1e308,"compute":1e308}]],"at":[{"edge":0,"cost":0,"input":1e100}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		inst, err := ReadInstance(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrInstance) {
				t.Errorf("error %v does not wrap ErrInstance", err)
			}
			return
		}
		if len(inst.Edges) > 10 || len(inst.Tasks) > 10 || len(text) > 5000 {
			return // slow, and no different
		}
		bound := boundOf(t, inst, 0)
		for _, name := range everyName() {
			sched := plan(t, name, inst)
			if broken := Check(inst, sched); len(broken) > 0 {
				t.Errorf("%s breaks %v", name, broken)
			}
			if n := deployed(sched); n > bound {
				t.Errorf("%s deploys %d, more than the bound of %d", name, n, bound)
			}
		}
		if _, err := ReadInstance(strings.NewReader(written(t, inst))); err != nil {
			t.Errorf("written, it is refused: %v", err)
		}
	})
}

func TestExplainNamesWhatIsShort(t *testing.T) {
	inst := small()
	inst.Tasks = append(inst.Tasks, single("door", 1, 1e5, []Demand{{rates(math.Inf(1)), 0}, {6e6, 1e9}, {1e6, 9e9}}))
	sched := Schedule{Tasks: []Assignment{assigned(inst.Tasks[0], 1), {Task: "door"}}} // 4 Mb/s and 1 GFLOPS at gw-b
	var got []string
	for _, s := range Explain(inst, sched, 1) {
		got = append(got, s.String())
	}
	want := []string{
		"k=0: gw-b: the delay alone uses up the deadline (and 1 more)",
		"k=1: gw-b: uplink: 6 Mb/s needed, 5 Mb/s free",
		"k=2: fits",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	inst.Edges[1].Compute = 9e9
	inst.Edges[0].Trunk, inst.Edges[1].Trunk = -1, 0
	inst.Trunks[0].Rate = 5e6
	if got, want := Explain(inst, sched, 1)[1].String(), "k=1: west: trunk: 6 Mb/s needed, 0.5 Mb/s free (and 1 more)"; got != want {
		t.Errorf("behind a trunk: got %q, want %q", got, want)
	}
}
