package model

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/testutil"
)

func weightsPath(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.weights"))
	if err != nil || len(found) != 1 {
		t.Fatalf("weights files in %s: %v (%v), want one", dir, found, err)
	}
	return found[0]
}

func TestHeadAndTailMeetAtTheCut(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	p, err := Describe("cnn2", 96, 80)
	if err != nil {
		t.Fatal(err)
	}
	for k := 1; k < p.Cuts(); k++ {
		head, err := store.Head("cnn2", 96, 80, k)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := store.Tail("cnn2", 96, 80, k)
		if err != nil {
			t.Fatal(err)
		}
		if head.Output.Name != tail.Input.Name || head.Output.Elems() != p.Layers[k].Elems || tail.Input.Elems() != p.Layers[k].Elems {
			t.Errorf("cut %d: head ends in %v, tail starts with %v, want %d elements in both", k, head.Output, tail.Input, p.Layers[k].Elems)
		}
		if _, err := Read(head.Path); err != nil {
			t.Errorf("cut %d: %v", k, err)
		}
	}
}

func TestTheOuterHeadAndTailAreTheWhole(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	whole, err := store.Whole("cnn2", 64, 48)
	if err != nil {
		t.Fatal(err)
	}
	head, headErr := store.Head("cnn2", 64, 48, 5)
	tail, tailErr := store.Tail("cnn2", 64, 48, 0)
	if head.Path != whole.Path || tail.Path != whole.Path {
		t.Errorf("head 5 %q (%v), tail 0 %q (%v), want %q", head.Path, headErr, tail.Path, tailErr, whole.Path)
	}
}

func TestACutOutsideTheNetworkIsRefused(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	for _, k := range []int{-1, 0, 6} {
		if _, err := store.Head("cnn2", 64, 48, k); err == nil || !strings.Contains(err.Error(), "1 to 5") {
			t.Errorf("head %d: error %v, want one with the range 1 to 5", k, err)
		}
	}
	for _, k := range []int{-1, 5} {
		if _, err := store.Tail("cnn2", 64, 48, k); err == nil || !strings.Contains(err.Error(), "0 to 4") {
			t.Errorf("tail %d: error %v, want one with the range 0 to 4", k, err)
		}
	}
	if left, _ := os.ReadDir(store.Dir); len(left) > 0 {
		t.Errorf("refused requests left %v", left)
	}
}

// The hash is that of the weights on amd64 and must be the same on every machine: two hosts that run
// half a network each must agree on all of it.
func TestWeightsAreTheSameEverywhere(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	if _, err := store.Whole("cnn2", 64, 48); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(weightsPath(t, store.Dir))
	if err != nil {
		t.Fatal(err)
	}
	const want = "df6167752640f40748d502d9fe3bece0c9d65ae76df19a05ee2c4227e2aba702"
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != want {
		t.Errorf("sha256 of cnn2's weights is %s, want %s; if a network or its weights changed on purpose, raise builderVersion", got, want)
	}
}

func TestADamagedFileIsRebuilt(t *testing.T) {
	damages := []struct {
		name string
		do   func(path string, size int64) error
	}{
		{"truncated", func(path string, size int64) error { return os.Truncate(path, size/2) }},
		{"emptied", func(path string, _ int64) error { return os.Truncate(path, 0) }},
		{"full of zeros", func(path string, size int64) error { return os.WriteFile(path, make([]byte, size), 0o644) }},
		{"too long", func(path string, size int64) error { return os.Truncate(path, size+1) }},
		{"removed", func(path string, _ int64) error { return os.Remove(path) }},
	}
	store := Store{Dir: t.TempDir()}
	f, err := store.Head("cnn2", 64, 48, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{f.Path, weightsPath(t, store.Dir)} {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range damages {
			if err := d.do(path, int64(len(whole))); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Head("cnn2", 64, 48, 2); err != nil {
				t.Errorf("%s %s: %v", filepath.Ext(path), d.name, err)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, whole) {
				t.Errorf("%s %s: %d bytes afterwards, want the %d there were", filepath.Ext(path), d.name, len(got), len(whole))
			}
		}
	}
}

func TestAnIntactFileIsUsedAsItIs(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	inode := func() (numbers []uint64) {
		t.Helper()
		f, err := store.Whole("cnn2", 64, 48)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{f.Path, weightsPath(t, store.Dir)} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, info.Sys().(*syscall.Stat_t).Ino)
		}
		return numbers
	}
	if first, second := inode(), inode(); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("inodes %v became %v: files were made again", first, second)
	}
}

func TestManyBuildersMakeOneSetOfFiles(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	for name, age := range map[string]time.Duration{
		".writing-123":   0, // of a writer that was killed
		".importing-123": 2 * time.Hour,
		".importing-456": 0, // of an import that goes on
	} {
		path, at := filepath.Join(store.Dir, name), time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	var group errgroup.Group
	for i := range 16 {
		group.Go(func() error {
			f, err := store.Head("cnn2", 64+i%2, 48, 1+i%4)
			if err != nil {
				return err
			}
			_, err = Read(f.Path)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(store.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1+4+1 || files[0].Name() != ".importing-456" { // one weights file; i%2 and i%4 go together
		t.Errorf("the store holds %v, want 5 files and what an import writes", files)
	}
}

func TestAFullDiskIsOneErrorAndLeavesNothing(t *testing.T) {
	testutil.NeedsRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	_, err := Store{Dir: dir}.Whole("cnn2", 64, 48)
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "SPLITBED_CACHE") {
		t.Errorf("error %v, want one that says no space left and how to use another directory", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDefaultStoreFollowsTheEnvironment(t *testing.T) {
	for _, tc := range []struct{ cache, xdg, want string }{
		{"/somewhere", "/xdg", "/somewhere"},
		{"", "/xdg", "/xdg/splitbed/models"},
	} {
		t.Setenv("SPLITBED_CACHE", tc.cache)
		t.Setenv("XDG_CACHE_HOME", tc.xdg)
		if got, err := DefaultStore(); err != nil || got.Dir != tc.want {
			t.Errorf("SPLITBED_CACHE=%q XDG_CACHE_HOME=%q: %q, %v; want %q", tc.cache, tc.xdg, got.Dir, err, tc.want)
		}
	}
}

func BenchmarkBuildAlexnetWeights(b *testing.B) {
	for b.Loop() {
		if _, err := (Store{Dir: b.TempDir()}).Whole("alexnet", 224, 224); err != nil {
			b.Fatal(err)
		}
	}
}
