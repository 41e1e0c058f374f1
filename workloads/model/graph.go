package model

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Graph is an ONNX model: one graph with its file's header. Nodes are in topological order. No method
// changes a Graph, so goroutines may share one.
type Graph struct {
	// Name is the graph's name, for messages only.
	Name string
	// Inputs are the tensors a caller provides (initialisers listed as inputs are not among them);
	// Outputs the answers.
	Inputs, Outputs []Value

	nodes    []node
	weights  []weight
	values   []Value // types of tensors inside the graph, where the file states them
	defaults []Value // inputs that have an initialiser: older ONNX lists every weight there
	header   []byte  // ModelProto fields other than the graph
	rest     []byte  // GraphProto fields that are not decoded
}

// Value is the type of a tensor: its dimensions (-1 where the file leaves one open) and its ONNX
// element type.
type Value struct {
	Tensor
	elem int64
	// known tells whether the file states the number of dimensions.
	known bool
	raw   []byte // ValueInfoProto
}

// Tensor names a tensor of a graph and its shape.
type Tensor struct {
	Name  string
	Shape []int64
}

// Elems is the number of elements.
func (t Tensor) Elems() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// node is one operation. captured are tensors of the graph that bodies of If, Loop or Scan read.
type node struct {
	name, op          string
	in, out, captured []string
	raw               []byte // NodeProto
}

// reads lists every tensor the node needs, including those its bodies capture; "" stands for an
// optional input left out.
func (n node) reads() []string {
	if len(n.captured) == 0 {
		return n.in
	}
	return append(slices.Clone(n.in), n.captured...)
}

// weight is an initialiser, its data inside the file or in another.
type weight struct {
	name     string
	dims     []int64
	elem     int64
	inline   []byte // raw_data, nil when the data is elsewhere
	external *external
	raw      []byte // TensorProto
}

// external is where a weight's data lies: bytes [offset, offset+length) of the file location, which is
// relative to the model's directory.
type external struct {
	location       string
	offset, length int64
}

// Element types of ONNX tensors (TensorProto.DataType) and their sizes in bits.
const (
	elemFloat                     = 1
	elemString                    = 8
	elemInt64                     = 7
	elemDouble                    = 11
	elemComplex64, elemComplex128 = 14, 15
	elemUint4, elemInt4           = 21, 22
	elemFloat4                    = 23
)

var elemBits = map[int64]int64{
	elemFloat: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64,
	elemComplex64: 64, elemComplex128: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8,
	elemUint4: 4, elemInt4: 4, elemFloat4: 4,
}

// The field numbers of onnx.proto3 that are read or written here.
const (
	modelIR, modelProducer, modelGraph, modelOpset, modelFunction protowire.Number = 1, 2, 7, 8, 25

	graphNode, graphName, graphWeight, graphSparse protowire.Number = 1, 2, 5, 15
	graphInput, graphOutput, graphValue            protowire.Number = 11, 12, 13

	functionName, functionNode, functionDomain, functionDefault, functionOverload protowire.Number = 1, 7, 10, 11, 13

	nodeIn, nodeOut, nodeName, nodeOp, nodeAttr, nodeDomain, nodeOverload protowire.Number = 1, 2, 3, 4, 5, 7, 8

	attrName, attrInt, attrTensor, attrGraph protowire.Number = 1, 3, 5, 6
	attrFloats, attrInts, attrTensors        protowire.Number = 7, 8, 10
	attrGraphs, attrType                     protowire.Number = 11, 20
	attrSparse, attrSparses                  protowire.Number = 22, 23

	tensorDims, tensorElem, tensorName, tensorRaw, tensorExternal, tensorPlace protowire.Number = 1, 2, 8, 9, 13, 14
	tensorFloats, tensorInts, tensorStrings, tensorLongs                       protowire.Number = 4, 5, 6, 7
	tensorDoubles, tensorULongs                                                protowire.Number = 10, 11

	entryKey, entryValue protowire.Number = 1, 2

	valueName, valueType, typeTensor, typeElem, typeShape, shapeDim, dimValue protowire.Number = 1, 2, 1, 1, 2, 1, 1
)

// product multiplies dimensions; ok is false for a negative one or an result above 2^46, beyond any
// file, so that sizes derived from it cannot overflow either.
func product(dims []int64) (n int64, ok bool) {
	const limit = 1 << 46
	n = 1
	for _, d := range dims {
		if d < 0 {
			return 0, false
		}
		if d > 0 && n > limit/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

func quoted(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%q and %d more", names[:most], len(names)-most)
	}
	return fmt.Sprintf("%q", names)
}

// Float32 tells whether the tensor's elements are float32.
func (v Value) Float32() bool { return v.elem == elemFloat }

// Values are the tensors inside the graph whose type the file states.
func (g *Graph) Values() []Value { return slices.Clone(g.values) }
