package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
	"github.com/splitbed/splitbed/workloads/model"
)

// FuzzImport gives the runtime whatever the reader lets through. A network that is imported has halves that can be written for use elsewhere.
func FuzzImport(f *testing.F) {
	testutil.NeedsEngine(f)
	dir := f.TempDir()
	seed := func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, style := range []int{onnxtest.Modern, onnxtest.Old} {
		seed(onnxtest.Residual(f, dir, style))
		seed(onnxtest.Branching(f, dir, style))
	}
	seed(onnxtest.Operator(f, dir, "Abs"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "net.onnx")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		store := model.Store{Dir: filepath.Join(dir, "store")}
		p, err := Import(ctx, store, path, []int{1, 3, onnxtest.Side, onnxtest.Side})
		if err != nil {
			return
		}
		for k := 1; k < p.Cuts(); k++ {
			halves, err := store.WriteHalves(filepath.Join(dir, "halves"), p, k)
			if err != nil {
				t.Fatalf("cut after %d of %d: %v", k, p.Cuts(), err)
			}
			for _, half := range halves {
				if _, err := model.Read(half); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
