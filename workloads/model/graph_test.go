package model

import (
	"fmt"
	"strings"
	"testing"
)

// graphOf makes a small graph whose tensors all have shape [1,2]: each node is "op out in...", an input
// starting with w is a weight.
func graphOf(t testing.TB, inputs, outputs []string, nodes ...[]string) *Graph {
	t.Helper()
	g := &Graph{Name: t.Name(), header: newHeader()}
	for _, s := range inputs {
		g.Inputs = append(g.Inputs, newValue(s, []int64{1, 2}))
	}
	for _, s := range outputs {
		g.Outputs = append(g.Outputs, newValue(s, []int64{1, 2}))
	}
	seen := map[string]bool{}
	for i, n := range nodes {
		g.nodes = append(g.nodes, newNode(n[0], fmt.Sprintf("n%d", i), n[2:], n[1], nil))
		g.values = append(g.values, newValue(n[1], []int64{1, 2}))
		for _, s := range n[2:] {
			if strings.HasPrefix(s, "w") && !seen[s] {
				seen[s] = true
				g.weights = append(g.weights, inlineWeight(s, []int64{1, 2}, make([]byte, 8)))
			}
		}
	}
	return g
}

func inlineWeight(name string, dims []int64, data []byte) weight {
	return newInlineWeight(name, dims, elemFloat, data)
}

// withBody adds to a node a body, as If, Loop and Scan have it.
func withBody(n node, body *Graph) node {
	var raw []byte
	for _, b := range body.nodes {
		raw = appendMessage(raw, graphNode, b.raw)
	}
	for _, v := range body.Inputs {
		raw = appendMessage(raw, graphInput, v.raw)
	}
	for _, v := range body.Outputs {
		raw = appendMessage(raw, graphOutput, v.raw)
	}
	n.raw = appendMessage(n.raw, nodeAttr, appendMessage(appendText(nil, attrName, "body"), attrGraph, raw))
	return n
}

// decoded passes a graph through its file format.
func decoded(t testing.TB, g *Graph) *Graph {
	t.Helper()
	out, err := Decode(g.Encode())
	if err != nil {
		t.Fatalf("decoding a graph made here: %v", err)
	}
	return out
}

// residualGraph has a skip connection from a to d: in → a → b → c, d = c + a, → e.
func residualGraph(t testing.TB) *Graph {
	return graphOf(t, []string{"in"}, []string{"out"},
		[]string{"Conv", "a0", "in", "wa"}, []string{"Relu", "a", "a0"},
		[]string{"Conv", "b0", "a", "wb"}, []string{"Relu", "b", "b0"},
		[]string{"Conv", "c", "b", "wc"},
		[]string{"Add", "d0", "c", "a"}, []string{"Relu", "d", "d0"},
		[]string{"Conv", "e0", "d", "we"}, []string{"Relu", "out", "e0"},
	)
}
