package model

import (
	"fmt"
	"testing"
)

func TestLayersOfOneNameAreNumbered(t *testing.T) {
	g := graphOf(t, []string{"in"}, []string{"out"}, []string{"Abs", "a", "in"}, []string{"Abs", "b", "a"}, []string{"Abs", "c", "b"}, []string{"Abs", "out", "c"})
	shapes := map[string]Shape{}
	for i, name := range []string{"/x", "/x", "x-2", "x/"} {
		g.nodes[i].name = name
		shapes[g.nodes[i].out[0]] = Shape{elemFloat, []int64{1, 2}}
	}
	var names []string
	for _, l := range g.describe(shapes).Layers[1:] {
		names = append(names, l.Name)
	}
	if got, want := fmt.Sprint(names), "[x x-2 x-2-2 x-3]"; got != want {
		t.Errorf("layers %s, want %s", got, want)
	}
}

// What a file says of a kernel is nobody's measured size: ONNX Runtime takes a window that is far larger than the picture.
func TestOperationsAreNeverFewerThanNone(t *testing.T) {
	n := newNode("MaxPool", "", []string{"in"}, "out", []attribute{{name: "kernel_shape", list: []int{1 << 40, 1 << 40}}})
	known := map[string]Shape{"in": {elemFloat, []int64{1, 1, 2, 2}}, "out": {elemFloat, []int64{1, 1, 1, 1}}}
	if got, want := n.operations(known), float64(1<<40)*(1<<40); got != want {
		t.Errorf("%g operations, want %g", got, want)
	}
}
