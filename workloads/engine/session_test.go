package engine

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/splitbed/splitbed/workloads/model"
)

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesADamagedFile(t *testing.T) {
	testStore(t)
	for _, tc := range []struct {
		name   string
		damage func(f *model.File, weights string) error
		want   string
	}{
		{"truncated network", func(f *model.File, _ string) error { return os.Truncate(f.Path, 100) }, "unexpected EOF"},
		{"truncated weights", func(_ *model.File, weights string) error { return os.Truncate(weights, 4096) }, "truncated"},
		{"no weights", func(_ *model.File, weights string) error { return os.Remove(weights) }, "no such file"},
		{"no network", func(f *model.File, _ string) error { return os.Remove(f.Path) }, "no such file"},
		{"another shape", func(f *model.File, _ string) error { f.Input.Shape = []int64{1, 3, 64, 64}; return nil }, "expected \"input\" [1 3 64 64]"},
		{"another name", func(f *model.File, _ string) error { f.Output.Name = "x"; return nil }, "expected \"x\""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := model.Store{Dir: t.TempDir()}
			f, err := store.Whole("cnn2", 64, 48)
			if err != nil {
				t.Fatal(err)
			}
			weights, err := filepath.Glob(filepath.Join(store.Dir, "*.weights"))
			if err != nil || len(weights) != 1 {
				t.Fatalf("weights files %v (%v), want one", weights, err)
			}
			if err := tc.damage(&f, weights[0]); err != nil {
				t.Fatal(err)
			}
			s, err := Open(f, Options{})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), f.Path) {
				t.Errorf("Open: %v, want an error that names %s and has %q", err, f.Path, tc.want)
			}
		})
	}
}

func TestSessionsAreIndependent(t *testing.T) {
	file, err := testStore(t).Whole("cnn2", 64, 48)
	want := run(t, open(t, file, err), scene(64, 48, 3))
	var wait sync.WaitGroup
	for range 4 {
		s := open(t, file, nil)
		wait.Go(func() {
			copy(s.Input(), scene(64, 48, 3))
			for range 20 {
				if err := s.Run(); err != nil {
					t.Error(err)
				} else if got := Difference(s.Output(), want); got != 0 {
					t.Errorf("the same input's answers differ by %g, want 0", got)
				}
			}
		})
	}
	wait.Wait()
}

func TestMoreThreadsGiveTheSameAnswer(t *testing.T) {
	file, err := testStore(t).Whole("cnn1", 360, 640)
	want := run(t, open(t, file, err), scene(360, 640, 3))
	s, err := Open(file, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, s, scene(360, 640, 3))
	if d := Difference(got, want); d > 1e-5 {
		t.Errorf("two threads differ from one by %g, want at most 1e-5", d)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// Weights are mapped: 249 MB of them must not become private memory.
func TestOpeningAlexnetKeepsItsWeightsShared(t *testing.T) {
	store := testStore(t)
	file, err := store.Whole("alexnet", 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	if err := Init(); err != nil {
		t.Fatal(err)
	}
	before := anonymous(t)
	run(t, open(t, file, nil), scene(224, 224, 1))
	const limit = 60 << 20
	if got := anonymous(t) - before; got > limit {
		t.Errorf("opening and running alexnet took %d MB of private memory, want at most %d", got>>20, limit>>20)
	}
}

// anonymous is the process's private memory in bytes.
func anonymous(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "RssAnon:" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no RssAnon in /proc/self/status")
	return 0
}

func TestCalibrateMeasuresTheHeadItSays(t *testing.T) {
	store := testStore(t)
	got, err := Calibrate(t.Context(), store, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The same head, timed here with the same clock, cannot be twice as fast or half as fast.
	p, err := Profile(t.Context(), store, "alexnet", 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	conv := p.Layers[calibrationCut-1]
	if reached := conv.FLOPs / conv.Head; !(float64(got) > reached/2 && float64(got) < reached*2) {
		t.Errorf("calibrated %.3g FLOPS, a smaller picture's head reaches %.3g; want them within a factor of 2", float64(got), reached)
	}
}

func TestCalibrateStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Calibrate(ctx, testStore(t), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestProfileFollowsItsContract(t *testing.T) {
	measured, err := Profile(t.Context(), testStore(t), "cnn1", 360, 640)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(measured)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Model string
		Input struct {
			Shape []int64
			Bytes int64
		}
		Layers []map[string]any
		Parity *float64
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Model != "cnn1" || !slices.Equal(got.Input.Shape, []int64{1, 3, 360, 640}) || got.Input.Bytes != 222968 || len(got.Layers) != 5 {
		t.Errorf("profile of %s, input %+v, %d layers; want cnn1, [1 3 360 640] of 222968 bytes, 5", got.Model, got.Input, len(got.Layers))
	}
	if got.Parity == nil || *got.Parity > 1e-5 {
		t.Errorf("parity %v, want at most 1e-5", measured.Parity)
	}
	for i, l := range got.Layers {
		for _, key := range []string{"k", "name", "shape", "bytes", "ratio", "flops", "overhead", "head_s", "tail_s"} {
			if _, ok := l[key]; !ok {
				t.Errorf("layer %d has no %q", i+1, key)
			}
		}
		if head := measured.Layers[i].Head; head <= 0 {
			t.Errorf("layer %d: the head takes %g s, want more than 0", i+1, head)
		}
		if tail := measured.Layers[i].Tail; (tail > 0) != (i < len(got.Layers)-1) {
			t.Errorf("layer %d: the tail takes %g s", i+1, tail)
		}
	}
}

func TestDifferenceIsRelativeToTheLargestValue(t *testing.T) {
	nan := float32(math.NaN())
	for _, tc := range []struct {
		got, want []float32
		is        float64
	}{
		{[]float32{1, -4}, []float32{1, -4}, 0},
		{[]float32{1.5, -4}, []float32{1, -4}, 0.125},
		{[]float32{1}, []float32{1, 2}, math.Inf(1)},
		{[]float32{nan, 1}, []float32{1, 1}, math.Inf(1)},
		{[]float32{1}, []float32{0}, math.Inf(1)},
	} {
		if got := Difference(tc.got, tc.want); got != tc.is {
			t.Errorf("Difference(%v, %v) = %g, want %g", tc.got, tc.want, got, tc.is)
		}
	}
}

func TestLibraryPathSaysWhatToDo(t *testing.T) {
	t.Run("a variable that names nothing", func(t *testing.T) {
		t.Setenv("ONNXRUNTIME_LIB", "/nowhere/libonnxruntime.so.1")
		if got, err := LibraryPath(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "ONNXRUNTIME_LIB") {
			t.Errorf("%q, %v; want an error that names the variable", got, err)
		}
	})
	t.Run("a variable that names a directory", func(t *testing.T) {
		t.Setenv("ONNXRUNTIME_LIB", t.TempDir())
		if got, err := LibraryPath(); err == nil || !strings.Contains(err.Error(), soname) {
			t.Errorf("%q, %v; want an error that names %s", got, err, soname)
		}
	})
	t.Run("the loader's path", func(t *testing.T) {
		dir := t.TempDir()
		want := filepath.Join(dir, soname+".21")
		writeFile(t, want, nil)
		t.Setenv("ONNXRUNTIME_LIB", "")
		t.Setenv("LD_LIBRARY_PATH", "/nowhere:"+dir)
		if got, err := LibraryPath(); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	})
}
