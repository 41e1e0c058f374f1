package model

import (
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// The format written: IR version 8 with operator set 17, read by every ONNX Runtime since 1.12.
const (
	irVersion = 8
	opset     = 17
	producer  = "splitbed"
)

// pageSize is the alignment of weights in an external file. Pages of 4 KiB are enough everywhere: where
// they are larger the runtime maps from the page before.
const pageSize = 4096

// Encode returns the graph as an ONNX file. Encode after Decode changes at most the order of fields.
func (g *Graph) Encode() []byte {
	size := 4096 + len(g.rest)
	for _, w := range g.weights {
		size += len(w.raw) + 2*protowire.SizeVarint(uint64(len(w.raw)))
	}
	body := make([]byte, 0, size)
	for _, n := range g.nodes {
		body = appendMessage(body, graphNode, n.raw)
	}
	body = appendText(body, graphName, g.Name)
	for _, w := range g.weights {
		body = appendMessage(body, graphWeight, w.raw)
	}
	body = append(body, g.rest...)
	for _, v := range slices.Concat(g.Inputs, g.defaults) {
		body = appendMessage(body, graphInput, v.raw)
	}
	for _, v := range g.Outputs {
		body = appendMessage(body, graphOutput, v.raw)
	}
	for _, v := range g.values {
		body = appendMessage(body, graphValue, v.raw)
	}
	return appendMessage(slices.Clone(g.header), modelGraph, body)
}

func alignPage(n int64) int64 { return (n + pageSize - 1) &^ (pageSize - 1) }

// newHeader is the ModelProto of a graph made here, without the graph.
func newHeader() []byte {
	b := appendInteger(nil, modelIR, irVersion)
	b = appendText(b, modelProducer, producer)
	return appendMessage(b, modelOpset, appendInteger(appendText(nil, 1, ""), 2, opset))
}

// newValue states the type of a float32 tensor; a nil shape leaves it to the runtime.
func newValue(name string, shape []int64) Value {
	t := appendInteger(nil, typeElem, elemFloat)
	if shape != nil {
		var dims []byte
		for _, d := range shape {
			dims = appendMessage(dims, shapeDim, appendInteger(nil, dimValue, d))
		}
		t = appendMessage(t, typeShape, dims)
	}
	raw := appendMessage(appendText(nil, valueName, name), valueType, appendMessage(nil, typeTensor, t))
	return Value{Tensor: Tensor{Name: name, Shape: shape}, elem: elemFloat, known: shape != nil, raw: raw}
}

// untyped names a tensor and leaves its type to the runtime.
func untyped(name string) Value {
	return Value{Tensor: Tensor{Name: name}, raw: appendText(nil, valueName, name)}
}

// attribute of a node made here: one integer or, where list or reals is not nil, several integers or numbers.
type attribute struct {
	name  string
	value int
	list  []int
	reals []float32
}

func newNode(op, name string, in []string, out string, attrs []attribute) node {
	const typeInt, typeFloats, typeInts = 2, 6, 7 // AttributeProto.AttributeType
	var raw []byte
	for _, s := range in {
		raw = appendText(raw, nodeIn, s)
	}
	raw = appendText(raw, nodeOut, out)
	raw = appendText(appendText(raw, nodeName, name), nodeOp, op)
	for _, a := range attrs {
		b := appendText(nil, attrName, a.name)
		switch {
		case a.reals != nil:
			for _, v := range a.reals {
				b = protowire.AppendFixed32(protowire.AppendTag(b, attrFloats, protowire.Fixed32Type), math.Float32bits(v))
			}
			b = appendInteger(b, attrType, typeFloats)
		case a.list != nil:
			for _, v := range a.list {
				b = appendInteger(b, attrInts, int64(v))
			}
			b = appendInteger(b, attrType, typeInts)
		default:
			b = appendInteger(appendInteger(b, attrInt, int64(a.value)), attrType, typeInt)
		}
		raw = appendMessage(raw, nodeAttr, b)
	}
	return node{name: name, op: op, in: in, out: []string{out}, raw: raw}
}

// newInlineWeight makes a weight whose data lies in the file.
func newInlineWeight(name string, dims []int64, elem int64, data []byte) weight {
	var raw []byte
	for _, d := range dims {
		raw = appendInteger(raw, tensorDims, d)
	}
	raw = appendMessage(appendText(appendInteger(raw, tensorElem, elem), tensorName, name), tensorRaw, data)
	return weight{name: name, dims: dims, elem: elem, inline: data, raw: raw}
}

// newExternalWeight makes a weight whose data lies in another file.
func newExternalWeight(name string, dims []int64, elem int64, place external) weight {
	var raw []byte
	for _, d := range dims {
		raw = appendInteger(raw, tensorDims, d)
	}
	raw = appendText(appendInteger(raw, tensorElem, elem), tensorName, name)
	for _, pair := range [][2]string{
		{"location", place.location},
		{"offset", strconv.FormatInt(place.offset, 10)},
		{"length", strconv.FormatInt(place.length, 10)},
	} {
		raw = appendMessage(raw, tensorExternal, appendText(appendText(nil, entryKey, pair[0]), entryValue, pair[1]))
	}
	const outside = 1 // TensorProto.DataLocation
	raw = appendInteger(raw, tensorPlace, outside)
	return weight{name: name, dims: dims, elem: elem, external: &place, raw: raw}
}
