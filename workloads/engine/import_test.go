package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
	"github.com/splitbed/splitbed/workloads/model"
)

// foreign are files as other exporters write them. The layers of those without names are called after operators.
var foreign = []struct {
	name   string
	write  func(testing.TB, string, int) string
	style  int
	shape  []int
	layers string
}{
	{"residual, modern", onnxtest.Residual, onnxtest.Modern, []int{1, 3, 48, 36}, "[conv1 layer1.0.conv1 layer2.0.conv1 layer2.1.conv1 avgpool fc]"},
	{"residual, old", onnxtest.Residual, onnxtest.Old, nil, "[conv1 conv2 upsample3 conv4 conv5 globalaveragepool6 gemm7]"},
	{"residual, weights outside", onnxtest.Residual, onnxtest.Outside, []int{1, 3, 32, 32}, "[conv1 layer1.0.conv1 layer2.0.conv1 layer2.1.conv1 avgpool fc]"},
	{"branching, modern", onnxtest.Branching, onnxtest.Modern, []int{1, 3, 33, 57}, "[stem.conv mixed.b1.conv mid.conv last.conv avgpool fc]"},
	{"branching, old", onnxtest.Branching, onnxtest.Old, nil, "[conv1 conv2 conv3 conv4 globalaveragepool5 gemm6]"},
	{"branching, weights outside", onnxtest.Branching, onnxtest.Outside, nil, "[stem.conv mixed.b1.conv mid.conv last.conv avgpool fc]"},
}

func TestForeignFilesAnswerTheSameAtEveryCut(t *testing.T) {
	testutil.NeedsEngine(t)
	const limit = 1e-4
	for _, tc := range foreign {
		t.Run(tc.name, func(t *testing.T) {
			store := model.Store{Dir: t.TempDir()}
			dir := t.TempDir()
			path := tc.write(t, dir, tc.style)
			p, err := Import(t.Context(), store, path, tc.shape)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, l := range p.Layers[1:] {
				names = append(names, l.Name)
			}
			if got := fmt.Sprint(names); got != tc.layers {
				t.Errorf("layers %s, want %s", got, tc.layers)
			}
			measured, err := Profile(t.Context(), store, path, p.Height, p.Width)
			if err != nil {
				t.Fatal(err)
			}
			if !(measured.Parity <= limit) {
				t.Errorf("head and tail differ from the whole by %g, want at most %g", measured.Parity, limit)
			}
			for i, l := range measured.Layers {
				if i > 0 && l.FLOPs < measured.Layers[i-1].FLOPs || l.FLOPs <= 0 {
					t.Errorf("layers 1 to %d cost %g operations, the layer before %g", l.K, l.FLOPs, measured.Layers[max(i-1, 0)].FLOPs)
				}
				if l.Wire["float32"] != 4*l.Bytes || l.Wire["float16"] != 2*l.Bytes || l.Wire["uint4"] != (l.Bytes+1)/2 {
					t.Errorf("layer %d: %v bytes on the wire, of %d elements", l.K, l.Wire, l.Bytes)
				}
			}
		})
	}
}

// The file's own answer is the only other witness that importing it changed nothing.
func TestAnImportedFileAnswersAsTheFileItself(t *testing.T) {
	testutil.NeedsEngine(t)
	for _, tc := range foreign {
		if tc.style == onnxtest.Modern {
			continue // its file says no shape that Open could check
		}
		t.Run(tc.name, func(t *testing.T) {
			path := tc.write(t, t.TempDir(), tc.style)
			store := model.Store{Dir: t.TempDir()}
			if _, err := Import(t.Context(), store, path, nil); err != nil {
				t.Fatal(err)
			}
			whole, err := store.Whole(path, onnxtest.Side, onnxtest.Side)
			itself := model.File{Path: path, Input: whole.Input, Output: whole.Output}
			picture := scene(onnxtest.Side, onnxtest.Side, 1)
			want := run(t, open(t, itself, nil), picture)
			if got := Difference(run(t, open(t, whole, err), picture), want); got > 1e-6 {
				t.Errorf("the answers differ by %g, want at most 1e-6", got)
			}
		})
	}
}

func TestOperationsOfAFileAreCountedAsThoseOfABuiltInNetwork(t *testing.T) {
	store := testStore(t)
	built, err := store.Describe("resnet18", 96, 128)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := store.Whole("resnet18", 96, 128)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Import(t.Context(), model.Store{Dir: t.TempDir()}, whole.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Every layer of the network is one of the file, which is cut before its average pooling and its last layer, too.
	for _, l := range built.Layers[1:] {
		found := false
		for _, f := range p.Layers[1:] {
			found = found || f.FLOPs == l.FLOPs && fmt.Sprint(f.Shape) == fmt.Sprint(l.Shape)
		}
		if !found {
			t.Errorf("no layer of the file has the %g operations and shape %v of %s; it has %+v", l.FLOPs, l.Shape, l.Name, p.Layers)
		}
	}
}

func TestAChangedFileIsImportedAgain(t *testing.T) {
	testutil.NeedsEngine(t)
	dir, store := t.TempDir(), model.Store{Dir: t.TempDir()}
	path := onnxtest.Residual(t, dir, onnxtest.Outside)
	profile := func() string {
		t.Helper()
		p, err := Import(t.Context(), store, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(p.Digest, len(p.Layers))
	}
	first := profile()
	if again := profile(); again != first {
		t.Errorf("the same file is %s, then %s", first, again)
	}
	soon := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "weights", "all.bin"), soon, soon); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Describe(path, onnxtest.Side, onnxtest.Side); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("with other weights: error %v, want one that says so", err)
	}
	profile()
	if _, err := store.Describe(path, onnxtest.Side, onnxtest.Side); err != nil {
		t.Errorf("imported again: %v", err)
	}
	if err := os.Chtimes(path, soon, soon); err != nil {
		t.Fatal(err)
	}
	if other := profile(); other == first {
		t.Error("another file has the same digest")
	}
}

func TestFilesThatAreNoNetworkOfOnePictureAreRefused(t *testing.T) {
	testutil.NeedsEngine(t)
	for _, tc := range []struct {
		name  string
		write func(t *testing.T, dir string) string
		shape []int
		want  string
		is    error
	}{
		{"an open shape", func(t *testing.T, dir string) string { return onnxtest.Residual(t, dir, onnxtest.Modern) }, nil, "--shape 1,3,224,224", model.ErrInput},
		{"another shape", func(t *testing.T, dir string) string { return onnxtest.Residual(t, dir, onnxtest.Old) }, []int{1, 3, 64, 64}, "which [1 3 64 64] does not fit", model.ErrInput},
		{"two inputs", func(t *testing.T, dir string) string {
			return onnxtest.Ends(t, dir, []string{"image", "mask"}, []string{"y"})
		}, nil, `2 inputs, ["image" "mask"]`, model.ErrInput},
		{"two outputs", func(t *testing.T, dir string) string {
			return onnxtest.Ends(t, dir, []string{"image"}, []string{"boxes", "scores"})
		}, nil, `2 outputs, ["boxes" "scores"]`, model.ErrInput},
		{"a huge tensor", onnxtest.Huge, nil, "does not", nil},
		{"an endless loop", onnxtest.Endless, nil, "", context.DeadlineExceeded},
		{"an unknown operator", func(t *testing.T, dir string) string { return onnxtest.Operator(t, dir, "Frobnicate") }, nil, "Frobnicate", nil},
		{"weights through a link", func(t *testing.T, dir string) string {
			path := onnxtest.Residual(t, dir, onnxtest.Outside)
			elsewhere := t.TempDir()
			if err := os.Rename(filepath.Join(dir, "weights", "all.bin"), filepath.Join(elsewhere, "all.bin")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(elsewhere, "all.bin"), filepath.Join(dir, "weights", "all.bin")); err != nil {
				t.Fatal(err)
			}
			return path
		}, nil, "in or below the model's directory", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := t.Context()
			if errors.Is(tc.is, context.DeadlineExceeded) {
				soon, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				ctx = soon
			}
			store := model.Store{Dir: t.TempDir()}
			path := tc.write(t, t.TempDir())
			_, err := Import(ctx, store, path, tc.shape)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %v, want one that names the file, says %q and is %v", err, tc.want, tc.is)
			}
			if left, _ := filepath.Glob(filepath.Join(store.Dir, ".writing*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
