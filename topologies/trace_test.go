package topologies

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/splitbed/splitbed/internal/units"
)

const ms = units.Virtual(time.Millisecond)

func TestTracesAreRead(t *testing.T) {
	const packet = units.Rate(8 * Packet)
	for name, c := range map[string]struct {
		text   string
		steps  []Step
		period units.Virtual
	}{
		"CSV with a heading and a comment": {"seconds,rate\n# from a drive\n0,10Mbps\n0.5, 4Mbps\n1,8Mbps\n",
			[]Step{{0, 10e6}, {500 * ms, 4e6}, {1000 * ms, 8e6}}, 1500 * ms},
		"one rate":                  {"0,10Mbps\n", []Step{{0, 10e6}}, maxSpan},
		"nothing is one packet":     {"0,8Mbps\n1,0bit\n3,8Mbps\n", []Step{{0, 8e6}, {1000 * ms, packet / 2}, {3000 * ms, 8e6}}, 5000 * ms},
		"delivery opportunities":    {"0\n50\n50\n120\n200\n", []Step{{0, 30 * packet}, {100 * ms, 20 * packet}}, 200 * ms},
		"a bin without any":         {"10\n250\n", []Step{{0, 10 * packet}, {100 * ms, 10 * packet}, {200 * ms, 20 * packet}}, 250 * ms},
		"the last bin is shorter":   {"100\n140\n", []Step{{0, 10 * packet}, {100 * ms, 50 * packet}}, 140 * ms},
		"an opportunity at its end": {"0\n100\n", []Step{{0, 20 * packet}}, 100 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseTrace("t", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			near := cmp.Comparer(func(a, b units.Rate) bool { return math.Abs(float64(a-b)) < 1e-3 })
			if diff := cmp.Diff(c.steps, got.Steps, near); diff != "" || got.Period != c.period {
				t.Errorf("period %v, want %v; (-want +got)\n%s", got.Period, c.period, diff)
			}
		})
	}
}

func TestBadTracesNameFileAndLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "t: there is no rate in it",
		"seconds,rate\n":            "t: there is no rate in it",
		"0,10Mbps\n1,fast\n":        `t:2: "fast": is not a rate`,
		"0,10mbps\n":                "t:1: ",
		"0,10\n":                    "t:1: ",
		"1,10Mbps\n":                "t:1: the first rate begins at 1s; it must begin at 0",
		"0,10Mbps\n0,5Mbps\n":       "t:2: 0s comes after 0s; times must ascend",
		"0,10Mbps\nnoon,5Mbps\n":    `t:2: "noon" is no time`,
		"0,10Mbps\n-1,5Mbps\n":      `t:2: "-1" is no time`,
		"0,10Mbps\n17\n":            "t:2: a line without a rate among lines with one",
		"17\n18,10Mbps\n":           "t:2: a line with a rate among lines without one",
		"17\n5\n":                   "t:2: 5 ms comes after 17 ms",
		"17\nx\n":                   `t:2: "x" is neither`,
		"0\n0\n":                    "t: it ends where it begins",
		"0,10000Gbps\n":             "t:1: a rate of",
		strings.Repeat("x", 1<<17):  "t: bufio.Scanner: token too long",
		"99999999999999999999999\n": `t:1: "99999999999999999999999" is neither`,
	} {
		_, err := ParseTrace("t", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %s", text, err, want)
		}
	}
}

func TestATraceBeginsAnewAtItsEndAndBeforeItsBeginning(t *testing.T) {
	trace, err := ParseTrace("t", []byte("0,10Mbps\n1,4Mbps\n2,4Mbps\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{{-500 * ms, 4e6}, {0, 10e6}, {1000 * ms, 4e6}, {3000 * ms, 10e6}}
	if diff := cmp.Diff(want, trace.Between(-500*ms, 3500*ms)); diff != "" {
		t.Error(diff)
	}
	if mean := trace.Mean(); math.Abs(float64(mean)-6e6) > 1 {
		t.Errorf("mean %v, want 6 Mb/s", mean)
	}
}

func TestALinkThatFollowsATraceIsScheduledByItsMeanOrByARateBesideIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rates.csv")
	if err := os.WriteFile(path, []byte("0,10Mbps\n1,4Mbps\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for extra, want := range map[string]units.Rate{"": 7e6, ", rate: 5Mbps": 5e6} {
		text := fmt.Sprintf("name: x\nedges:\n  - {name: a, compute: 1GFLOPS, uplink: {trace: rates.csv%s}}\n", extra)
		topo, err := Parse(filepath.Join(dir, "x.yaml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := topo.Edges[0].Uplink; got.Rate != want || got.Trace.Path != path {
			t.Errorf("%q: rate %v of %s, want %v of %s", extra, got.Rate, got.Trace.Path, want, path)
		}
		written, err := topo.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("elsewhere.yaml", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if diff := cmp.Diff(topo, again, contents); diff != "" {
			t.Errorf("written and read again:\n%s", diff)
		}
	}
}

func TestALinkAfterAChange(t *testing.T) {
	link := State{Link: Link{Rate: 20e6, Queue: 50 * ms, Delay: 10 * ms}}
	for words, want := range map[string]State{
		"rate=5Mbps":                    {Link: Link{Rate: 5e6, Queue: 200 * ms, Delay: 10 * ms}},
		"rate=5Mbps queue=40ms":         {Link: Link{Rate: 5e6, Queue: 40 * ms, Delay: 10 * ms}},
		"delay=20ms jitter=1ms loss=1%": {Link: Link{Rate: 20e6, Queue: 50 * ms, Delay: 20 * ms, Jitter: 1 * ms, Loss: 0.01}},
		"down":                          {Link: link.Link, Down: true},
	} {
		change, err := ParseChange(strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, link.After(change), contents); diff != "" {
			t.Errorf("%s (%v): (-want +got)\n%s", words, change, diff)
		}
	}
	for _, words := range []string{"", "fast", "rate=5mbps", "speed=3", "loss=many"} {
		if c, err := ParseChange(strings.Fields(words)); err == nil {
			t.Errorf("%q became the change %v", words, c)
		}
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add([]byte("seconds,rate\n0,10Mbps\n0.5,4Mbps\n"))
	f.Add([]byte("0\n50\n120\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, err := ParseTrace("f", data)
		if err != nil {
			return
		}
		for n, s := range trace.Steps {
			if !(s.Rate > 0) || trace.until(n) <= s.At {
				t.Fatalf("step %d of %d: %v from %v to %v", n, len(trace.Steps), s.Rate, s.At, trace.until(n))
			}
		}
		if mean := trace.Mean(); !(mean > 0) {
			t.Fatalf("mean %v", mean)
		}
	})
}
