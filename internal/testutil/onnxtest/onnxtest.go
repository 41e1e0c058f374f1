// Package onnxtest writes ONNX files as other exporters do, for tests: it shares nothing with the writer of package model.
package onnxtest

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// The ways a file is written.
const (
	// Modern is operator set 18 with open batch, height and width, module paths as names, raw data, Constant nodes, and reshapes computed from
	// shapes: what PyTorch's exporter makes.
	Modern = iota
	// Old is operator set 7 and IR version 3: weights in float_data and listed as inputs, nodes without names, Dropout with two
	// outputs, BatchNormalization with spatial, Upsample with scales as an attribute.
	Old
	// Outside is Modern with fixed shapes and the weights in another file.
	Outside
)

// Side is the height and width the networks' fixed shapes have.
const Side = 32

// Residual writes a network of residual blocks, Branching one of parallel branches with a body that captures a tensor from before
// them. Both answer a picture with ten probabilities.
func Residual(t testing.TB, dir string, style int) (path string) {
	b := newBuilder(t, style)
	x := b.conv("/conv1", "image", 3, 8, 3, 2)
	x = b.relu("/relu", x)
	x = b.residual("/layer1/layer1.0", x, 8, 8, 1)
	if style == Old {
		x = b.node("", "Dropout", []string{x}, attrFloat("ratio", 0.5), outputs(2))
		x = b.node("", "Upsample", []string{x}, attrText("mode", "nearest"), attrFloats("scales", 1, 1, 2, 2))
	}
	x = b.residual("/layer2/layer2.0", x, 8, 16, 2)
	x = b.residual("/layer2/layer2.1", x, 16, 16, 1)
	b.classify(x, 16)
	return b.write(filepath.Join(dir, "residual.onnx"))
}

// Branching is described at Residual.
func Branching(t testing.TB, dir string, style int) (path string) {
	b := newBuilder(t, style)
	x := b.relu("/stem/relu", b.norm("/stem/bn", b.conv("/stem/conv", "image", 3, 8, 3, 2), 8))
	one := b.relu("/mixed/b1/relu", b.conv("/mixed/b1/conv", x, 8, 4, 1, 1))
	three := b.relu("/mixed/b3/relu", b.conv("/mixed/b3/conv", x, 8, 6, 3, 1))
	pooled := b.node("/mixed/pool", "MaxPool", []string{x}, attrInts("kernel_shape", 3, 3), attrInts("strides", 1, 1), attrInts("pads", 1, 1, 1, 1))
	pooled = b.relu("/mixed/bp/relu", b.conv("/mixed/bp/conv", pooled, 8, 6, 1, 1))
	x = b.node("/mixed/Concat", "Concat", []string{one, three, pooled}, attrInt("axis", 1))
	captured := x
	x = b.relu("/mid/relu", b.conv("/mid/conv", x, 16, 16, 3, 1))
	// The condition is a weight; the body reads a tensor from before the last convolution.
	b.weight("always", elemBool, []int64{1}, []byte{1})
	add := b.body("sum", "Add", x, captured)
	x = b.node("/choice/If", "If", []string{"always"}, attrGraph("then_branch", add), attrGraph("else_branch", b.body("difference", "Sub", x, captured)))
	x = b.relu("/last/relu", b.conv("/last/conv", x, 16, 16, 3, 2))
	b.classify(x, 16)
	return b.write(filepath.Join(dir, "branching.onnx"))
}

// Ends writes a network with these inputs and outputs, which are their sums.
func Ends(t testing.TB, dir string, inputs, outputs []string) (path string) {
	b := newBuilder(t, Outside)
	for _, name := range inputs[1:] {
		b.inputs = append(b.inputs, value(name, elemFloat, 1, 3, Side, Side))
	}
	b.answers = outputs
	for _, name := range outputs {
		b.emit("", "Sum", inputs, name)
	}
	return b.write(filepath.Join(dir, "ends.onnx"))
}

// Huge writes a network of a few bytes with a tensor of 4 TB inside.
func Huge(t *testing.T, dir string) (path string) {
	b := newBuilder(t, Modern)
	b.fixed = true
	b.weight("dims", elemInt64, []int64{2}, append(protowire.AppendFixed64(nil, 1<<20), protowire.AppendFixed64(nil, 1<<20)...))
	large := b.node("/ConstantOfShape", "ConstantOfShape", []string{"dims"})
	sum := b.node("/ReduceMean", "ReduceMean", []string{large}, attrInt("keepdims", 0))
	x := b.node("/Add", "Add", []string{"image", sum})
	b.emit("", "Relu", []string{x}, "scores")
	return b.write(filepath.Join(dir, "huge.onnx"))
}

// Endless writes a network with a loop of 2^62 rounds.
func Endless(t *testing.T, dir string) (path string) {
	b := newBuilder(t, Modern)
	b.fixed = true
	b.weight("rounds", elemInt64, []int64{}, protowire.AppendFixed64(nil, 1<<62))
	b.weight("always", elemBool, []int64{}, []byte{1})
	same := func(in, out string) []byte { return text(text(text(nil, 1, in), 2, out), 4, "Identity") }
	relu := text(text(text(nil, 1, "x"), 2, "y"), 4, "Relu")
	var body []byte
	for _, n := range [][]byte{same("go", "on"), relu} {
		body = message(body, 1, n)
	}
	body = text(body, 2, "body")
	for _, v := range [][]byte{value("i", elemInt64), value("go", elemBool), value("x", elemFloat, 1, 3, Side, Side)} {
		body = message(body, 11, v)
	}
	for _, v := range [][]byte{value("on", elemBool), value("y", elemFloat, 1, 3, Side, Side)} {
		body = message(body, 12, v)
	}
	b.emit("", "Loop", []string{"rounds", "always", "image"}, "scores", attrGraph("body", body))
	return b.write(filepath.Join(dir, "endless.onnx"))
}

// Product writes a network that multiplies a matrix of weights, rows×inner, by its input of inner×columns.
func Product(t testing.TB, dir string, rows, inner, columns int64) (path string) {
	b := newBuilder(t, Outside)
	b.image, b.scores = []int64{inner, columns}, []int64{rows, columns}
	b.random32("w", 1, rows, inner)
	b.emit("", "MatMul", []string{"w", "image"}, "scores")
	return b.write(filepath.Join(dir, "product.onnx"))
}

// Operator writes a network of one operator.
func Operator(t testing.TB, dir, op string) (path string) {
	b := newBuilder(t, Modern)
	b.fixed = true
	b.emit("only", op, []string{"image"}, "scores")
	return b.write(filepath.Join(dir, "operator.onnx"))
}

const elemFloat, elemInt64, elemBool = 1, 7, 9

type builder struct {
	t       testing.TB
	style   int
	random  *rand.Rand
	nodes   [][]byte
	weights [][]byte
	inputs  [][]byte // beside the picture
	outside []byte
	count   int
	// classified says that the output is ten probabilities, which the file states.
	classified bool
	image      []int64  // the input's shape, if it is no picture of Side
	scores     []int64  // the output's, where the file states it
	fixed      bool     // the input has a fixed shape, whatever the style
	answers    []string // outputs, if not scores
}

func newBuilder(t testing.TB, style int) *builder {
	return &builder{t: t, style: style, random: rand.New(rand.NewPCG(7, uint64(style)))}
}

type option func(raw []byte, out []string) ([]byte, []string)

func outputs(n int) option {
	return func(raw []byte, out []string) ([]byte, []string) {
		for i := 1; i < n; i++ {
			out = append(out, out[0]+"_"+strconv.Itoa(i))
		}
		return raw, out
	}
}

func attribute(name string, kind int, value func([]byte) []byte) option {
	return func(raw []byte, out []string) ([]byte, []string) {
		return message(raw, 5, integer(value(text(nil, 1, name)), 20, int64(kind))), out
	}
}

func attrInt(name string, v int64) option {
	return attribute(name, 2, func(b []byte) []byte { return integer(b, 3, v) })
}

func attrInts(name string, list ...int64) option {
	return attribute(name, 7, func(b []byte) []byte {
		var packed []byte
		for _, v := range list {
			packed = protowire.AppendVarint(packed, uint64(v))
		}
		return message(b, 8, packed)
	})
}

func attrFloat(name string, v float32) option {
	return attribute(name, 1, func(b []byte) []byte {
		return protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(v))
	})
}

func attrFloats(name string, list ...float32) option {
	return attribute(name, 6, func(b []byte) []byte { return message(b, 7, floats(list)) })
}

func attrText(name, v string) option {
	return attribute(name, 3, func(b []byte) []byte { return text(b, 4, v) })
}

func attrGraph(name string, graph []byte) option {
	return attribute(name, 5, func(b []byte) []byte { return message(b, 6, graph) })
}

func attrTensor(name string, tensor []byte) option {
	return attribute(name, 4, func(b []byte) []byte { return message(b, 5, tensor) })
}

// node appends a node and returns its first output. Modern files name a tensor after the node that makes it.
func (b *builder) node(name, op string, in []string, options ...option) string {
	b.count++
	out := name + "_output_0"
	if b.style == Old || name == "" {
		name, out = "", strconv.Itoa(100+b.count)
	}
	if !strings.HasSuffix(name, op) && name != "" {
		name += "/" + op
		out = name + "_output_0"
	}
	return b.emit(name, op, in, out, options...)
}

func (b *builder) emit(name, op string, in []string, out string, options ...option) string {
	var raw []byte
	outs := []string{out}
	for _, o := range options {
		raw, outs = o(raw, outs)
	}
	var head []byte
	for _, s := range in {
		head = text(head, 1, s)
	}
	for _, s := range outs {
		head = text(head, 2, s)
	}
	if name != "" {
		head = text(head, 3, name)
	}
	b.nodes = append(b.nodes, append(text(head, 4, op), raw...))
	return out
}

func (b *builder) conv(name, in string, from, to, kernel, stride int64) string {
	weight, bias := strings.Trim(strings.ReplaceAll(name, "/", "."), ".")+".weight", strings.Trim(strings.ReplaceAll(name, "/", "."), ".")+".bias"
	fan := from * kernel * kernel
	b.random32(weight, math.Sqrt(6/float64(fan)), to, from, kernel, kernel)
	b.random32(bias, 0.1, to)
	pad := kernel / 2
	return b.node(name, "Conv", []string{in, weight, bias}, attrInts("kernel_shape", kernel, kernel), attrInts("strides", stride, stride),
		attrInts("pads", pad, pad, pad, pad), attrInts("dilations", 1, 1), attrInt("group", 1))
}

func (b *builder) relu(name, in string) string { return b.node(name, "Relu", []string{in}) }

func (b *builder) norm(name, in string, channels int64) string {
	var in5 []string
	for _, part := range []string{"weight", "bias", "running_mean", "running_var"} {
		w := strings.Trim(strings.ReplaceAll(name, "/", "."), ".") + "." + part
		values := make([]float32, channels)
		for i := range values {
			values[i] = 0.5 + b.random.Float32()
		}
		b.weight(w, elemFloat, []int64{channels}, floats(values))
		in5 = append(in5, w)
	}
	options := []option{attrFloat("epsilon", 1e-5)}
	if b.style == Old {
		options = append(options, attrInt("spatial", 1))
	}
	return b.node(name, "BatchNormalization", append([]string{in}, in5...), options...)
}

func (b *builder) residual(name, in string, from, to, stride int64) string {
	x := b.relu(name+"/relu", b.conv(name+"/conv1", in, from, to, 3, stride))
	x = b.conv(name+"/conv2", x, to, to, 3, 1)
	side := in
	if from != to || stride > 1 {
		side = b.conv(name+"/downsample/downsample.0", in, from, to, 1, stride)
	}
	return b.relu(name+"/relu_1", b.node(name+"/Add", "Add", []string{x, side}))
}

// classify averages over the picture and ends in ten probabilities.
func (b *builder) classify(x string, channels int64) {
	x = b.node("/avgpool/GlobalAveragePool", "GlobalAveragePool", []string{x})
	if b.style == Modern {
		// x.view(x.size(0), -1), as it is exported.
		shape := b.node("/Shape", "Shape", []string{x})
		zero := b.constant("/Constant", elemInt64, []int64{1}, 0)
		batch := b.node("/Gather", "Gather", []string{shape, zero}, attrInt("axis", 0))
		rest := b.constant("/Constant_1", elemInt64, []int64{1}, -1)
		target := b.node("/Concat", "Concat", []string{batch, rest}, attrInt("axis", 0))
		x = b.node("/Reshape", "Reshape", []string{x, target})
	} else {
		x = b.node("/Flatten", "Flatten", []string{x}, attrInt("axis", 1))
	}
	b.classified = true
	b.random32("fc.weight", 1, 10, channels)
	b.random32("fc.bias", 0.1, 10)
	x = b.node("/fc/Gemm", "Gemm", []string{x, "fc.weight", "fc.bias"}, attrFloat("alpha", 1), attrFloat("beta", 1), attrInt("transB", 1))
	b.emit("/Softmax", "Softmax", []string{x}, "scores", attrInt("axis", 1))
}

// constant is a Constant node of one int64.
func (b *builder) constant(name string, elem int64, dims []int64, v int64) string {
	raw := protowire.AppendFixed64(nil, uint64(v))
	return b.node(name, "Constant", nil, attrTensor("value", message(tensor("", elem, dims), 9, raw)))
}

// body is a graph of one node over two tensors of the graph around it.
func (b *builder) body(name, op, x, y string) []byte {
	n := text(text(text(text(nil, 1, x), 1, y), 2, name), 4, op)
	out := message(text(nil, 1, name), 2, message(nil, 1, integer(nil, 1, elemFloat)))
	return message(text(message(nil, 1, n), 2, name), 12, out)
}

func (b *builder) random32(name string, spread float64, dims ...int64) {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(spread * (2*b.random.Float64() - 1))
	}
	b.weight(name, elemFloat, dims, floats(values))
}

func (b *builder) weight(name string, elem int64, dims []int64, data []byte) {
	w := tensor(name, elem, dims)
	switch {
	case b.style == Outside && elem == elemFloat:
		at := len(b.outside)
		b.outside = append(b.outside, data...)
		for _, pair := range [][2]string{{"location", "weights/all.bin"}, {"offset", strconv.Itoa(at)}, {"length", strconv.Itoa(len(data))}} {
			w = message(w, 13, text(text(nil, 1, pair[0]), 2, pair[1]))
		}
		w = integer(w, 14, 1)
	case b.style == Old && elem == elemFloat:
		w = message(w, 4, data)
	default:
		w = message(w, 9, data)
	}
	b.weights = append(b.weights, w)
	if b.style == Old {
		b.inputs = append(b.inputs, value(name, elem, dims...))
	}
}

func tensor(name string, elem int64, dims []int64) []byte {
	var raw []byte
	for _, d := range dims {
		raw = integer(raw, 1, d)
	}
	raw = integer(raw, 2, elem)
	if name != "" {
		raw = text(raw, 8, name)
	}
	return raw
}

// value states a tensor's type; a negative dimension is left open, under a name.
func value(name string, elem int64, dims ...int64) []byte {
	var shape []byte
	for i, d := range dims {
		dim := integer(nil, 1, d)
		if d < 0 {
			dim = text(nil, 2, []string{"batch", "channels", "height", "width"}[i])
		}
		shape = message(shape, 1, dim)
	}
	return message(text(nil, 1, name), 2, message(nil, 1, message(integer(nil, 1, elem), 2, shape)))
}

func (b *builder) write(path string) string {
	b.t.Helper()
	var graph []byte
	for _, n := range b.nodes {
		graph = message(graph, 1, n)
	}
	graph = text(graph, 2, "main_graph")
	for _, w := range b.weights {
		graph = message(graph, 5, w)
	}
	dims := []int64{1, 3, Side, Side}
	if b.image != nil {
		dims = b.image
	}
	opset, ir := int64(18), int64(8)
	switch b.style {
	case Modern:
		if !b.fixed {
			dims = []int64{-1, 3, -1, -1}
		}
	case Old:
		opset, ir = 7, 3
	}
	graph = message(graph, 11, value("image", elemFloat, dims...))
	for _, v := range b.inputs {
		graph = message(graph, 11, v)
	}
	answers := b.answers
	switch {
	case b.classified:
		graph = message(graph, 12, value("scores", elemFloat, dims[0], 10))
	case b.scores != nil:
		graph = message(graph, 12, value("scores", elemFloat, b.scores...))
	case answers == nil:
		answers = []string{"scores"}
	}
	for _, name := range answers {
		graph = message(graph, 12, message(text(nil, 1, name), 2, message(nil, 1, integer(nil, 1, elemFloat))))
	}
	model := text(text(integer(nil, 1, ir), 2, "pytorch"), 3, "2.9")
	model = message(model, 7, graph)
	model = message(model, 8, integer(text(nil, 1, ""), 2, opset))
	b.save(path, model)
	if b.outside != nil {
		b.save(filepath.Join(filepath.Dir(path), "weights", "all.bin"), b.outside)
	}
	return path
}

func (b *builder) save(path string, data []byte) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func floats(values []float32) []byte {
	var raw []byte
	for _, v := range values {
		raw = protowire.AppendFixed32(raw, math.Float32bits(v))
	}
	return raw
}

func message(b []byte, num protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), m)
}

func text(b []byte, num protowire.Number, s string) []byte { return message(b, num, []byte(s)) }

func integer(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}
