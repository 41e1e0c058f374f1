package topologies

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/splitbed/splitbed/internal/spec/spectest"
	"github.com/splitbed/splitbed/internal/units"
)

// contents compares topologies by what they say, not by where they stand.
var contents = cmpopts.IgnoreUnexported(Topology{})

// example is the topology of the format's documentation.
const example = `name: example
threshold: 0.9
cloud: {compute: 0GFLOPS}
edges:
  - {name: gw-a, compute: 290GFLOPS, uplink: {rate: 50Mbps, delay: 10ms, jitter: 1ms, loss: 0.1%, queue: 40ms}}
  - {name: gw-b, compute: 290GFLOPS, uplink: {rate: 10Mbps, delay: 25ms}, downlink: {rate: 100Mbps}, trunk: west}
trunks:
  - {name: west, rate: 40Mbps, queue: 50ms, trunk: core}
  - {name: core, rate: 200Mbps}
`

func expanded(t *testing.T, text string) *Topology {
	t.Helper()
	topo, err := Parse("lab.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := topo.Expand()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExpandFillsInDefaults(t *testing.T) {
	const ms = units.Virtual(1e6)
	want := &Topology{
		Name: "example", Threshold: 0.9,
		Edges: []Edge{{
			Name: "gw-a", Compute: 290e9,
			Uplink:   Link{Rate: 50e6, Delay: 10 * ms, Jitter: ms, Loss: 0.001, Queue: 40 * ms},
			Downlink: &Link{Rate: 1e9, Delay: 10 * ms, Queue: 50 * ms},
		}, {
			Name: "gw-b", Compute: 290e9, Trunk: "west",
			Uplink:   Link{Rate: 10e6, Delay: 25 * ms, Queue: 50 * ms},
			Downlink: &Link{Rate: 100e6, Queue: 50 * ms},
		}},
		Trunks: []Trunk{
			{Name: "west", Link: Link{Rate: 40e6, Queue: 50 * ms}, Trunk: "core"},
			{Name: "core", Link: Link{Rate: 200e6, Queue: 50 * ms}},
		},
	}
	if diff := cmp.Diff(want, expanded(t, example), contents); diff != "" {
		t.Error(diff)
	}
	// A topology built in Go leaves the same things out.
	built := &Topology{Name: "built", Edges: []Edge{{Name: "a", Compute: 1e9, Uplink: Link{Rate: 1e6}}}}
	got, err := built.Expand()
	if err != nil {
		t.Fatal(err)
	}
	if got.Threshold != 1 || got.Edges[0].Uplink.Queue != 50*ms || got.Edges[0].Downlink.Rate != 1e9 {
		t.Errorf("expanded to %+v, want threshold 1, queue 50ms and a downlink", got)
	}
	if built.Threshold != 0 || built.Edges[0].Downlink != nil {
		t.Errorf("expanding changed the topology itself: %+v", built)
	}
}

func TestExpandingTwiceChangesNothing(t *testing.T) {
	once := expanded(t, example)
	twice, err := once.Expand()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(once, twice, contents); diff != "" {
		t.Error(diff)
	}
}

func TestShippedTopologiesSurviveBeingWritten(t *testing.T) {
	names := Names()
	if want := []string{"lab-4", "paper-20", "paper-30", "paper-40", "paper-50", "paper-60", "paper-70", "paper-80", "paper-90"}; !cmp.Equal(names, want) {
		t.Fatalf("shipped are %v, want %v", names, want)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			topo, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if topo.Name != name {
				t.Errorf("the file is named %s", topo.Name)
			}
			full, err := topo.Expand()
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []*Topology{topo, full} {
				text, err := want.YAML()
				if err != nil {
					t.Fatal(err)
				}
				got, err := Parse("written.yaml", text)
				if err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
				if diff := cmp.Diff(want, got, contents); diff != "" {
					t.Error(diff)
				}
			}
			text, err := json.Marshal(full)
			if err != nil {
				t.Fatal(err)
			}
			var back Topology
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(full, &back, contents); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPaperTopologiesAreThePapersSetting(t *testing.T) {
	var before []Edge
	for _, name := range Names()[1:] {
		topo, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if topo, err = topo.Expand(); err != nil {
			t.Fatal(err)
		}
		if want := "paper-" + topo.Edges[len(topo.Edges)-1].Name[len("edge-"):]; name != want {
			t.Errorf("%s ends in %s", name, topo.Edges[len(topo.Edges)-1].Name)
		}
		if topo.Threshold != 1 {
			t.Errorf("%s has threshold %v, want 1", name, topo.Threshold)
		}
		for _, e := range topo.Edges {
			if e.Compute != 290e9 || e.Uplink.Rate < 10e6 || e.Uplink.Rate > 1e9 || e.Uplink.Delay != 0 {
				t.Errorf("%s: %+v is not one of the paper's edges", name, e)
			}
		}
		if diff := cmp.Diff(before, topo.Edges[:len(before)], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s does not begin with the smaller one's edges:\n%s", name, diff)
		}
		before = topo.Edges
	}
	mean := 0.0
	for _, e := range before {
		mean += float64(e.Uplink.Rate) / float64(len(before))
	}
	// The mean of 90 uniform draws has a standard error of 30 Mb/s around 505 Mb/s.
	if mean < 385e6 || mean > 625e6 {
		t.Errorf("mean uplink is %v, want about 505Mbps", units.Rate(mean))
	}
}

func TestGeneratedEdgesDependOnTheSeedAlone(t *testing.T) {
	const text = "name: g\ngenerate: {edges: 12, seed: SEED, compute: 1GFLOPS, rate: {uniform: [10Mbps, 20Mbps]}, delay: {uniform: [2ms, 30ms]}}\n"
	first := expanded(t, strings.Replace(text, "SEED", "7", 1))
	again := expanded(t, strings.Replace(text, "SEED", "7", 1))
	other := expanded(t, strings.Replace(text, "SEED", "8", 1))
	if diff := cmp.Diff(first, again, contents); diff != "" {
		t.Error("the same seed gave another topology:", diff)
	}
	if cmp.Equal(first, other, contents) {
		t.Error("another seed gave the same topology")
	}
	for i, e := range first.Edges {
		if e.Uplink.Delay < 2e6 || e.Uplink.Delay > 30e6 || e.Downlink.Delay != e.Uplink.Delay {
			t.Errorf("edge %d has delays %v and %v, want the same one from 2ms to 30ms", i, e.Uplink.Delay, e.Downlink.Delay)
		}
	}
	if got := first.Edges[0].Name + " " + first.Edges[11].Name; got != "edge-01 edge-12" {
		t.Errorf("names are %s", got)
	}
	constant := expanded(t, "name: g\ngenerate: {edges: 2, compute: 1GFLOPS, rate: 10Mbps, delay: 5ms}\n")
	if got := constant.Edges[1].Uplink; got.Rate != 10e6 || got.Delay != 5e6 {
		t.Errorf("constants gave %+v", got)
	}
}

func TestPathFollowsTrunksToTheCloud(t *testing.T) {
	topo := expanded(t, example)
	if got := topo.Path(0); len(got) != 0 {
		t.Errorf("gw-a crosses trunks %v, want none", got)
	}
	if got := topo.Path(1); !cmp.Equal(got, []int{0, 1}) {
		t.Errorf("gw-b crosses trunks %v, want west and core", got)
	}
	if got := topo.TrunkIndex("core"); got != 1 {
		t.Errorf("core has index %d, want 1", got)
	}
	if got := topo.TrunkIndex(""); got != -1 {
		t.Errorf("the cloud has index %d, want -1", got)
	}
}

func TestDOTDrawsEveryNodeAndLink(t *testing.T) {
	dot := expanded(t, example).DOT()
	for _, want := range []string{
		`"gw-a" -> "cloud" [label="50Mbps, 10ms ± 1ms, loss 0.1%"];`, `"cloud" -> "gw-a" [label="1Gbps, 10ms", style=dashed];`,
		`"gw-b" -> "west" [label="10Mbps, 25ms"];`, `"west" -> "core" [label="40Mbps", dir=both];`, `"core" -> "cloud" [label="200Mbps", dir=both];`,
	} {
		if !strings.Contains(dot, want) {
			t.Errorf("no %s in\n%s", want, dot)
		}
	}
}

func TestBadTopologiesAreRefusedWhereTheyAreWrong(t *testing.T) {
	edge := func(fields string) string {
		return "name: lab\nedges:\n  - {name: a, compute: 1GFLOPS, uplink: {rate: 10Mbps}}\n  - {" + fields + "}\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"tc's megabytes": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10mbps}"),
			`lab.yaml:4: edges[1].uplink.rate: "10mbps": tc reads mbps as megabytes per second, and a rate is in bits; allowed: bits per second such as 500kbit, 10Mbps or 1Gbps`,
		},
		"zero rate": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 0Mbps}"),
			`lab.yaml:4: edges[1].uplink.rate: a link cannot have the rate 0Gbps; allowed: above 0, at most 1000Gbps`,
		},
		"no rate": {
			edge("name: b, compute: 1GFLOPS, uplink: {delay: 1ms}"),
			`lab.yaml:4: edges[1].uplink.rate: is missing; allowed: a rate such as 10Mbps`,
		},
		"edge named twice": {
			edge("name: a, compute: 1GFLOPS, uplink: {rate: 10Mbps}"),
			`lab.yaml:4: edges[1].name: "a" is already the name of edge 1`,
		},
		"edge named cloud": {
			edge("name: cloud, compute: 1GFLOPS, uplink: {rate: 10Mbps}"),
			`lab.yaml:4: edges[1].name: "cloud" is already the name of the cloud node`,
		},
		"name for no object": {
			edge("name: a/b, compute: 1GFLOPS, uplink: {rate: 10Mbps}"),
			`lab.yaml:4: edges[1].name: "a/b" cannot be a name; allowed: up to 40 letters, digits, - and _, the first a letter or digit`,
		},
		"no name": {
			edge("compute: 1GFLOPS, uplink: {rate: 10Mbps}"),
			`lab.yaml:4: edges[1].name: is missing; allowed: up to 40 letters, digits, - and _, the first a letter or digit`,
		},
		"no compute": {
			edge("name: b, uplink: {rate: 10Mbps}"),
			`lab.yaml:4: edges[1].compute: an edge needs a compute budget, and 0GFLOPS is none; allowed: above 0, such as 290GFLOPS`,
		},
		"short queue": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps, queue: 2ms}"),
			`lab.yaml:4: edges[1].uplink.queue: 2ms at 10Mbps is shorter than two packets of 1514 bytes; allowed: at least 2.423ms`,
		},
		"default queue too short": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 100kbit}"),
			`lab.yaml:4: edges[1].uplink.queue: 50ms at 100kbit is shorter than two packets of 1514 bytes; allowed: at least 242.24ms`,
		},
		"queue written as zero": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps, queue: 0s}"),
			`lab.yaml:4: edges[1].uplink.queue: 0s at 10Mbps is shorter than two packets of 1514 bytes; allowed: at least 2.423ms`,
		},
		"negative delay": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps, delay: -1ms}"),
			`lab.yaml:4: edges[1].uplink.delay: -1ms is out of range; allowed: 0s to 1h0m0s`,
		},
		"jitter beyond the delay": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps, delay: 3ms, jitter: 2ms}"),
			`lab.yaml:4: edges[1].uplink.jitter: a delay of 3ms ± 3 × 2ms would be negative at times; allowed: at most a third of the delay, 1ms`,
		},
		"all lost": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps, loss: 100%}"),
			`lab.yaml:4: edges[1].uplink.loss: a link cannot work with 100%; allowed: from 0% to below 100%`,
		},
		"bad downlink": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}, downlink: {rate: 0kbit}"),
			`lab.yaml:4: edges[1].downlink.rate: a link cannot have the rate 0Gbps; allowed: above 0, at most 1000Gbps`,
		},
		"trace": {
			edge("name: b, compute: 1GFLOPS, uplink: {trace: /none/a.csv}"),
			`lab.yaml:4: edges[1].uplink.trace: open /none/a.csv: no such file or directory`,
		},
		"no trunks": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}, trunk: west"),
			`lab.yaml:4: edges[1].trunk: there is no trunk "west", as there is no list of trunks`,
		},
		"unknown trunk": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}, trunk: west") + "trunks: [{name: core, rate: 1Gbps}]\n",
			`lab.yaml:4: edges[1].trunk: there is no trunk "west"; allowed: core`,
		},
		"trunks in a circle": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}, trunk: x") +
				"trunks:\n  - {name: x, rate: 1Gbps, trunk: y}\n  - {name: y, rate: 1Gbps, trunk: x}\n",
			`lab.yaml:6: trunks[0].trunk: the trunks run in a circle: x → y → x`,
		},
		"a trunk to itself": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}") + "trunks:\n  - {name: x, rate: 1Gbps, trunk: x}\n",
			`lab.yaml:6: trunks[0].trunk: the trunks run in a circle: x → x`,
		},
		"trunk without rate": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}") + "trunks:\n  - {name: x}\n",
			`lab.yaml:6: trunks[0].rate: is missing; allowed: a rate such as 10Mbps`,
		},
		"trunk with an edge's name": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}") + "trunks:\n  - {name: b, rate: 1Gbps}\n",
			`lab.yaml:6: trunks[0].name: "b" is already the name of edge 2`,
		},
		"unknown key of a trunk": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}") + "trunks:\n  - {name: x, rat: 1Gbps}\n",
			`lab.yaml:6: trunks[0].rat: unknown key; did you mean rate?; allowed: name, rate, trace, delay, jitter, loss, reorder, duplicate, queue, trunk`,
		},
		"threshold 0":    {"name: lab\nthreshold: 0\nedges: []\n", `lab.yaml:2: threshold: 0 is not a fraction of an uplink; allowed: above 0, at most 1`},
		"threshold 2":    {"name: lab\nthreshold: 2\nedges: []\n", `lab.yaml:2: threshold: 2 is not a fraction of an uplink; allowed: above 0, at most 1`},
		"threshold NaN":  {"name: lab\nthreshold: .nan\n", `lab.yaml:2: threshold: ".nan" does not belong here; allowed: a number`},
		"no edges":       {"name: lab\n", `lab.yaml:1: edges: a topology has at least one edge; allowed: a list of edges, or generate`},
		"unknown key":    {"name: lab\nedgs: []\n", `lab.yaml:2: edgs: unknown key; did you mean edges?; allowed: name, threshold, cloud, edges, trunks, generate`},
		"edges as a map": {"name: lab\nedges: {a: 1}\n", `lab.yaml:2: edges: a mapping does not belong here; allowed: a list`},
		"negative cloud": {"name: lab\ncloud: {compute: -1GFLOPS}\n", `lab.yaml:2: cloud.compute: "-1GFLOPS": is not a compute rate; allowed: floating-point operations per second such as 500MFLOPS, 290GFLOPS or 1.2TFLOPS`},
		"generate beside edges": {
			edge("name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}") + "generate: {edges: 2, compute: 1GFLOPS, rate: 1Mbps}\n",
			`lab.yaml:5: generate: stands beside edges or trunks; allowed: edges and trunks, or generate`,
		},
		"generate none":      {"name: g\ngenerate: {edges: 0, compute: 1GFLOPS, rate: 1Mbps}\n", `lab.yaml:2: generate.edges: cannot generate 0 edges; allowed: 1 to 1000`},
		"generate a million": {"name: g\ngenerate: {edges: 1000000, compute: 1GFLOPS, rate: 1Mbps}\n", `lab.yaml:2: generate.edges: cannot generate 1000000 edges; allowed: 1 to 1000`},
		"generate too slow":  {"name: g\ngenerate: {edges: 2, compute: 1GFLOPS, rate: {uniform: [10kbit, 1Mbps]}}\n", `lab.yaml:2: generate.rate: at 10kbit the default queue of 50ms is shorter than two packets`},
		"generate no rate":   {"name: g\ngenerate: {edges: 2, compute: 1GFLOPS}\n", `lab.yaml:2: generate.rate: is missing; allowed: a rate such as 10Mbps`},
		"generate idle":      {"name: g\ngenerate: {edges: 2, rate: 1Mbps}\n", `lab.yaml:2: generate.compute: an edge needs a compute budget, and 0GFLOPS is none; allowed: above 0, such as 290GFLOPS`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("lab.yaml", []byte(c.text))
			spectest.Refused(t, err, c.want)
		})
	}
}

func TestTopologiesBuiltInGoAreCheckedToo(t *testing.T) {
	topo := &Topology{Name: "built", Edges: []Edge{{Name: "a", Compute: 1e9, Uplink: Link{Rate: -1}}}}
	_, err := topo.Expand()
	const want = "edges[0].uplink.rate: a link cannot have the rate -1bit; allowed: above 0, at most 1000Gbps"
	spectest.Refused(t, err, want)
}

func TestAnyValidTopologySurvivesBeingWritten(t *testing.T) {
	property := func(rate uint32, delay, jitter uint16, loss uint8, threshold uint16, name uint8) bool {
		want := &Topology{
			Name:      []string{"x", "true", "1e3", "0x1F", "null", "2026-01-01", "on", "yes", "7"}[name%9],
			Threshold: (1 + float64(threshold)) / (1 << 16),
			Edges: []Edge{{Name: "1-2", Compute: 1e9, Uplink: Link{
				Rate: 1e6 + units.Rate(rate)/7, Delay: units.Virtual(delay) * 1e4, Jitter: units.Virtual(jitter) * 1e4 / 3,
				Loss: units.Probability(loss) / 256,
			}}},
		}
		want.Edges[0].Uplink.Delay += 3 * want.Edges[0].Uplink.Jitter
		want, err := want.Expand()
		if err != nil {
			t.Error(err)
			return false
		}
		text, err := want.YAML()
		if err != nil {
			t.Error(err)
			return false
		}
		got, err := Parse("written.yaml", text)
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			return false
		}
		return cmp.Equal(want, got, contents)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("name: g\ngenerate: {edges: 3, seed: 7, compute: 290GFLOPS, rate: {uniform: [10Mbps, 1Gbps]}}\n"))
	f.Add([]byte("name: l\nedges:\n  - &e {name: a, compute: 1GFLOPS, uplink: {rate: 1Mbps}}\n  - *e\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		topo, err := Parse("f.yaml", data)
		if err != nil {
			spectest.Placed(t, err)
			return
		}
		full, err := topo.Expand()
		if err != nil {
			t.Fatalf("what was parsed cannot be expanded: %v", err)
		}
		text, err := full.YAML()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse("f.yaml", text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v in\n%s", err, text)
		}
		if diff := cmp.Diff(full, back, contents); diff != "" {
			t.Fatal(diff)
		}
	})
}
