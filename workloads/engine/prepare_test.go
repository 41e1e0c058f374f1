package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/splitbed/splitbed/workloads/model"
)

func TestPreparedFilesComputeTheSame(t *testing.T) {
	store := testStore(t)
	picture := scene(131, 97, 1)
	for _, name := range []string{"resnet18", "squeezenet", "nin"} {
		head, err := store.Head(name, 131, 97, 3)
		want := run(t, open(t, head, err), picture)
		prepared, err := Prepare(store, head)
		if got := run(t, open(t, prepared, err), picture); !slices.Equal(got, want) {
			t.Errorf("%s: the prepared head differs by up to %.2g", name, Difference(got, want))
		}
		again, err := Prepare(store, head)
		if err != nil || again.Path != prepared.Path || !again.Prepared {
			t.Errorf("%s: prepared again as %+v (%v), want %+v", name, again, err, prepared)
		}
	}
}

// What it is for: heads of other cuts and picture sizes bring no weights of their own.
func TestPreparedFilesShareTheirWeights(t *testing.T) {
	store := testStore(t)
	store.Dir = t.TempDir()
	weights := func(h, w, k int) []string {
		t.Helper()
		head, err := store.Head("resnet18", h, w, k)
		if err == nil {
			_, err = Prepare(store, head)
		}
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(store.Dir, "*.weight"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	first := weights(224, 224, 9)
	if len(first) == 0 {
		t.Fatal("the optimiser laid out no weight anew, so this test shows nothing")
	}
	for _, c := range []struct{ h, w, k int }{{131, 97, 9}, {224, 224, 4}, {131, 97, 6}} {
		if got := weights(c.h, c.w, c.k); !slices.Equal(got, first) {
			t.Errorf("%d×%d cut after %d brought %d weights more", c.h, c.w, c.k, len(got)-len(first))
		}
	}
}

func TestADamagedPreparedFileIsMadeAgain(t *testing.T) {
	store := testStore(t)
	head, err := store.Head("cnn2", 65, 131, 3)
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := Prepare(store, head)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(prepared.Path, []byte("half a fi"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(store, head); err != nil {
		t.Fatal(err)
	}
	if _, err := model.Read(prepared.Path); err != nil {
		t.Errorf("after preparing again: %v", err)
	}
}
