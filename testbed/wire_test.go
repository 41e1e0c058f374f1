package testbed

import (
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/replay"
	"github.com/splitbed/splitbed/workloads/wire"
)

// TestTheFormOnTheWireShowsInTheRecords has the same pictures travel exactly, compressed, and in four bits: what is exact answers
// as the uncut network does, and frames have the bytes they really had.
func TestTheFormOnTheWireShowsInTheRecords(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	e := parse(t, `
name: forms
topology:
  name: forms
  edges: [{name: gw, compute: 60GFLOPS, uplink: {rate: 100Mbps}}]
workload:
  name: forms
  tasks:
    - {name: exact, model: cnn2, input: 20kB, fps: 6, wire: {dtype: float32}}
    - {name: zipped, model: cnn2, input: 20kB, fps: 6, wire: {dtype: float32, compress: zstd}}
    - {name: coarse, model: cnn2, input: 20kB, fps: 6, wire: {dtype: uint4, scale: channel, compress: s2}}
scheduler: {algorithm: "fixed:2"}
emulation: {warmup: 0s, duration: 1s}
`)
	s, frames := runValid(t, e, Options{})
	forms := map[string]string{"exact": "float32", "zipped": "float32, zstd", "coarse": "uint4 channel, s2"}
	for _, task := range s.Tasks {
		if task.Wire != forms[task.Task] {
			t.Errorf("%s travelled as %q, want %q", task.Task, task.Wire, forms[task.Task])
		}
		if !task.Agreement.Known() || task.Task != "coarse" && task.Agreement != 1 {
			t.Errorf("%s: agreement %v, want a figure, and 1 where the tensor travels exactly", task.Task, task.Agreement)
		}
	}
	sys, err := resolve(t.Context(), e, model.Store{})
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]map[int64]bool{}
	for _, f := range window(frames, "gw") {
		for _, task := range sys.workload.Tasks {
			if task.Name != f.Task {
				continue
			}
			longest := int64(replay.HeaderBytes + wire.Bytes(task.Wire, sys.profile(task, task.At[0]).Layers[2].Shape))
			if exact := f.Task == "exact"; exact != (f.WireBytes == longest) && f.Task != "coarse" || f.WireBytes > longest {
				t.Errorf("%s, frame %d: %d bytes on the wire, at most %d were planned", f.Task, f.Frame, f.WireBytes, longest)
			}
		}
		if sizes[f.Task] == nil {
			sizes[f.Task] = map[int64]bool{}
		}
		sizes[f.Task][f.WireBytes] = true
	}
	if len(sizes["exact"]) != 1 || len(sizes["zipped"]) < 2 {
		t.Errorf("exact frames have %d sizes, zipped ones %d; want 1, and more, for three pictures", len(sizes["exact"]), len(sizes["zipped"]))
	}
}
