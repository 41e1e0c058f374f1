package model

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNetworks are the names of testNetworks.
var TestNetworks = []string{"residual", "fire"}

// WriteTestNetwork returns a test network's graph for pictures of h×w and writes its weights to dir.
func WriteTestNetwork(t *testing.T, name, dir string, h, w int) *Graph {
	t.Helper()
	for _, n := range testNetworks() {
		if n.name != name {
			continue
		}
		p, err := n.plan(h, w)
		if err != nil {
			t.Fatal(err)
		}
		if err := (Store{Dir: dir}).ensure("weights", weightsFile(p.weights())); err != nil {
			t.Fatal(err)
		}
		return p.graph("weights")
	}
	t.Fatalf("no test network %q", name)
	return nil
}

// WriteGraph writes a graph to a file of dir, in place of the one before.
func WriteGraph(t *testing.T, dir string, g *Graph) File {
	t.Helper()
	path := filepath.Join(dir, "graph.onnx")
	if err := os.WriteFile(path, g.Encode(), 0o644); err != nil {
		t.Fatal(err)
	}
	return File{Path: path, Input: g.Inputs[0].Tensor, Output: g.Outputs[0].Tensor}
}
