package model

import (
	"fmt"
	"math"
	"strings"
)

// describe lists the layers of a graph whose shapes are known: the picture, then what lies before each cut, then the rest. Cuts at tensors
// that are not one frame of float32 are left out.
func (g *Graph) describe(shapes map[string]Shape) description {
	in, out := g.Inputs[0], g.Outputs[0]
	d := description{Layers: []describedLine{{Name: in.Name, Tensor: in.Name, Shape: frame(in.Shape)}}}
	known := map[string]Shape{in.Name: {Elem: elemFloat, Dims: in.Shape}}
	for _, w := range g.weights {
		known[w.name] = Shape{w.elem, w.dims}
	}
	for name, s := range shapes {
		known[name] = s
	}
	used := map[string]bool{in.Name: true}
	again := map[string]int{} // where to go on looking for a name that is not used
	flops, from := 0.0, 0
	data := g.dependsOnInput()
	add := func(tensor string, dims []int64, until int) {
		for _, n := range g.nodes[from:until] {
			if data[n.out[0]] {
				flops += n.operations(known)
			}
		}
		name := layerName(g.nodes[from:until], len(d.Layers))
		for base := name; used[name]; {
			again[base]++
			name = fmt.Sprintf("%s-%d", base, again[base]+1)
		}
		used[name] = true
		d.Layers = append(d.Layers, describedLine{Name: name, Tensor: tensor, Shape: frame(dims), FLOPs: flops})
		from = until
	}
	for _, c := range g.Cuts() {
		s, ok := known[c.Tensor]
		if ok && s.Elem == elemFloat && len(s.Dims) > 1 && s.Dims[0] == 1 && whole(s.Dims) {
			add(c.Tensor, s.Dims, c.After+1)
		}
	}
	add(out.Name, out.Shape, len(g.nodes))
	return d
}

// dependsOnInput names the tensors that change with the picture.
func (g *Graph) dependsOnInput() map[string]bool {
	data := map[string]bool{}
	for _, v := range g.Inputs {
		data[v.Name] = true
	}
	for _, n := range g.nodes {
		for _, name := range n.reads() {
			if data[name] {
				for _, out := range n.out {
					data[out] = true
				}
				break
			}
		}
	}
	return data
}

func whole(dims []int64) bool {
	for _, d := range dims {
		if d <= 0 {
			return false
		}
	}
	return true
}

// frame is a shape without the batch of 1.
func frame(dims []int64) []int {
	var out []int
	for i, d := range dims {
		if i > 0 || d != 1 || len(dims) == 1 {
			out = append(out, int(d))
		}
	}
	return out
}

// layerName names a layer after its first node that has weights, else its first node, in words a person can type. Exporters name nodes
// after modules, "/layer1/layer1.0/conv1/Conv" becomes layer1.0.conv1; a node without a name gives its operator and the layer's
// number.
func layerName(nodes []node, k int) string {
	if len(nodes) == 0 {
		return fmt.Sprintf("layer%d", k)
	}
	named := nodes[0]
	for _, n := range nodes {
		if hasWeights(n.op) {
			named = n
			break
		}
	}
	var parts []string
	for _, part := range strings.FieldsFunc(named.name, func(r rune) bool { return r == '/' || r <= ' ' || r == ':' }) {
		if n := len(parts); n > 0 && strings.HasPrefix(part, parts[n-1]+".") {
			parts = parts[:n-1]
		}
		parts = append(parts, part)
	}
	if n := len(parts); n > 1 && strings.HasPrefix(parts[n-1], named.op) {
		parts = parts[:n-1]
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%s%d", strings.ToLower(named.op), k)
	}
	return strings.Join(parts, ".")
}

func hasWeights(op string) bool {
	switch op {
	case "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "Gemm", "MatMul", "LSTM", "GRU", "RNN":
		return true
	}
	return false
}

// operations counts what a node costs, as operation says for the built-in networks: two for each product that is added up, one for an
// element of everything else, and nothing for moving data. Operators not known here count one an element of their output, and
// bodies of If, Loop and Scan nothing.
func (n node) operations(known map[string]Shape) float64 {
	elems := func(names []string, i int) float64 {
		if i >= len(names) {
			return 0
		}
		return float64(Tensor{Shape: known[names[i]].Dims}.Elems())
	}
	dims := func(i int) []int64 {
		if i >= len(n.in) {
			return nil
		}
		return known[n.in[i]].Dims
	}
	product := func(list []int64) float64 { // of figures that nobody has checked
		n := 1.0
		for _, v := range list {
			n *= math.Max(0, float64(v))
		}
		return n
	}
	out := elems(n.out, 0)
	switch n.op {
	case "Conv":
		if w := dims(1); len(w) > 1 {
			return 2 * out * product(w[1:])
		}
	case "ConvTranspose":
		if w := dims(1); len(w) > 1 {
			return 2 * elems(n.in, 0) * product(w[1:])
		}
	case "Gemm":
		if a := dims(0); len(a) == 2 {
			if n.integer("transA", 0) != 0 {
				return 2 * out * float64(a[0])
			}
			return 2 * out * float64(a[1])
		}
	case "MatMul":
		if a := dims(0); len(a) > 0 {
			return 2 * out * float64(a[len(a)-1])
		}
	case "MaxPool", "AveragePool", "LpPool":
		return out * product(n.integers("kernel_shape"))
	case "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin", "ReduceL2":
		return elems(n.in, 0)
	case "Softmax", "LogSoftmax":
		return 5 * out
	case "LRN":
		return (2*math.Max(0, float64(n.integer("size", 0))) + 4) * out
	case "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization":
		return 2 * out
	case "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Concat", "Split", "Slice", "Transpose", "Pad",
		"Gather", "Shape", "Expand", "Cast", "Constant", "ConstantOfShape", "Tile", "DepthToSpace", "SpaceToDepth",
		"If", "Loop", "Scan":
		return 0
	}
	return out
}
