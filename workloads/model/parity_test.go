package model_test

import (
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
)

// Residual, fire and depthwise blocks, and cuts found by scanning the graph, run by the engine. Fusion
// across a residual sum changes the order of additions, so halves agree to rounding only.
func TestCutsFoundInAnyGraphKeepTheAnswer(t *testing.T) {
	testutil.NeedsEngine(t)
	const limit = 1e-5
	for _, n := range model.TestNetworks {
		t.Run(n, func(t *testing.T) {
			dir := t.TempDir()
			g := model.WriteTestNetwork(t, n, dir, 64, 48)
			whole := runGraph(t, dir, g, nil)
			cuts := g.Cuts()
			if len(cuts) < 3 {
				t.Fatalf("%d cuts, want at least 3", len(cuts))
			}
			for _, c := range cuts {
				head, tail, err := g.Split(c.Tensor)
				if err != nil {
					t.Fatal(err)
				}
				answer := runGraph(t, dir, tail, runGraph(t, dir, head, nil))
				if got := engine.Difference(answer, whole); got > limit {
					t.Errorf("cut at %s: the answers differ by %g, want at most %g", c.Tensor, got, limit)
				}
			}
		})
	}
}

func runGraph(t *testing.T, dir string, g *model.Graph, input []float32) []float32 {
	t.Helper()
	s, err := engine.Open(model.WriteGraph(t, dir, g), engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if input == nil {
		for i := range s.Input() {
			s.Input()[i] = float32(i%17)/8 - 1
		}
	}
	copy(s.Input(), input)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return append([]float32(nil), s.Output()...)
}
