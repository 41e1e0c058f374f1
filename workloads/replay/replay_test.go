package replay

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/wire"
)

// whole runs the uncut network on a picture.
func whole(t *testing.T, store model.Store, name string, picture []byte) []float32 {
	t.Helper()
	file, err := store.Whole(name, testHeight, testWidth)
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Open(file, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := camera.Decode(picture, testHeight, testWidth, s.Input()); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return append([]float32(nil), s.Output()...)
}

// number is the index of a test's task by its name.
func number(task string) (n int) {
	fmt.Sscanf(task, "task-%d", &n)
	return n
}

func TestReplayRecordsAndAnswersEveryFrame(t *testing.T) {
	testutil.NeedsEngine(t)
	b := newBed(t, 2)
	tasks := []testTask{
		{edge: 0, model: "cnn1", cut: 2, dtype: workloads.Float32, frames: 12, interval: 40 * time.Millisecond},
		{edge: 0, model: "cnn2", cut: 0, frames: 9, interval: 50 * time.Millisecond, padded: true},
		{edge: 1, model: "cnn2", cut: 5, dtype: workloads.Float32, frames: 12, interval: 40 * time.Millisecond, padded: true},
		{edge: 1, model: "cnn1", cut: 1, dtype: workloads.Uint8, frames: 12, interval: 40 * time.Millisecond},
		{edge: 0, model: "cnn2", cut: 1, dtype: workloads.Float32, compress: workloads.CompressZstd, frames: 9, interval: 50 * time.Millisecond},
		{edge: 1, model: "cnn1", cut: 2, dtype: workloads.Uint4, scale: workloads.ScaleChannel, compress: workloads.CompressS2, frames: 9, interval: 50 * time.Millisecond},
	}
	b.setup(tasks, nil, nil)
	t0 := b.start()
	b.wait("all answers", func() bool { return b.answered(0) == 30 && b.answered(1) == 33 })
	b.finish()

	classes := map[string][]int32{} // of the uncut network, by task and picture
	outputs := map[string][][]float32{}
	for i, task := range tasks {
		spec, _ := task.spec(t, b.store, uint32(i), "")
		pictures, err := spec.Pictures.Load(testHeight, testWidth)
		if err != nil {
			t.Fatal(err)
		}
		for n := range pictures.Len() {
			output := whole(t, b.store, task.model, pictures.Encoded(n))
			class, _ := argmax(output)
			classes[spec.Name] = append(classes[spec.Name], class)
			outputs[spec.Name] = append(outputs[spec.Name], output)
		}
	}

	cloud := map[string]map[uint64]CloudFrame{}
	for _, f := range b.cloudLog().Frames {
		if cloud[f.Task] == nil {
			cloud[f.Task] = map[uint64]CloudFrame{}
		}
		cloud[f.Task][f.Frame] = f
	}
	for i := range b.edges {
		counts := map[string]int{}
		for _, f := range b.edgeLog(i).Frames {
			if f.Frame != uint64(counts[f.Task]) {
				t.Errorf("%s: frame %d where %d was expected", f.Task, f.Frame, counts[f.Task])
			}
			counts[f.Task]++
			u := cloud[f.Task][f.Frame]
			order := []int64{f.Captured, f.Fired, f.Started, f.Ready, u.Received, u.TailStarted, u.TailEnded, f.Answered}
			if f.Cut == 0 {
				order[2] = f.Ready
			}
			for j := 1; j < len(order); j++ {
				if order[j] < order[j-1] {
					t.Errorf("%s, frame %d: times go back: %v", f.Task, f.Frame, order)
					break
				}
			}
			if f.Captured < t0 || f.Sent < f.Ready || f.Sent > f.Answered {
				t.Errorf("%s, frame %d: captured %d, sent %d do not fit start %d, ready %d, answered %d", f.Task, f.Frame, f.Captured, f.Sent, t0, f.Ready, f.Answered)
			}
			if f.Edge != b.edges[i].Name || u.Edge != f.Edge || u.Cut != f.Cut {
				t.Errorf("%s, frame %d: edge %q, k=%d in one log and %q, k=%d in the other", f.Task, f.Frame, f.Edge, f.Cut, u.Edge, u.Cut)
			}
			if f.Class != u.Class || f.Score != u.Score {
				t.Errorf("%s, frame %d: answer %d (%v) on the edge, %d (%v) in the cloud", f.Task, f.Frame, f.Class, f.Score, u.Class, u.Score)
			}
			if f.Cut > 0 && f.HeadCPU <= 0 || u.TailCPU <= 0 && f.Cut < 5 {
				t.Errorf("%s, frame %d: CPU time of head %d, of tail %d", f.Task, f.Frame, f.HeadCPU, u.TailCPU)
			}
			if want := classes[f.Task][f.Frame%3]; f.Task != "task-3" && f.Task != "task-5" && f.Class != want {
				t.Errorf("%s, frame %d: class %d, the uncut network says %d", f.Task, f.Frame, f.Class, want)
			}
			spec, _ := tasks[number(f.Task)].spec(t, b.store, 0, "")
			if longest := HeaderBytes + int(wire.Bytes(spec.Wire, spec.Half.Output.Shape[min(1, len(spec.Half.Output.Shape)):])); f.Cut > 0 &&
				(f.WireBytes > longest || (spec.Wire.Compress != "") == (f.WireBytes == longest)) {
				t.Errorf("%s, frame %d: %d bytes on the wire, %d before compression (%+v)", f.Task, f.Frame, f.WireBytes, longest, spec.Wire)
			}
			if padded := int(paddedBytes(int(f.Frame))); len(spec.Sizes) > 0 {
				if f.InputBytes != padded || f.Cut == 0 && f.WireBytes != HeaderBytes+padded {
					t.Errorf("%s, frame %d: a picture of %d bytes, %d on the wire, want %d bytes exactly", f.Task, f.Frame, f.InputBytes, f.WireBytes, padded)
				}
			} else if distance := math.Abs(float64(f.InputBytes)/testBytes - 1); distance > 0.05 {
				t.Errorf("%s, frame %d: a picture of %d bytes, %d were asked for", f.Task, f.Frame, f.InputBytes, testBytes)
			}
		}
		for j, task := range tasks {
			spec, _ := task.spec(t, b.store, uint32(j), "")
			if task.edge == i && counts[spec.Name] != task.frames {
				t.Errorf("%s: %d frames were recorded, want %d", spec.Name, counts[spec.Name], task.frames)
			}
		}
	}

	for i, e := range b.edges {
		verified, err := e.Verify(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(verified) != 3 {
			t.Fatalf("%s verified %d tasks, want 3", e.Name, len(verified))
		}
		for _, v := range verified {
			want := outputs[v.Task][v.Picture]
			if len(v.Output) != len(want) {
				t.Fatalf("%s: a vector of %d values, want %d", v.Task, len(v.Output), len(want))
			}
			for j := range want {
				if math.Abs(float64(v.Output[j]-want[j])) > 1e-4*float64(want[classes[v.Task][v.Picture]]) {
					t.Errorf("%s: value %d is %v, the uncut network says %v", v.Task, j, v.Output[j], want[j])
				}
			}
			if v.Edge != b.edges[i].Name || v.Class < 0 {
				t.Errorf("verified %s of %s with class %d", v.Task, v.Edge, v.Class)
			}
		}
	}
	b.stop()
	b.expectNoFaults()
	for name, p := range b.process {
		if err := p.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
