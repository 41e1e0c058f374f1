package workloads

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

const withVideo = `name: w
tasks:
  - {name: all, model: cnn1, input: {video: door.mp4}, arrival: synchronised}
  - {name: key, model: cnn1, input: {video: cat-dog, keyframes: true}}
`

func TestAVideoGivesTimesAndSizes(t *testing.T) {
	w, err := Parse("/films/w.yaml", []byte(withVideo))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Tasks[0].Input.Video; got != "/films/door.mp4" {
		t.Errorf("the file is %q, want it beside the workload", got)
	}
	if got := w.Tasks[1].Input.Video; got != "cat-dog" {
		t.Errorf("the shipped video's name became %q", got)
	}
	topo := &topologies.Topology{Name: "one", Threshold: 1, Edges: []topologies.Edge{{Name: "gw", Compute: 1e9, Uplink: topologies.Link{Rate: 1e6, Queue: 50e6}}}}
	r, err := w.Resolve(topo, 1, smallest{"cnn1": {16, 16}})
	if err != nil {
		t.Fatal(err)
	}
	all, key := r.Tasks[0].At[0], r.Tasks[1].At[0]
	if all.FPS != 6 || all.Input != 350 || all.Height != 48 || all.Width != 64 || key.FPS != 2 || key.Input != 900 {
		t.Errorf("all frames: %+v, key frames: %+v; want 6 and 2 a second of 350 and 900 bytes, 48×64", all, key)
	}
	ms := func(times ...int) (out []units.Virtual) {
		for _, at := range times {
			out = append(out, units.Virtual(at)*1e6)
		}
		return out
	}
	if got, want := all.Arrivals(-250e6, 700e6), ms(-200, 0, 100, 300, 500, 600); !slices.Equal(got, want) {
		t.Errorf("frames come at %v, want %v", got, want)
	}
	if got := key.Arrivals(0, 1000e6); len(got) != 2 || got[1]-got[0] != 500e6 || (got[0]+key.Phase)%500e6 != 0 {
		t.Errorf("key frames come at %v from place %v on", got, key.Phase)
	}
	text, err := w.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("w.yaml", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if diff := cmp.Diff(w, again, contents); diff != "" {
		t.Error("written and read again (-first +second):", diff)
	}
}

func TestWhatAVideoDecidesIsNotSaidTwice(t *testing.T) {
	for text, want := range map[string]string{
		"input: {video: a.mp4}, fps: 2":             "fps",
		"input: {video: a.mp4}, arrival: poisson":   "arrival",
		"input: {video: a.mp4}, share: even":        "share",
		"input: {video: ''}":                        "video",
		"input: {video: a.mp4, keyframe: true}":     "keyframe",
		"input: {video: a.mp4, keyframes: perhaps}": "keyframes",
	} {
		_, err := Parse("w.yaml", []byte("name: w\ntasks:\n  - {name: cam, model: cnn1, "+text+"}\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", text, err, want)
		}
	}
}
