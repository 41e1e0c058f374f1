package model

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protowire"
)

// What a file may ask for. The size is protobuf's own limit; the others are far above any network and
// keep a hostile file from costing much more memory than its own size.
const (
	maxFile  = 1<<31 - 1 // bytes
	maxItems = 1 << 18   // nodes, weights and values of a file, its bodies and functions included
	// maxNodes counts nodes with all functions called expanded: the engine's time to load them grows with their square, and is ten
	// seconds for so many.
	maxNodes  = 10_000
	maxNames  = 1 << 20 // names a file's nodes mention
	maxDims   = 64
	maxBodies = 16 // nesting of If, Loop and Scan bodies
)

// Read reads and checks an ONNX file: structure, sizes of weights (in the file and in external files,
// which must lie in or below its directory), order of nodes, one producer for each tensor. Every error
// names the file and what is wrong with it, and wraps ErrFormat where the contents are at fault. Files
// above 2 GiB are refused; memory stays near the file's size.
func Read(path string) (*Graph, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	g, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("model: %s: %w", path, err)
	}
	if err := g.checkExternal(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("model: %s: %w", path, err)
	}
	return g, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w: it is not a regular file", path, ErrFormat)
	case info.Size() == 0:
		return nil, fmt.Errorf("%s: %w: the file is empty", path, ErrFormat)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s: %w: %d bytes; protobuf allows %d (larger weights belong in an external file)",
			path, ErrFormat, info.Size(), maxFile)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: the file changed while it was read: %w", path, err)
	}
	return data, nil
}

// Decode checks the bytes of an ONNX file as Read does, except for external weights, whose files it
// does not know. The graph aliases data.
func Decode(data []byte) (*Graph, error) {
	d := decoder{items: maxItems, names: maxNames, calls: calls{}}
	g := &Graph{}
	var body []byte
	own := functions{map[operator]calls{}, map[operator]int{}}
	opset := false
	err := fields(data, func(f field) (err error) {
		if f.num == modelGraph {
			if body != nil {
				return malformed("the file holds two graphs")
			}
			body, err = f.message("graph")
			if body == nil {
				body = []byte{}
			}
			return err
		}
		opset = opset || f.num == modelOpset
		g.header = append(g.header, f.raw...)
		if f.num == modelFunction {
			return d.function(f, own)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case body == nil:
		return nil, malformed("the file holds no graph")
	case !opset:
		return nil, malformed("the file names no operator set (opset_import)")
	}
	if err := d.graph(g, body, 0); err != nil {
		return nil, err
	}
	if _, err := own.nodes(d.calls, 0); err != nil {
		return nil, err
	}
	free, err := g.resolve()
	if err != nil {
		return nil, err
	}
	if len(free) > 0 {
		return nil, malformed("nothing produces %s before it is used", quoted(free))
	}
	g.dropDefaults()
	if len(g.Outputs) == 0 {
		return nil, malformed("the graph has no output")
	}
	return g, nil
}

// decoder counts down what a file may still ask for.
type decoder struct {
	items, names int
	calls        calls // of the graph or function that is being decoded, its bodies included
}

func (d *decoder) item() error {
	if d.items--; d.items < 0 {
		return malformed("more than %d nodes, weights and values", maxItems)
	}
	return nil
}

func (d *decoder) graph(g *Graph, body []byte, depth int) error {
	if depth > maxBodies {
		return malformed("bodies of If, Loop or Scan nested deeper than %d", maxBodies)
	}
	return fields(body, func(f field) error {
		switch f.num {
		case graphNode, graphWeight, graphInput, graphOutput, graphValue:
			if err := d.item(); err != nil {
				return err
			}
		}
		switch f.num {
		case graphNode:
			n, err := d.node(f, depth)
			if err != nil {
				return fmt.Errorf("node %d %q: %w", len(g.nodes), n.name, err)
			}
			g.nodes = append(g.nodes, n)
		case graphName:
			name, err := f.text("graph name")
			g.Name = name
			return err
		case graphWeight:
			w, err := decodeWeight(f)
			if err != nil {
				return fmt.Errorf("initialiser %d %q: %w", len(g.weights), w.name, err)
			}
			if w.external != nil && depth > 0 {
				return malformed("initialiser %q of a body lies outside the file, which is not supported", w.name)
			}
			g.weights = append(g.weights, w)
		case graphSparse:
			return malformed("sparse initialisers are not supported")
		case graphInput, graphOutput, graphValue:
			v, err := decodeValue(f)
			if err != nil {
				return fmt.Errorf("value %q: %w", v.Name, err)
			}
			switch f.num {
			case graphInput:
				g.Inputs = append(g.Inputs, v)
			case graphOutput:
				g.Outputs = append(g.Outputs, v)
			default:
				g.values = append(g.values, v)
			}
		default:
			g.rest = append(g.rest, f.raw...)
		}
		return nil
	})
}

func (d *decoder) node(f field, depth int) (n node, err error) {
	if n.raw, err = f.message("node"); err != nil {
		return n, err
	}
	var called operator
	err = fields(n.raw, func(f field) error {
		switch f.num {
		case nodeIn, nodeOut:
			s, err := f.text("tensor name")
			if err != nil {
				return err
			}
			if d.names--; d.names < 0 {
				return malformed("nodes mention more than %d tensors", maxNames)
			}
			if f.num == nodeIn {
				n.in = append(n.in, s)
			} else {
				n.out = append(n.out, s)
			}
			return nil
		case nodeName:
			n.name, err = f.text("node name")
		case nodeOp:
			n.op, err = f.text("operator")
			called.name = n.op
		case nodeDomain:
			called.domain, err = f.text("domain")
		case nodeOverload:
			called.overload, err = f.text("overload")
		case nodeAttr:
			var captured []string
			captured, err = d.attribute(f, depth)
			n.captured = append(n.captured, captured...)
		}
		return err
	})
	switch {
	case err != nil:
		return n, err
	case n.op == "":
		return n, malformed("it names no operator")
	case len(n.out) == 0:
		return n, malformed("%s has no output", n.op)
	}
	d.calls[called]++
	return n, nil
}

// attribute checks an attribute and returns the tensors its bodies capture.
func (d *decoder) attribute(f field, depth int) ([]string, error) {
	message, err := f.message("attribute")
	if err != nil {
		return nil, err
	}
	var captured []string
	err = fields(message, func(f field) error {
		switch f.num {
		case attrTensor, attrTensors:
			w, err := decodeWeight(f)
			if err == nil && w.external != nil {
				err = malformed("an attribute's tensor lies outside the file, which is not supported")
			}
			return err
		case attrSparse, attrSparses:
			return malformed("sparse tensors are not supported")
		case attrGraph, attrGraphs:
		default:
			return nil
		}
		body, err := f.message("body")
		if err != nil {
			return err
		}
		sub := &Graph{}
		if err := d.graph(sub, body, depth+1); err != nil {
			return fmt.Errorf("body: %w", err)
		}
		free, err := sub.resolve()
		if err != nil {
			return fmt.Errorf("body: %w", err)
		}
		if d.names -= len(free); d.names < 0 {
			return malformed("nodes mention more than %d tensors", maxNames)
		}
		captured = append(captured, free...)
		return nil
	})
	return captured, err
}

func decodeValue(f field) (v Value, err error) {
	if v.raw, err = f.message("value"); err != nil {
		return v, err
	}
	// The type is four messages deep: value.type.tensor_type.shape.dim.
	err = fields(v.raw, func(f field) error {
		switch f.num {
		case valueName:
			v.Name, err = f.text("name")
			return err
		case valueType:
			return f.inside("type", typeTensor, func(f field) error {
				return f.inside("tensor type", 0, v.tensorType)
			})
		}
		return nil
	})
	return v, err
}

// inside visits the fields of an embedded message, all or those with the given number.
func (f field) inside(what string, only protowire.Number, visit func(field) error) error {
	message, err := f.message(what)
	if err != nil {
		return err
	}
	return fields(message, func(f field) error {
		if only != 0 && f.num != only {
			return nil
		}
		return visit(f)
	})
}

func (v *Value) tensorType(f field) (err error) {
	switch f.num {
	case typeElem:
		v.elem, err = f.integer("element type")
	case typeShape:
		v.known = true
		err = f.inside("shape", shapeDim, func(f field) error {
			dim := int64(-1)
			if len(v.Shape) == maxDims {
				return malformed("more than %d dimensions", maxDims)
			}
			err := f.inside("dimension", dimValue, func(f field) (err error) {
				dim, err = f.integer("dimension")
				return err
			})
			v.Shape = append(v.Shape, dim)
			return err
		})
	}
	return err
}
