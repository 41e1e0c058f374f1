package model

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCutsAreOfferedWhereOneTensorIsAlive(t *testing.T) {
	captured := graphOf(t, []string{"in"}, []string{"out"},
		[]string{"Relu", "a", "in"}, []string{"Conv", "b", "a", "w1"},
		[]string{"Loop", "c", "b"}, []string{"Conv", "out", "c", "w2"})
	captured.nodes[2] = withBody(captured.nodes[2], graphOf(t, []string{"x"}, []string{"y"}, []string{"Add", "y", "x", "a"}))

	for _, tc := range []struct {
		name  string
		graph *Graph
		want  []string
	}{
		{"between residual blocks only", residualGraph(t), []string{"a", "d"}},
		{"a weights-only branch is not data", graphOf(t, []string{"in"}, []string{"out"},
			[]string{"Neg", "v", "w1"}, []string{"Conv", "a", "in", "w2"}, []string{"Mul", "b", "a", "v"},
			[]string{"Conv", "out", "b", "w3"}), []string{"a", "b"}},
		{"not while a second input waits", graphOf(t, []string{"in", "mask"}, []string{"out"},
			[]string{"Conv", "a", "in", "w1"}, []string{"Mul", "b", "a", "mask"}, []string{"Conv", "out", "b", "w1"}), []string{"b"}},
		{"not while an output is already made", graphOf(t, []string{"in"}, []string{"out", "a"},
			[]string{"Conv", "a", "in", "w1"}, []string{"Conv", "b", "a", "w1"}, []string{"Conv", "out", "b", "w1"}), nil},
		{"not before pooling", graphOf(t, []string{"in"}, []string{"out"},
			[]string{"Conv", "a", "in", "w1"}, []string{"Relu", "b", "a"}, []string{"MaxPool", "c", "b"},
			[]string{"Flatten", "d", "c"}, []string{"Gemm", "out", "d", "w1"}), []string{"d"}},
		{"a body keeps what it captures alive", captured, []string{"a", "c"}},
		{"a dead branch does not count", graphOf(t, []string{"in"}, []string{"out"},
			[]string{"Conv", "a", "in", "w1"}, []string{"Conv", "b", "a", "w1"}, []string{"Conv", "unused", "a", "w1"},
			[]string{"Conv", "out", "b", "w1"}), []string{"a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := decoded(t, tc.graph)
			var got []string
			for _, c := range g.Cuts() {
				got = append(got, c.Tensor)
				head, tail, err := g.Split(c.Tensor)
				if err != nil {
					t.Errorf("Split(%q), which Cuts offers: %v", c.Tensor, err)
					continue
				}
				decoded(t, head)
				decoded(t, tail)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("cuts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSplitKeepsWhatEachHalfNeeds(t *testing.T) {
	head, tail, err := decoded(t, residualGraph(t)).Split("d")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		half           *Graph
		in, out        string
		nodes, weights []string
	}{
		{head, "in", "d", []string{"n0", "n1", "n2", "n3", "n4", "n5", "n6"}, []string{"wa", "wb", "wc"}},
		{tail, "d", "out", []string{"n7", "n8"}, []string{"we"}},
	} {
		var nodes, weights []string
		for _, n := range tc.half.nodes {
			nodes = append(nodes, n.name)
		}
		for _, w := range tc.half.weights {
			weights = append(weights, w.name)
		}
		if tc.half.Inputs[0].Name != tc.in || tc.half.Outputs[0].Name != tc.out ||
			!slices.Equal(nodes, tc.nodes) || !slices.Equal(weights, tc.weights) {
			t.Errorf("%s → %s: nodes %v weights %v, want %s → %s: %v %v", tc.half.Inputs[0].Name, tc.half.Outputs[0].Name,
				nodes, weights, tc.in, tc.out, tc.nodes, tc.weights)
		}
	}
}

func TestSplitRefusesWhatIsNoCut(t *testing.T) {
	untyped := residualGraph(t)
	untyped.values = nil
	for _, tc := range []struct {
		name, tensor, want string
		graph              *Graph
	}{
		{"inside a residual block", "b", `input "in" is needed as well`, residualGraph(t)},
		{"an unknown tensor", "nowhere", `no tensor "nowhere"`, residualGraph(t)},
		{"a weight", "wa", `no tensor "wa"`, residualGraph(t)},
		{"the input", "in", "leave one half empty", residualGraph(t)},
		{"the output", "out", "leave one half empty", residualGraph(t)},
		{"no name", "", `no tensor ""`, residualGraph(t)},
		{"a tensor of unknown type", "a", "does not state the shape", untyped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := decoded(t, tc.graph).Split(tc.tensor)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Split(%q) = %v, want an error with %q", tc.tensor, err, tc.want)
			}
		})
	}
}
