package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads/model"
)

// TestMain gives the package's tests one store: alexnet's weights take 250 MB.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "splitbed-engine-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("SPLITBED_CACHE", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func testStore(t testing.TB) model.Store {
	t.Helper()
	testutil.NeedsEngine(t)
	store, err := model.DefaultStore()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func open(t testing.TB, f model.File, err error) *Session {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(f, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func run(t testing.TB, s *Session, input []float32) []float32 {
	t.Helper()
	copy(s.Input(), input)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return append([]float32(nil), s.Output()...)
}

// scene draws a picture like a camera's: a background that fades, some noise and a few plain objects.
func scene(h, w int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	level := func() float32 { return 2*r.Float32() - 1 }
	picture := make([]float32, 3*h*w)
	for c := range 3 {
		base, fade := level()/2, level()/2
		for y := range h {
			for x := range w {
				picture[(c*h+y)*w+x] = base + fade*float32(y)/float32(h) + level()/40
			}
		}
	}
	for range 8 {
		top, left := r.IntN(h), r.IntN(w)
		bottom, right := min(h, top+h/20+r.IntN(h/3)), min(w, left+w/20+r.IntN(w/3))
		for c := range 3 {
			colour := level()
			for y := top; y < bottom; y++ {
				for x := left; x < right; x++ {
					picture[(c*h+y)*w+x] = colour
				}
			}
		}
	}
	return picture
}
