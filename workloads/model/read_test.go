package model

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
)

func TestDecodeRefusesEveryTruncation(t *testing.T) {
	whole := residualGraph(t).Encode()
	for n := range whole {
		if _, err := Decode(whole[:n]); !errors.Is(err, ErrFormat) {
			t.Fatalf("the first %d of %d bytes: error %v, want one that wraps ErrFormat", n, len(whole), err)
		}
	}
}

func TestEncodingADecodedGraphChangesNothing(t *testing.T) {
	first := decoded(t, residualGraph(t)).Encode()
	if second := decoded(t, residualGraph(t)).Encode(); !bytes.Equal(first, second) {
		t.Errorf("%d bytes became %d", len(first), len(second))
	}
	if want := residualGraph(t).Encode(); !bytes.Equal(first, want) {
		t.Errorf("%d bytes became %d", len(want), len(first))
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	model := func(body []byte) []byte { return appendMessage(newHeader(), modelGraph, body) }
	with := func(change func(g *Graph)) []byte {
		g := residualGraph(t)
		change(g)
		return g.Encode()
	}
	weightOf := func(w weight) []byte { return with(func(g *Graph) { g.weights[0] = w }) }
	outside := func(location string, offset, length int64) []byte {
		return weightOf(newExternalWeight("wa", []int64{1, 2}, elemFloat, external{location, offset, length}))
	}
	nested := graphOf(t, nil, []string{"y"}, []string{"Abs", "y", ""})
	for range maxBodies + 1 {
		outer := graphOf(t, nil, []string{"y"}, []string{"If", "y", ""})
		outer.nodes[0] = withBody(outer.nodes[0], nested)
		nested = outer
	}
	var chain [][]string
	for i := range maxNodes + 1 {
		chain = append(chain, []string{"Abs", fmt.Sprint("t", i+1), fmt.Sprint("t", i)})
	}
	many := bytes.Repeat(appendMessage(nil, graphValue, nil), maxItems+1)
	var dims []byte
	for range maxDims + 1 {
		dims = appendInteger(dims, tensorDims, 1)
	}

	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"a text file", []byte("this is not a network\n"), "byte 0"},
		{"no graph", newHeader(), "holds no graph"},
		{"two graphs", append(residualGraph(t).Encode(), model(nil)...), "two graphs"},
		{"no operator set", appendMessage(nil, modelGraph, nil), "operator set"},
		{"the graph is a number", appendInteger(newHeader(), modelGraph, 1), "wire type 0, expected 2"},
		{"a group", protowire.AppendTag(newHeader(), 30, protowire.StartGroupType), "wire type 3"},
		{"a length beyond the end", protowire.AppendVarint(protowire.AppendTag(newHeader(), modelGraph, protowire.BytesType), 1<<40), "unexpected EOF"},
		{"a node without an operator", model(appendMessage(nil, graphNode, appendText(nil, nodeOut, "a"))), "node 0"},
		{"a name that is not UTF-8", model(appendMessage(nil, graphNode, appendText(nil, nodeName, "\xff"))), "not UTF-8"},
		{"a node without an output", model(appendMessage(nil, graphNode, appendText(nil, nodeOp, "Relu"))), "Relu has no output"},
		{"nodes out of order", with(func(g *Graph) { g.nodes[0], g.nodes[1] = g.nodes[1], g.nodes[0] }), "read before it is produced"},
		{"a cycle", with(func(g *Graph) { g.nodes[0] = newNode("Conv", "n0", []string{"d"}, "a0", nil) }), "read before it is produced"},
		{"a missing tensor", with(func(g *Graph) { g.weights = g.weights[1:] }), `nothing produces ["wa"]`},
		{"a tensor made twice", with(func(g *Graph) { g.nodes = append(g.nodes, g.nodes[0]) }), `"a0" is produced twice`},
		{"an initialiser given twice", with(func(g *Graph) { g.weights = append(g.weights, g.weights[0]) }), `"wa" is produced twice`},
		{"no output", with(func(g *Graph) { g.Outputs = nil }), "no output"},
		{"an input listed twice", with(func(g *Graph) { g.Inputs = append(g.Inputs, g.Inputs[0]) }), "listed twice"},
		{"too little data", weightOf(inlineWeight("wa", []int64{1, 2}, make([]byte, 7))), "needs 8 bytes, the file has 7"},
		{"too much data", weightOf(inlineWeight("wa", []int64{1, 2}, make([]byte, 9))), "needs 8 bytes, the file has 9"},
		{"a negative dimension", weightOf(inlineWeight("wa", []int64{-1, 2}, nil)), "impossible shape"},
		{"an enormous shape", weightOf(inlineWeight("wa", []int64{1 << 40, 1 << 40}, nil)), "impossible shape"},
		{"too many dimensions", model(appendMessage(nil, graphWeight, dims)), "more than 64"},
		{"an unknown element type", model(appendMessage(nil, graphWeight, appendInteger(nil, tensorElem, 99))), "unknown element type 99"},
		{"packed data that ends early", model(appendMessage(nil, graphWeight, appendMessage(appendInteger(nil, tensorElem, 7), tensorLongs, []byte{0x80}))), "ends within a number"},
		{"weights outside the directory", outside("../weights", 0, 8), "not below the model's directory"},
		{"weights at an absolute path", outside("/etc/passwd", 0, 8), "not below the model's directory"},
		{"weights at a negative offset", outside("weights", -1, 8), "impossible offset"},
		{"weights of the wrong length", outside("weights", 0, 9), "the shape needs 8"},
		{"sparse weights", model(appendMessage(nil, graphSparse, nil)), "sparse"},
		{"too many items", model(many), "more than"},
		{"too many nodes", graphOf(t, []string{"t0"}, []string{"t1"}, chain...).Encode(), "more than 10000 nodes"},
		{"bodies in bodies", nested.Encode(), "nested deeper"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Decode(tc.data)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that wraps ErrFormat and has %q", err, tc.want)
			}
		})
	}
}

func TestDecodeReadsWhatOtherWritersWrite(t *testing.T) {
	numbers := protowire.AppendFixed32(protowire.AppendFixed32(nil, 1), 2)
	typed := appendMessage(appendText(appendInteger(appendInteger(nil, tensorDims, 2), tensorElem, elemFloat), tensorName, "wa"), tensorFloats, numbers)
	for _, tc := range []struct {
		name   string
		change func(g *Graph)
	}{
		{"weights as typed numbers", func(g *Graph) { g.weights[0].raw = typed }},
		{"weights listed as inputs", func(g *Graph) { g.Inputs = append(g.Inputs, newValue("wa", []int64{1, 2})) }},
		{"packed dimensions", func(g *Graph) {
			g.weights[0].raw = appendMessage(appendText(appendInteger(appendMessage(nil, tensorDims, []byte{1, 2}), tensorElem, elemFloat), tensorName, "wa"), tensorRaw, make([]byte, 8))
		}},
		{"an open dimension", func(g *Graph) {
			g.Inputs[0].raw = appendMessage(appendText(nil, valueName, "in"), valueType, appendMessage(nil, typeTensor,
				appendMessage(appendInteger(nil, typeElem, elemFloat), typeShape, appendMessage(nil, shapeDim, appendText(nil, 2, "N")))))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := residualGraph(t)
			tc.change(g)
			got := decoded(t, g)
			if len(got.Inputs) != 1 || got.Inputs[0].Name != "in" {
				t.Errorf("inputs %v, want in alone", got.Inputs)
			}
			if _, _, err := got.Split("d"); err != nil {
				t.Errorf("Split: %v", err)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte, size int64) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := residualGraph(t).Encode()
	n := int64(len(whole))
	elsewhere := residualGraph(t)
	elsewhere.weights[0] = newExternalWeight("wa", []int64{1, 2}, elemFloat, external{"side.weights", 4096, 8})
	refers := elsewhere.Encode()
	file("side.weights", nil, 4103)

	for _, tc := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none.onnx"), "no such file"},
		{"a directory", dir, "not a regular file"},
		{"empty", file("empty.onnx", nil, 0), "empty"},
		{"truncated", file("cut.onnx", whole, n-1), "unexpected EOF"},
		{"huge", file("huge.onnx", nil, 3<<30), "protobuf allows"},
		{"truncated weights", file("side.onnx", refers, int64(len(refers))), "side.weights is truncated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Read(tc.path)
			if err == nil || !strings.Contains(err.Error(), tc.path) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read: %v, want an error that names %s and has %q", err, tc.path, tc.want)
			}
		})
	}
}

// A sparse file costs nothing, and neither do many weights that lie in one place.
func TestWeightsThatAreMuchLargerThanTheirFilesAreNotCopied(t *testing.T) {
	for name, sizes := range map[string][]int64{"one weight of a sparse file": {9 << 30}, "many weights in one place": slices.Repeat([]int64{1 << 30}, 9)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			g := graphOf(t, []string{"image"}, []string{"out"}, []string{"Abs", "out", "image"})
			g.Inputs[0] = newValue("image", []int64{1, 3, 32, 32})
			for i, size := range sizes {
				g.weights = append(g.weights, newExternalWeight(fmt.Sprint("w", i), []int64{size / 4}, elemFloat, external{location: "side", length: size}))
			}
			path := filepath.Join(dir, "net.onnx")
			err := errors.Join(os.WriteFile(path, g.Encode(), 0o644), os.WriteFile(filepath.Join(dir, "side"), nil, 0o644), os.Truncate(filepath.Join(dir, "side"), slices.Max(sizes)))
			if err != nil {
				t.Fatal(err)
			}
			store := Store{Dir: filepath.Join(dir, "store")}
			if _, err := store.Import(path, nil); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "weights of more than 8 GiB") {
				t.Errorf("error %v, want one that says how much", err)
			}
			if _, err := os.Stat(store.Dir); err == nil {
				t.Error("something was written")
			}
		})
	}
}

// FuzzRead reads files of any content: whatever they claim, an error comes soon and memory stays near the file's size.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	for i, write := range []func(testing.TB, string, int) string{onnxtest.Residual, onnxtest.Branching} {
		for _, style := range []int{onnxtest.Modern, onnxtest.Old, onnxtest.Outside} {
			data, err := os.ReadFile(write(f, filepath.Join(dir, fmt.Sprint(i, style)), style))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add(residualGraph(f).Encode())
	f.Add(callingF0(f, calling(3, 2)...))
	f.Add(callingF0(f, functionOf("F0", "F0")))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "net.onnx")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		store := Store{Dir: filepath.Join(filepath.Dir(path), "store")}
		g, err := Read(path)
		if err != nil {
			return
		}
		im, err := store.Import(path, []int{1, 3, 32, 32})
		if err != nil {
			return
		}
		shapes := map[string]Shape{}
		for _, n := range im.graph.nodes {
			for _, out := range n.out {
				shapes[out] = Shape{elemFloat, []int64{1, 2}}
			}
		}
		if err := im.Finish(shapes); err != nil && !errors.Is(err, ErrInput) {
			t.Fatalf("%d nodes: %v", len(g.nodes), err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(residualGraph(f).Encode())
	body := graphOf(f, []string{"in"}, []string{"out"}, []string{"Loop", "out", "in"})
	body.nodes[0] = withBody(body.nodes[0], graphOf(f, []string{"x"}, []string{"y"}, []string{"Add", "y", "x", "in"}))
	f.Add(body.Encode())
	f.Add(appendMessage(newHeader(), modelGraph, []byte{0x0a, 0x00}))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("error %v does not wrap ErrFormat", err)
			}
			return
		}
		if _, err := Decode(g.Encode()); err != nil {
			t.Fatalf("a decoded graph does not survive encoding: %v", err)
		}
		for _, c := range g.Cuts() {
			head, tail, err := g.Split(c.Tensor)
			if err != nil {
				continue // the file need not state the tensor's type
			}
			for _, half := range []*Graph{head, tail} {
				if _, err := Decode(half.Encode()); err != nil {
					t.Fatalf("half at %q: %v", c.Tensor, err)
				}
			}
		}
	})
}
