package workloads

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/spec/spectest"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/video"
)

// contents compares workloads by what they say, not by where they stand.
var contents = cmp.Options{cmpopts.IgnoreUnexported(Workload{}), cmpopts.EquateEmpty()}

// smallest is the smallest picture of every network, by name.
type smallest map[string]size

func (s smallest) MinSize(model string) (h, w int, err error) {
	size, ok := s[model]
	if !ok {
		return 0, 0, fmt.Errorf("%q is no network; known are alexnet, cnn1", model)
	}
	return size.height, size.width, nil
}

// Clip is half a second of video.
func (smallest) Clip(_ string, keyframes bool) (*video.Clip, error) {
	clip := &video.Clip{Height: 48, Width: 64, Keyframes: keyframes, Length: 500e6}
	clip.Frames = []video.Frame{{At: 0, Bytes: 900, Key: true}}
	if !keyframes {
		clip.Frames = append(clip.Frames, video.Frame{At: 100e6, Bytes: 100}, video.Frame{At: 300e6, Bytes: 50})
	}
	return clip, nil
}

// FileSize is the shape's or, where a file has one of its own, 48×64.
func (smallest) FileSize(_ string, shape []int) (h, w int, err error) {
	if len(shape) == 0 {
		return 48, 64, nil
	}
	return shape[2], shape[3], nil
}

var networks = smallest{"alexnet": {63, 63}, "cnn1": {16, 16}}

// ten edges with uplinks of 10, 20, … 100 Mb/s.
func ten(t *testing.T) *topologies.Topology {
	t.Helper()
	topo := &topologies.Topology{Name: "ten"}
	for i := range 10 {
		topo.Edges = append(topo.Edges, topologies.Edge{
			Name: fmt.Sprintf("e%d", i), Compute: 1e9, Uplink: topologies.Link{Rate: units.Rate(i+1) * 1e7}})
	}
	topo, err := topo.Expand()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func parsed(t *testing.T, text string) *Workload {
	t.Helper()
	w, err := Parse("w.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func resolved(t *testing.T, text string, seed uint64) *Resolved {
	t.Helper()
	r, err := parsed(t, text).Resolve(ten(t), seed, networks)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// task is a workload of one task with some fields more.
func task(fields string) string {
	return "name: w\ntasks:\n  - {name: cam, model: alexnet, input: 200kB, " + fields + "}\n"
}

func TestATaskLeavesOutWhatHasADefault(t *testing.T) {
	got := parsed(t, "name: w\ntasks:\n  - {name: cam, model: alexnet, input: 200kB}\nbackground:\n  - {link: e1.uplink, kind: bulk}\n")
	want := &Workload{
		Name: "w",
		Tasks: []TaskSpec{{
			Name: "cam", Model: One("alexnet"), Share: Share{Kind: Full}, Input: Input{Size: spec.Constant(units.Bytes(200e3))}, Encoding: 3.1, FPS: spec.Constant(1.0),
			Arrival: Arrival{Kind: Periodic}, Deadline: 200e6, Wire: Wire{DType: Uint8, Compress: CompressNone, Scale: ScaleTensor},
		}},
		Background: []Background{{Link: "e1.uplink", Traffic: Traffic{Kind: Bulk}, Flows: 1}},
	}
	if diff := cmp.Diff(want, got, contents); diff != "" {
		t.Error(diff)
	}
}

func TestWorkloadsSurviveBeingWritten(t *testing.T) {
	texts := []string{
		task("count: 3, edges: [e1, e2], share: proportional, fps: 2.5, arrival: poisson, deadline: 1s, start: 1s, stop: 3s"),
		task("share: {e1: 0.7, e2: 0.3}, wire: {dtype: float16}"),
		task("wire: {dtype: uint4, compress: zstd, scale: channel}"),
		task("share: {subset: 3}, encoding: 10"),
		task("share: dirichlet"),
		task("arrival: {onoff: [2s, 3s]}"),
		"name: w\ntasks:\n  - {name: a, model: cnn1, arrival: {trace: /traces/camera.csv}}\n  - {name: b, model: cnn1, input: 20kB, arrival: {trace: /traces/times.csv}}\n",
		"name: w\ntasks:\n  - {name: a, model: cnn1, input: {uniform: [100kB, 1MB]}}\n  - {name: b, model: /m/net.onnx, shape: [1, 3, 64, 64], input: 20kB}\n" +
			"  - {name: c, model: cnn1, input: {frames: /pictures}}\nbackground:\n  - {link: e1.downlink, kind: bulk, flows: 2, start: 1s, stop: 2s, congestion: bbr}\n" +
			"  - {link: e1.uplink, kind: {udp: {rate: 5Mbps}}}\n" +
			"  - {link: e1.uplink, kind: {onoff: {rate: 5Mbps, packet: 200B, on: 500ms, off: 2s}}}\n" +
			"  - {link: e1.uplink, kind: {web: {rate: 2.5, size: {lognormal: {median: 30kB, sigma: 1.5}, within: [1kB, 1MB]}}}}\n" +
			"  - {link: e1.uplink, kind: {trace: /traces/lan.pcap}}\n",
	}
	for _, name := range Names() {
		w, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := w.YAML()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, text := range texts {
		want := parsed(t, text)
		written, err := want.YAML()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse("written.yaml", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if diff := cmp.Diff(want, got, contents); diff != "" {
			t.Errorf("%s\n%s", diff, written)
		}
	}
}

func TestShippedCamerasRunOnLab4(t *testing.T) {
	topo, err := topologies.Load("lab-4")
	if err != nil {
		t.Fatal(err)
	}
	w, err := Load("cameras")
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Resolve(topo, 1, networks)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, task := range r.Tasks {
		for _, s := range task.At {
			used[s.Edge] = true
		}
	}
	if len(used) != 4 || len(r.Background) != 1 {
		t.Errorf("cameras at %v and %d background flows, want all four edges and one", used, len(r.Background))
	}
}

func TestPathsStartFromTheFilesDirectory(t *testing.T) {
	dir := t.TempDir()
	text := "name: w\ntasks:\n  - {name: a, model: net.onnx, shape: [1, 3, 8, 8], input: 1kB}\n  - {name: b, model: cnn1, input: {frames: pictures}}\n"
	file := filepath.Join(dir, "w.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := LoadFrom(dir, "./w.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.Tasks[0].Model, filepath.Join(dir, "net.onnx"); !slices.Equal(got, One(want)) {
		t.Errorf("model is %v, want %s", got, want)
	}
	if got, want := w.Tasks[1].Input.Frames, filepath.Join(dir, "pictures"); got != want {
		t.Errorf("frames are in %s, want %s", got, want)
	}
}

func TestBadWorkloadsAreRefusedWhereTheyAreWrong(t *testing.T) {
	const shares = "full, proportional, even, dirichlet, {subset: n}, or parts such as {gw-a: 0.7, gw-b: 0.3}"
	const inputs = "bytes such as 200kB, a distribution such as {uniform: [100kB, 1MB]}, {frames: DIR}, or {video: FILE, keyframes: true}"
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":        {task("deadlin: 2s"), `w.yaml:3: tasks[0].deadlin: unknown key; did you mean deadline?; allowed: name, count, model, shape, edges, share, input, encoding, fps, arrival, deadline, wire, start, stop, life`},
		"no model":           {"name: w\ntasks:\n  - name: cam\n    input: 1kB\n", `w.yaml:3: tasks[0].model: is missing; allowed: a built-in network such as alexnet, the path of an .onnx file, a list of built-in networks, or their weights such as {alexnet: 3, vgg16: 1}`},
		"no input":           {"name: w\ntasks:\n  - name: cam\n    model: a\n", `w.yaml:3: tasks[0].input: is missing; allowed: ` + inputs},
		"no tasks":           {"name: w\n", `w.yaml:1: tasks: a workload has at least one task; allowed: a list of tasks`},
		"task named twice":   {task("") + "  - {name: cam, model: alexnet, input: 1kB}\n", `w.yaml:4: tasks[1].name: "cam" is already the name of a task of entry 1`},
		"count meets a name": {task("count: 2") + "  - {name: cam-2, model: alexnet, input: 1kB}\n", `w.yaml:4: tasks[1].name: "cam-2" is already the name of a task of entry 1`},
		"count 0":            {task("count: 0"), `w.yaml:3: tasks[0].count: no task is made; allowed: at least 1`},
		"count below 0":      {task("count: -1"), `w.yaml:3: tasks[0].count: cannot make -1 tasks; allowed: 1 to 20000`},
		"count too large":    {task("count: 1000000000"), `w.yaml:3: tasks[0].count: cannot make 1000000000 tasks; allowed: 1 to 20000`},
		"input 0":            {"name: w\ntasks:\n  - {name: a, model: m, input: 0kB}\n", `w.yaml:3: tasks[0].input: a frame of 0B is none; allowed: ` + inputs},
		"input in bits":      {"name: w\ntasks:\n  - {name: a, model: m, input: 200kb}\n", `w.yaml:3: tasks[0].input: "200kb": kb is bits, and a size is in bytes; allowed: bytes such as 800B, 200kB or 1.5MB (decimal), 64KiB or 2MiB (binary)`},
		"input too large":    {"name: w\ntasks:\n  - {name: a, model: m, input: 1GB}\n", `w.yaml:3: tasks[0].input: a frame of 1GB at an encoding of 3.1 is larger than any camera's; allowed: pictures of at most 201.326592MB raw`},
		"fps 0":              {task("fps: 0"), `w.yaml:3: tasks[0].fps: 0 is no number of frames a second; allowed: above 0, at most 1000`},
		"fps NaN":            {task("fps: .NaN"), `w.yaml:3: tasks[0].fps: ".NaN" does not belong here; allowed: a number`},
		"encoding 0":         {task("encoding: 0"), `w.yaml:3: tasks[0].encoding: 0 is not raw bytes per encoded byte; allowed: 1 to 1000`},
		"deadline 0":         {task("deadline: 0s"), `w.yaml:3: tasks[0].deadline: no frame can be answered within 0s; allowed: a time above 0 such as 200ms`},
		"stop before start":  {task("start: 3s, stop: 2s"), `w.yaml:3: tasks[0].stop: 2s is not after the start at 3s; allowed: later than start`},
		"negative start":     {task("start: -3s"), `w.yaml:3: tasks[0].start: -3s is out of range; allowed: 0s or later, from the beginning of the window`},
		"arrival onoff":      {task("arrival: {onoff: [2s]}"), `w.yaml:3: tasks[0].arrival.onoff: 1 times are given; allowed: [mean burst, mean pause] such as [2s, 3s]`},
		"arrival no burst":   {task("arrival: {onoff: [2s, 0s]}"), `w.yaml:3: tasks[0].arrival.onoff[1]: 0s is no mean length; allowed: 1ms to 24h0m0s`},
		"arrival bare":       {task("arrival: onoff"), `w.yaml:3: tasks[0].arrival: onoff stands without its figures; allowed: periodic, synchronised, poisson, {onoff: [2s, 3s]} (mean burst and mean pause) or {trace: FILE}`},
		"arrival figures":    {task("arrival: {poisson: 3}"), `w.yaml:3: tasks[0].arrival: poisson stands alone; allowed: periodic, synchronised, poisson, {onoff: [2s, 3s]} (mean burst and mean pause) or {trace: FILE}`},
		"arrival trace":      {task("arrival: {trace: [a.csv]}"), `w.yaml:3: tasks[0].arrival.trace: a list does not belong here; allowed: {trace: FILE}`},
		"fps of a trace":     {task("arrival: {trace: a.csv}, fps: 3"), `w.yaml:3: tasks[0].fps: recorded frames have times of their own; allowed: no fps beside a trace`},
		"share of a trace":   {task("arrival: {trace: a.csv}, share: even"), `w.yaml:3: tasks[0].share: recorded frames cannot be shared out; allowed: full`},
		"arrival unknown":    {task("arrival: synchronized"), `w.yaml:3: tasks[0].arrival: "synchronized" is unknown; did you mean synchronised?; allowed: periodic, synchronised, poisson, {onoff: [2s, 3s]} (mean burst and mean pause) or {trace: FILE}`},
		"dtype":              {task("wire: {dtype: int8}"), `w.yaml:3: tasks[0].wire.dtype: "int8" is unknown; did you mean uint8?; allowed: uint4, uint8, float16, float32`},
		"scale of a float":   {task("wire: {dtype: float16, scale: channel}"), `w.yaml:3: tasks[0].wire.scale: float16 has no scales; allowed: tensor`},
		"compress":           {task("wire: {compress: gzip}"), `w.yaml:3: tasks[0].wire.compress: "gzip" is unknown; allowed: none, s2, zstd`},
		"share unknown":      {task("share: most"), `w.yaml:3: tasks[0].share: "most" is unknown; allowed: ` + shares},
		"share list":         {task("share: [e1]"), `w.yaml:3: tasks[0].share: a list does not belong here; allowed: ` + shares},
		"parts beyond 1":     {task("share: {e1: 0.7, e2: 0.7}"), `w.yaml:3: tasks[0].share: the parts add up to 1.4; allowed: parts that add up to 1`},
		"part 0":             {task("share: {e1: 1, e2: 0}"), `w.yaml:3: tasks[0].share.e2: 0 is not a part of an input; allowed: above 0, at most 1`},
		"part elsewhere":     {task("edges: [e1], share: {e1: 0.5, e2: 0.5}"), `w.yaml:3: tasks[0].share.e2: is not among the task's edges; allowed: e1`},
		"edge without part":  {task("edges: [e1, e2], share: {e1: 1}"), `w.yaml:3: tasks[0].edges[1]: "e2" has no part of the share`},
		"subset 0":           {task("share: {subset: 0}"), `w.yaml:3: tasks[0].share.subset: a task cannot run at 0 edges; allowed: at least 1`},
		"subset of fewer":    {task("edges: [e1], share: {subset: 2}"), `w.yaml:3: tasks[0].share.subset: the task names only 1 edges; allowed: 1 to 1`},
		"edge twice":         {task("edges: [e1, e1]"), `w.yaml:3: tasks[0].edges[1]: "e1" is already the name of an edge named before`},
		"no edge":            {task("edges: []"), `w.yaml:3: tasks[0].edges: names no edge; allowed: all, or a list of names of edges`},
		"some edges":         {task("edges: some"), `w.yaml:3: tasks[0].edges: "some" does not belong here; allowed: all, or a list of names of edges`},
		"shape of built-in":  {task("shape: [1, 3, 8, 8]"), `w.yaml:3: tasks[0].shape: the built-in network alexnet takes any frame size; allowed: only beside an .onnx file`},
		"shape of a batch":   {"name: w\ntasks:\n  - {name: a, model: /n.onnx, shape: [2, 3, 8, 8], input: 1kB}\n", `w.yaml:3: tasks[0].shape: [2 3 8 8] is not a batch of one RGB picture; allowed: [1, 3, H, W]`},
		"shape too large":    {"name: w\ntasks:\n  - {name: a, model: /n.onnx, shape: [1, 3, 16384, 16384], input: 1kB}\n", `w.yaml:3: tasks[0].shape: a picture takes 805.306368MB; allowed: at most 201.326592MB`},
		"background kind":    {task("") + "background:\n  - {link: e1.uplink, kind: {tcp: {rate: 1Mbps}}}\n", `w.yaml:5: background[0].kind: "tcp" is unknown; allowed: bulk, udp, onoff, web, trace`},
		"background udp":     {task("") + "background:\n  - {link: e1.uplink, kind: udp}\n", `w.yaml:5: background[0].kind: udp lacks its figures; allowed: {udp: {rate: 5Mbps, packet: 1200B}}`},
		"background packet":  {task("") + "background:\n  - {link: e1.uplink, kind: {udp: {rate: 1Mbps, packet: 2kB}}}\n", `w.yaml:5: background[0].kind.udp.packet: no packet has 2kB; allowed: 64B to 1514B`},
		"background onoff":   {task("") + "background:\n  - {link: e1.uplink, kind: {onoff: {rate: 1Mbps, on: 1s, off: 0s}}}\n", `w.yaml:5: background[0].kind.onoff.off: 0s is no pause; allowed: above 0s, at most 24h0m0s`},
		"background web":     {task("") + "background:\n  - {link: e1.uplink, kind: {web: {rate: 0}}}\n", `w.yaml:5: background[0].kind.web.rate: 0 is no number of transfers a second; allowed: above 0, at most 1000`},
		"background loop":    {task("") + "background:\n  - {link: e1.uplink, kind: bulk, congestion: vegas}\n", `w.yaml:5: background[0].congestion: "vegas" is unknown; allowed: cubic, reno, bbr`},
		"datagrams with it":  {task("") + "background:\n  - {link: e1.uplink, kind: {udp: {rate: 1Mbps}}, congestion: reno}\n", `w.yaml:5: background[0].congestion: udp has no congestion control; allowed: only beside bulk and web`},
		"background link":    {task("") + "background:\n  - {link: e1, kind: bulk}\n", `w.yaml:5: background[0].link: "e1" is not a link; allowed: EDGE.uplink or EDGE.downlink`},
		"background flows":   {task("") + "background:\n  - {link: e1.uplink, kind: bulk, flows: 0}\n", `w.yaml:5: background[0].flows: 0 is no number of flows; allowed: 1 to 1000`},
		// What only the topology or the networks can tell.
		"unknown edge":       {task("edges: [e1, e22]"), `w.yaml:3: tasks[0].edges[1]: topology ten has no edge "e22"; allowed: e0, e1, e2, e3, e4, e5, e6, e7, e8, e9`},
		"unknown share":      {task("share: {e1: 0.5, f: 0.5}"), `w.yaml:3: tasks[0].share.f: topology ten has no edge "f"; allowed: e0, e1, e2, e3, e4, e5, e6, e7, e8, e9`},
		"unknown background": {task("") + "background:\n  - {link: x.uplink, kind: bulk}\n", `w.yaml:5: background[0].link: topology ten has no edge "x"; allowed: e0, e1, e2, e3, e4, e5, e6, e7, e8, e9`},
		"subset too large":   {task("share: {subset: 11}"), `w.yaml:3: tasks[0].share.subset: topology ten has only 10 edges; allowed: 1 to 10`},
		"unknown model":      {"name: w\ntasks:\n  - {name: a, model: alexnett, input: 1kB}\n", `w.yaml:3: tasks[0].model: "alexnett" is no network; known are alexnet, cnn1`},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Parse("w.yaml", []byte(c.text))
			if err == nil {
				_, err = w.Resolve(ten(t), 1, networks)
			}
			spectest.Refused(t, err, c.want)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(task("count: 3, edges: [e1, e2], share: {e1: 0.7, e2: 0.3}, fps: 2.5, arrival: poisson")))
	f.Add([]byte("name: w\ntasks:\n  - {name: a, model: cnn1, input: {uniform: [100kB, 1MB]}, share: {subset: 2}}\nbackground:\n  - {link: e1.uplink, kind: bulk}\n"))
	topo := &topologies.Topology{Name: "one", Edges: []topologies.Edge{{Name: "e1", Compute: 1e9, Uplink: topologies.Link{Rate: 1e7}}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Parse("f.yaml", data)
		if err == nil {
			var text []byte
			if text, err = w.YAML(); err != nil {
				t.Fatal(err)
			}
			back, readErr := Parse("f.yaml", text)
			if readErr != nil {
				t.Fatalf("what was written cannot be read: %v in\n%s", readErr, text)
			}
			if diff := cmp.Diff(w, back, contents); diff != "" {
				t.Fatal(diff)
			}
			_, err = w.Resolve(topo, 1, networks)
		}
		spectest.Placed(t, err)
	})
}

// inputs sums what a task's sources deliver, in bytes a second.
func inputs(task Task) (total float64) {
	for _, s := range task.At {
		total += float64(s.Input) * s.FPS
	}
	return total
}

func TestSharesSpreadOneInputOverTheEdges(t *testing.T) {
	for _, c := range []struct {
		fields  string
		sources int
		// of is what all edges together have, in inputs of the task.
		of float64
	}{
		{"share: full", 10, 10},
		{"share: full, edges: [e1, e3]", 2, 2},
		{"share: even", 10, 1},
		{"share: proportional", 10, 1},
		{"share: dirichlet", 10, 1},
		{"share: {subset: 3}", 3, 1},
		{"share: {e2: 0.7, e5: 0.3}", 2, 1},
		{"share: {e2: 0.333, e5: 0.333, e7: 0.333}", 3, 1},
	} {
		got := resolved(t, task(c.fields), 1).Tasks[0]
		if len(got.At) != c.sources {
			t.Errorf("%s: %d sources, want %d", c.fields, len(got.At), c.sources)
		}
		want := c.of * 200e3
		// Each source rounds its frame to a whole byte.
		if sum := inputs(got); math.Abs(sum-want) > float64(c.sources) {
			t.Errorf("%s: %v bytes a second in all, want %v", c.fields, sum, want)
		}
	}
	proportional := resolved(t, task("share: proportional"), 1).Tasks[0].At
	for i, s := range proportional {
		want := 200e3 * float64(i+1) / 55
		if got := float64(s.Input) * s.FPS; math.Abs(got-want) > 1 {
			t.Errorf("proportional: edge %d has %v bytes a second, want %v", i, got, want)
		}
	}
	explicit := resolved(t, task("share: {e5: 0.3, e2: 0.7}"), 1).Tasks[0].At
	if explicit[0].Edge != "e2" || explicit[0].Input != 140e3 || explicit[1].Input != 60e3 {
		t.Errorf("explicit: got %+v, want 140kB at e2 and 60kB at e5", explicit)
	}
}

func TestSubsetsAndPartsDifferFromTaskToTask(t *testing.T) {
	subsets := map[string]bool{}
	for _, task := range resolved(t, task("count: 20, share: {subset: 1}"), 1).Tasks {
		subsets[task.At[0].Edge] = true
	}
	if len(subsets) < 5 {
		t.Errorf("twenty tasks chose among %v only", subsets)
	}
	r := resolved(t, task("count: 2, share: dirichlet"), 1)
	if cmp.Equal(r.Tasks[0].At, r.Tasks[1].At) {
		t.Error("two tasks have the same parts")
	}
}

func TestTheSeedAndNamesDecideEverything(t *testing.T) {
	const text = "name: w\ntasks:\n  - {name: a, count: 4, model: alexnet, input: {uniform: [100kB, 1MB]}, share: {subset: 4}, fps: 3}\n"
	first := resolved(t, text, 7)
	if diff := cmp.Diff(first, resolved(t, text, 7)); diff != "" {
		t.Error("the same seed gave something else:", diff)
	}
	if cmp.Equal(first, resolved(t, text, 8)) {
		t.Error("another seed gave the same")
	}
	const other = "  - {name: b, model: cnn1, input: 10kB}\n"
	head, tail, _ := strings.Cut(text, "tasks:\n")
	if diff := cmp.Diff(first.Tasks, resolved(t, head+"tasks:\n"+other+tail, 7).Tasks[1:]); diff != "" {
		t.Error("a task before them changed the others:", diff)
	}
	for _, task := range first.Tasks {
		for _, s := range task.At {
			if s.Phase < 0 || s.Phase.Seconds() >= 1/s.FPS {
				t.Errorf("phase %v is outside the period of %v frames a second", s.Phase, s.FPS)
			}
		}
	}
	if first.Tasks[0].At[0].Seed == first.Tasks[0].At[1].Seed || first.Tasks[0].At[0].Phase == first.Tasks[0].At[1].Phase {
		t.Error("two edges share a seed or a phase")
	}
	for _, s := range resolved(t, task("arrival: synchronised"), 7).Tasks[0].At {
		if s.Phase != 0 {
			t.Errorf("a synchronised source has phase %v", s.Phase)
		}
	}
}

func TestPicturesHaveTheEncodedSizeAndAspect(t *testing.T) {
	for input, want := range map[string]size{
		"150kB":  {340, 456},
		"200kB":  {392, 524},
		"1MB":    {880, 1172},
		"4650kB": {1900, 2532},
	} {
		s := resolved(t, strings.Replace(task(""), "200kB", input, 1), 1).Tasks[0].At[0]
		if got := (size{s.Height, s.Width}); got != want {
			t.Errorf("a frame of %s is %v, want %v", input, got, want)
		}
		raw := float64(3 * s.Height * s.Width)
		if encoded := raw / 3.1; math.Abs(encoded/float64(s.Input)-1) > 0.015 {
			t.Errorf("a frame of %s is a picture that encodes to %v bytes", input, encoded)
		}
	}
}

func TestTinyFramesBecomeRarerNotSmaller(t *testing.T) {
	for _, want := range []float64{200, 2e3, 5e3, 20e3, 200e3} {
		text := fmt.Sprintf("name: w\ntasks:\n  - {name: a, model: alexnet, input: %dB, fps: 4}\n", int(want))
		s := resolved(t, text, 1).Tasks[0].At[0]
		if s.Height < 63 || s.Width < 63 || s.Height%4 != 0 || s.Width%4 != 0 {
			t.Errorf("a frame of %v bytes is %d×%d pixels; at least 63×63, in multiples of 4, was wanted", want, s.Height, s.Width)
		}
		if got := float64(s.Input) * s.FPS; math.Abs(got/(4*want)-1) > 1e-9 {
			t.Errorf("frames of %v bytes deliver %v bytes a second, want %v", want, got, 4*want)
		}
		// The smallest 4:3 picture AlexNet takes is 84×64 pixels: 5202 bytes encoded.
		if clamped := want < 5000; clamped != (s.FPS < 4) {
			t.Errorf("a frame of %v bytes comes %v times a second", want, s.FPS)
		}
	}
}

func TestANetworkRunsAtNoMoreThanEightSizes(t *testing.T) {
	const text = "name: w\ntasks:\n  - {name: a, count: 100, model: alexnet, input: {uniform: [100kB, 1MB]}, share: proportional}\n" +
		"  - {name: b, count: 3, model: cnn1, input: {uniform: [100kB, 1MB]}}\n"
	r := resolved(t, text, 3)
	sizes := map[string]map[size]int{}
	for _, task := range r.Tasks {
		if sizes[task.Model] == nil {
			sizes[task.Model] = map[size]int{}
		}
		for _, s := range task.At {
			sizes[task.Model][size{s.Height, s.Width}]++
			if s.Height < 63 && task.Model == "alexnet" {
				t.Errorf("%s at %s runs at %d×%d, smaller than its network takes", task.Name, s.Edge, s.Height, s.Width)
			}
		}
		whole := inputs(task)
		if task.Model == "alexnet" && (whole < 99e3 || whole > 1001e3) {
			t.Errorf("%s delivers %v bytes a second, want 100kB to 1MB", task.Name, whole)
		}
	}
	if n := len(sizes["alexnet"]); n > maxSizes || n < maxSizes-1 {
		t.Errorf("alexnet runs at %d sizes %v, want eight or nearly", n, sizes["alexnet"])
	}
	if n := len(sizes["cnn1"]); n != 3 {
		t.Errorf("cnn1 runs at %d sizes, want the three asked for", n)
	}
}

func TestTheGridIsGeometric(t *testing.T) {
	var wanted []size
	for side := 64; side <= 2048; side += 4 {
		wanted = append(wanted, size{side, side})
	}
	got := choose(wanted)
	if len(got) != maxSizes || got[0] != (size{64, 64}) || got[len(got)-1] != (size{2048, 2048}) {
		t.Fatalf("chose %v, want eight sizes from the smallest to the largest", got)
	}
	want := math.Pow(1024, 1.0/7)
	for i := 1; i < len(got); i++ {
		if ratio := got[i].pixels() / got[i-1].pixels(); math.Abs(ratio/want-1) > 0.1 {
			t.Errorf("size %v has %v times the pixels of %v, want %v", got[i], ratio, got[i-1], want)
		}
	}
}

func TestAFixedShapeMakesSharesRarer(t *testing.T) {
	models := smallest{"/n.onnx": {48, 64}}
	w := parsed(t, "name: w\ntasks:\n  - {name: a, model: /n.onnx, input: 9kB, fps: 10, share: {e1: 0.8, e2: 0.2}}\n")
	r, err := w.Resolve(ten(t), 1, models)
	if err != nil {
		t.Fatal(err)
	}
	for i, fps := range []float64{8, 2} {
		s := r.Tasks[0].At[i]
		if s.Height != 48 || s.Width != 64 || s.Input != 9e3 || math.Abs(s.FPS-fps) > 1e-9 {
			t.Errorf("source %d is %+v, want whole frames of 48×64 at %v a second", i, s, fps)
		}
	}
}

func TestFramesOfADirectoryKeepTheirSize(t *testing.T) {
	dir := t.TempDir()
	pictures, err := camera.Scene(1, 120, 240, 12e3, 3)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for i, p := range pictures {
		mean += float64(len(p)) / 3
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jpg", i)), p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := "name: w\ntasks:\n  - {name: a, model: alexnet, input: {frames: " + dir + "}, edges: [e1]}\n"
	s := resolved(t, text, 1).Tasks[0].At[0]
	if s.Height != 120 || s.Width != 240 || math.Abs(float64(s.Input)-mean) > 0.5 || s.Frames != dir {
		t.Errorf("got %+v, want pictures of 120×240 and %v bytes", s, mean)
	}
	_, err = parsed(t, strings.Replace(text, dir, "/nowhere", 1)).Resolve(ten(t), 1, networks)
	const want = `w.yaml:3: tasks[0].input.frames: pictures: open /nowhere: no such file or directory`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPeriodicArrivalsKeepTheirPhase(t *testing.T) {
	s := Source{FPS: 4, Phase: 100e6, Arrival: Periodic}
	got := s.Arrivals(-500e6, 500e6)
	if want := []units.Virtual{-400e6, -150e6, 100e6, 350e6}; !cmp.Equal(got, want) {
		t.Errorf("captures at %v, want %v", got, want)
	}
	// Borders: from is in, to is not.
	if got := s.Arrivals(100e6, 350e6); !cmp.Equal(got, []units.Virtual{100e6}) {
		t.Errorf("captures in [100ms, 350ms) at %v, want 100ms", got)
	}
	if got := (Source{FPS: 3, Arrival: Synchronised}).Arrivals(0, 1e9); !cmp.Equal(got, []units.Virtual{0, 333333333, 666666667}) {
		t.Errorf("synchronised captures at %v", got)
	}
	if got := s.Arrivals(5, 5); got != nil {
		t.Errorf("no time has captures at %v", got)
	}
	if got := (Source{FPS: 1e-12, Phase: 5, Arrival: Periodic}).Arrivals(0, 10e9); !cmp.Equal(got, []units.Virtual{5}) {
		t.Errorf("a source slower than any clock captures at %v", got)
	}
}

func TestArrivalsOfAdjoiningIntervalsJoin(t *testing.T) {
	for _, s := range []Source{
		{FPS: 7.3, Phase: 12345678, Arrival: Periodic},
		{FPS: 30, Arrival: Synchronised},
		{FPS: 29.97, Arrival: Poisson, Seed: 4},
		{FPS: 12, Arrival: OnOff, On: 0.5e9, Off: 0.7e9, Seed: 4},
		{FPS: 12, Arrival: OnOff, On: 0.5e9, Off: 0.7e9, Seed: 5},
		{FPS: 1, Arrival: OnOff, On: 3e6, Off: 2e6, Seed: 6}, // mostly no frame in a burst
	} {
		whole := s.Arrivals(-3e9, 20e9)
		var joined []units.Virtual
		for from := units.Virtual(-3e9); from < 20e9; from += 123456789 {
			joined = append(joined, s.Arrivals(from, min(from+123456789, 20e9))...)
		}
		if diff := cmp.Diff(whole, joined); diff != "" {
			t.Errorf("%s: %s", s.Arrival, diff)
		}
		if !slices.IsSorted(whole) {
			t.Errorf("%s: captures are out of order", s.Arrival)
		}
	}
}

func TestPoissonArrivalsAreExponentialApart(t *testing.T) {
	s := Source{FPS: 10, Arrival: Poisson, Seed: 9}
	at := s.Arrivals(0, 2000e9)
	// 20 000 arrivals have a standard deviation of 141.
	if n := len(at); n < 19300 || n > 20700 {
		t.Fatalf("%d arrivals in 2000 s at 10 a second", n)
	}
	beyond := 0
	for i := 1; i < len(at); i++ {
		if (at[i] - at[i-1]).Seconds() > 0.1 {
			beyond++
		}
	}
	if share := float64(beyond) / float64(len(at)); math.Abs(share-1/math.E) > 0.02 {
		t.Errorf("%.3f of the gaps exceed their mean, want 1/e", share)
	}
	if other := (Source{FPS: 10, Arrival: Poisson, Seed: 10}).Arrivals(0, 2000e9); cmp.Equal(at, other) {
		t.Error("another seed gave the same arrivals")
	}
}

func TestBurstsAndPausesAreExponential(t *testing.T) {
	s := Source{FPS: 20, Arrival: OnOff, On: 2e9, Off: 3e9, Seed: 9} // 50 a second in a burst
	const span = 10_000
	at := s.Arrivals(-span/2*1e9, span/2*1e9)
	// 2000 cycles, whose bursts' lengths deviate by their mean: 200 000 frames, with a standard deviation of some 3 %.
	if n := float64(len(at)) / (20 * span); math.Abs(n-1) > 0.08 {
		t.Errorf("%d frames in %d s at a mean of 20 a second", len(at), span)
	}
	bursts, long := 0, 0
	for i := 1; i < len(at); i++ {
		if gap := (at[i] - at[i-1]).Seconds(); gap > 0.041 {
			bursts++
			if gap > 3 {
				long++
			}
		}
	}
	// A pause is seen with a part of a frame's time at either end.
	if share := float64(long) / float64(bursts); math.Abs(share-1/math.E) > 0.04 {
		t.Errorf("%.3f of %d pauses exceed their mean, want 1/e", share, bursts)
	}
	if cycles := float64(bursts) / (span / 5); math.Abs(cycles-1) > 0.1 {
		t.Errorf("%d pauses in %d s, want one in 5 s", bursts, span)
	}
	// Time 0 is like any other.
	begun := 0
	for seed := range uint64(2000) {
		if s.Seed = seed; len(s.Arrivals(0, 20e6)) > 0 {
			begun++
		}
	}
	if share := float64(begun) / 2000; math.Abs(share-0.4) > 0.05 {
		t.Errorf("%.3f of the sources are in a burst at time 0, want 0.4", share)
	}
}

func TestAMixGivesEveryTaskOneOfItsNetworks(t *testing.T) {
	topo, err := topologies.Load("lab-4")
	if err != nil {
		t.Fatal(err)
	}
	w, err := Parse("w.yaml", []byte("name: w\ntasks: [{name: cam, count: 300, model: [alexnet, cnn1, cnn2], edges: all, input: 100kB}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	drawn := func() map[string]int {
		r, err := w.Resolve(topo, 1, anySize{})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, task := range r.Tasks {
			counts[task.Model]++
		}
		return counts
	}
	got := drawn()
	for _, name := range []string{"alexnet", "cnn1", "cnn2"} {
		if got[name] < 70 || got[name] > 130 { // 100 ± 3.7 σ
			t.Errorf("%d of 300 tasks run %s, want about a third", got[name], name)
		}
	}
	if d := cmp.Diff(got, drawn()); d != "" {
		t.Errorf("the same seed draws otherwise the second time:\n%s", d)
	}
	yaml, err := w.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", yaml)
	if err != nil || !slices.Equal(again.Tasks[0].Model, w.Tasks[0].Model) {
		t.Errorf("written and read, the mix is %v (error %v), want %v", again.Tasks[0].Model, err, w.Tasks[0].Model)
	}
	for text, want := range map[string]string{
		"[]":                      "is missing",
		"[alexnet, x.onnx]":       "stands alone",
		"[alexnet, \"\"]":         "is missing",
		"{alexnet: 0}":            "no weight",
		"{alexnet: 1, x.onnx: 2}": "stands alone",
	} {
		_, err := Parse("w.yaml", []byte("name: w\ntasks: [{name: cam, model: "+text+", edges: all, input: 100kB}]\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("model: %s: error %v, want one that says %q", text, err, want)
		}
	}
}

func TestDistributionsAreDrawnByTaskAndSurviveBeingWritten(t *testing.T) {
	const text = "name: w\ntasks:\n  - {name: cam, count: 400, model: {alexnet: 3, cnn1: 1}, edges: [e1], share: even, fps: {choice: {2: 3, 8: 1}}, " +
		"input: {lognormal: {median: 100kB, sigma: 0.5}, within: [20kB, 400kB]}}\n"
	written, err := parsed(t, text).YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", written)
	if err != nil {
		t.Fatalf("%v in\n%s", err, written)
	}
	if diff := cmp.Diff(parsed(t, text), again, contents); diff != "" {
		t.Errorf("%s\n%s", diff, written)
	}
	r := resolved(t, text, 1)
	if diff := cmp.Diff(r, resolved(t, string(written), 1)); diff != "" {
		t.Errorf("read again, it draws otherwise: %s", diff)
	}
	counts := map[string]int{}
	for _, task := range r.Tasks {
		counts[task.Model]++
		counts[fmt.Sprint(task.At[0].FPS)]++
		if got := task.At[0].Input; got < 20e3 || got > 400e3 {
			t.Errorf("%s has frames of %v, want 20kB to 400kB", task.Name, got)
		}
		if task.At[0].Input < 100e3 {
			counts["below the median"]++
		}
	}
	for what, want := range map[string]int{"alexnet": 300, "cnn1": 100, "2": 300, "8": 100, "below the median": 200} {
		if got := counts[what]; math.Abs(float64(got-want)) > 37 { // 3.7 σ of a half, more of a quarter
			t.Errorf("%s: %d of 400 tasks, want about %d", what, got, want)
		}
	}
}

// anySize is a ModelInfo whose networks take any picture.
type anySize struct{}

func (anySize) MinSize(string) (h, w int, err error) { return 4, 4, nil }

func (anySize) Clip(string, bool) (*video.Clip, error) { return nil, errors.New("no videos here") }

func (anySize) FileSize(string, []int) (h, w int, err error) { return 4, 4, nil }
