package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// An ONNX file somebody brings along is imported: what is in the store afterwards is like a built-in network, every shape
// stated, weights in one page-aligned file, and a list of its cuts.
//
//	net.onnx ── Import ── Exposed, Shapes (the engine tells all types and shapes) ── Finish ── Describe, Whole, Head, Tail
//
// The file itself is not needed any more, by containers least of all. It is imported again when its size, its time or
// that of its weights has changed.

// importVersion is in the names of imported files; raise it whenever what is made of a file changes.
const importVersion = 1

// IsFile tells an ONNX file's path from the name of a built-in network.
func IsFile(name string) bool { return strings.HasSuffix(name, ".onnx") }

// ErrInput is wrapped by the error that a network's inputs or outputs are not those of one picture and one answer, or that
// a shape does not fit them.
var ErrInput = errors.New("not a network of one picture and one answer")

// Import is an ONNX file on its way into the store.
type Import struct {
	store         Store
	stem          string
	height, width int
	beside        []besideFile
	graph         *Graph // its input bound, its weights outside, no shape inside
}

// Shape is what a runtime says of a tensor: its element type, as ONNX numbers it, and its dimensions.
type Shape struct {
	Elem int64
	Dims []int64
}

// description is an imported network as the store keeps it.
type description struct {
	// Beside are the files its weights came from.
	Beside []besideFile    `json:"beside,omitempty"`
	Layers []describedLine `json:"layers"` // from k = 0, the picture
}

type describedLine struct {
	Name   string  `json:"name"`
	Tensor string  `json:"tensor"`
	Shape  []int   `json:"shape"`
	FLOPs  float64 `json:"flops"`
}

// digest tells one content of a file from another by its size and time.
func digest(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	sum := sha256.Sum256([]byte(fmt.Sprintln(importVersion, abs, info.Size(), info.ModTime().UnixNano())))
	return hex.EncodeToString(sum[:8]), nil
}

// besideFile is a file that weights were copied from, as it was then.
type besideFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Time  int64  `json:"time"`
}

func statBeside(path string) (besideFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return besideFile{}, fmt.Errorf("model: %w", err)
	}
	return besideFile{path, info.Size(), info.ModTime().UnixNano()}, nil
}

// stem is the beginning of the names of an imported file's own files.
func stem(path, digest string) string {
	name := strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, strings.TrimSuffix(filepath.Base(path), ".onnx"))
	if len(name) > 40 {
		name = name[:40]
	}
	return "file-" + name + "-" + digest
}

// InputSize is the height and width of the pictures an ONNX file takes, given a shape [1,3,H,W] for those dimensions it
// leaves open, or none. Errors wrap ErrInput or ErrFormat.
func InputSize(path string, shape []int) (h, w int, err error) {
	g, err := Read(path)
	if err != nil {
		return 0, 0, err
	}
	dims, err := g.bindInput(shape)
	if err != nil {
		return 0, 0, fmt.Errorf("model: %s: %w", path, err)
	}
	return int(dims[2]), int(dims[3]), nil
}

// bindInput is the shape of the graph's one input, its open dimensions taken from a shape.
func (g *Graph) bindInput(shape []int) ([]int64, error) {
	names := func(values []Value) string {
		var all []string
		for _, v := range values {
			all = append(all, v.Name)
		}
		return quoted(all)
	}
	if len(g.Inputs) != 1 {
		return nil, fmt.Errorf("%w: it has %d inputs, %s, and a frame is one picture", ErrInput, len(g.Inputs), names(g.Inputs))
	}
	if len(g.Outputs) != 1 {
		return nil, fmt.Errorf("%w: it has %d outputs, %s, and an answer is one tensor", ErrInput, len(g.Outputs), names(g.Outputs))
	}
	in := g.Inputs[0]
	if !in.Float32() {
		return nil, fmt.Errorf("%w: input %q is no float32 tensor (element type %d)", ErrInput, in.Name, in.elem)
	}
	dims := slices.Clone(in.Shape)
	if !in.known {
		dims = []int64{-1, -1, -1, -1}
	}
	if len(dims) != 4 {
		return nil, fmt.Errorf("%w: input %q has shape %v, and a picture is [1,3,H,W]", ErrInput, in.Name, in.Shape)
	}
	for i, d := range dims {
		fixed := d > 0
		switch {
		case len(shape) > 0 && fixed && d != int64(shape[i]):
			return nil, fmt.Errorf("%w: input %q has shape %v, which %v does not fit", ErrInput, in.Name, in.Shape, shape)
		case len(shape) > 0:
			dims[i] = int64(shape[i])
		case fixed:
		case i < 2:
			dims[i] = []int64{1, 3}[i]
		default:
			return nil, fmt.Errorf("%w: input %q leaves its height or width open (%v); give one, --shape 1,3,224,224 or in a workload shape: [1, 3, 224, 224]", ErrInput, in.Name, in.Shape)
		}
	}
	if dims[0] != 1 || dims[1] != 3 {
		return nil, fmt.Errorf("%w: input %q has shape %v, and a picture is [1,3,H,W]", ErrInput, in.Name, dims)
	}
	if dims[2] > maxSide || dims[3] > maxSide {
		return nil, fmt.Errorf("%w: a picture of %d×%d pixels is larger than %d×%d", ErrInput, dims[2], dims[3], maxSide, maxSide)
	}
	return dims, nil
}

// Import reads an ONNX file, binds its input to a shape [1,3,H,W] (none where the file has one) and puts its weights into
// the store. It returns nil where the store has all of it already. Errors wrap ErrInput or ErrFormat where the file or the shape is at
// fault.
func (s Store) Import(path string, shape []int) (*Import, error) {
	if len(shape) == 4 { // without reading a large file
		if _, err := s.described(path, shape[2], shape[3]); err == nil && shape[0] == 1 && shape[1] == 3 {
			return nil, nil
		}
	}
	g, err := Read(path)
	if err != nil {
		return nil, err
	}
	wrong := func(err error) (*Import, error) { return nil, fmt.Errorf("model: %s: %w", path, err) }
	dims, err := g.bindInput(shape)
	if err != nil {
		return wrong(err)
	}
	key, err := digest(path)
	if err != nil {
		return nil, err
	}
	if _, err := s.described(path, int(dims[2]), int(dims[3])); err == nil {
		return nil, nil
	}
	im := &Import{store: s, stem: stem(path, key), height: int(dims[2]), width: int(dims[3]), graph: g}
	if g.header, err = modernHeader(g.header); err != nil {
		return wrong(err)
	}
	g.Inputs = []Value{newValue(g.Inputs[0].Name, dims)}
	g.Outputs = []Value{untyped(g.Outputs[0].Name)}
	g.defaults, g.values = nil, nil
	g.hoistConstants()
	weights, err := g.outsourced(filepath.Dir(path), im.stem+".weights")
	if err != nil {
		return wrong(err)
	}
	for _, w := range weights {
		if w.path == "" || slices.ContainsFunc(im.beside, func(b besideFile) bool { return b.Path == w.path }) {
			continue
		}
		beside, err := statBeside(w.path)
		if err != nil {
			return nil, err
		}
		im.beside = append(im.beside, beside)
	}
	if err := s.ensure(im.stem+".weights", weights); err != nil {
		return nil, err
	}
	return im, nil
}

// Exposed writes the graph with every tensor as an output, for a runtime to tell their types. The caller removes the file.
func (im *Import) Exposed() (path string, err error) { return im.temporary(im.graph.Expose()) }

// Shapes writes the graph with the shapes of some of its tensors as outputs, in that order, instead of its own, so that one run tells them
// all and no tensor is kept for it. An output is a 1 and then the dimensions, since a scalar's shape alone would be an empty tensor. The caller removes the file.
func (im *Import) Shapes(tensors []string) (path string, input Tensor, outputs []string, err error) {
	g := *im.graph
	g.nodes, g.Outputs = slices.Clone(g.nodes), nil
	one := newInlineWeight("splitbed:one", []int64{1}, elemInt64, binary.LittleEndian.AppendUint64(nil, 1))
	g.weights = append(slices.Clone(g.weights), one)
	for i, name := range tensors {
		shape, output := fmt.Sprintf("splitbed:shape:%d", i), fmt.Sprintf("splitbed:output:%d", i)
		g.nodes = append(g.nodes, newNode("Shape", shape, []string{name}, shape, nil),
			newNode("Concat", output, []string{one.name, shape}, output, []attribute{{name: "axis", value: 0}}))
		g.Outputs = append(g.Outputs, untyped(output))
		outputs = append(outputs, output)
	}
	path, err = im.temporary(&g)
	return path, g.Inputs[0].Tensor, outputs, err
}

func (im *Import) temporary(g *Graph) (path string, err error) {
	f, err := os.CreateTemp(im.store.Dir, importing)
	if err != nil {
		return "", fmt.Errorf("model: store: %w", err)
	}
	_, err = f.Write(g.Encode())
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("model: store: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Finish states the shapes in the graph, finds and counts its cuts and keeps all of it in the store.
func (im *Import) Finish(shapes map[string]Shape) error {
	g := im.graph
	last, ok := shapes[g.Outputs[0].Name]
	if !ok || last.Elem != elemFloat {
		return fmt.Errorf("model: %w: output %q is no float32 tensor", ErrInput, g.Outputs[0].Name)
	}
	g.Outputs = []Value{newValue(g.Outputs[0].Name, last.Dims)}
	for _, n := range g.nodes {
		for _, name := range n.out {
			if s, ok := shapes[name]; ok && s.Elem == elemFloat && name != g.Outputs[0].Name {
				g.values = append(g.values, newValue(name, s.Dims))
			}
		}
	}
	d := g.describe(shapes)
	d.Beside = im.beside
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := im.store.ensure(im.file("whole.onnx"), smallFile(g.Encode())); err != nil {
		return err
	}
	return im.store.ensure(im.file("layers.json"), smallFile(append(text, '\n')))
}

func (im *Import) file(what string) string {
	return fmt.Sprintf("%s-%dx%d-%s", im.stem, im.height, im.width, what)
}

// described is what the store knows of an imported file.
func (s Store) described(path string, h, w int) (*imported, error) {
	key, err := digest(path)
	if err != nil {
		return nil, err
	}
	out := &imported{digest: key, stem: fmt.Sprintf("%s-%dx%d-", stem(path, key), h, w)}
	text, err := os.ReadFile(filepath.Join(s.Dir, out.stem+"layers.json"))
	if err != nil {
		return nil, fmt.Errorf("model: %s is not imported at %d×%d: %w", path, h, w, err)
	}
	if err := json.Unmarshal(text, &out.description); err != nil {
		return nil, fmt.Errorf("model: %s in the store: %w", path, err)
	}
	if len(out.Layers) < 2 {
		return nil, fmt.Errorf("model: %s in the store has no layers", path)
	}
	for _, was := range out.Beside {
		if is, err := statBeside(was.Path); err != nil || is != was {
			return nil, fmt.Errorf("model: the weights of %s have changed since they were imported", path)
		}
	}
	return out, nil
}

// imported is an imported network found in the store; stem begins the names of its files.
type imported struct {
	description
	stem, digest string
}

func (d *imported) profile(path string, h, w int) Profile {
	p := Profile{Model: path, Height: h, Width: w, Digest: d.digest}
	for k, l := range d.Layers {
		elems := int64(1)
		for _, n := range l.Shape {
			elems *= int64(n)
		}
		p.Layers = append(p.Layers, Layer{K: k, Name: l.Name, Shape: l.Shape, Elems: elems, FLOPs: l.FLOPs})
	}
	return p
}

// part is a half of an imported network, or the whole of it.
func (d *imported) part(s Store, half string, k int) (File, error) {
	g, err := Read(filepath.Join(s.Dir, d.stem+"whole.onnx"))
	if err != nil {
		return File{}, err
	}
	n := len(d.Layers) - 1
	switch {
	case half == "head" && k < n:
		g, _, err = g.Split(d.Layers[k].Tensor)
	case half == "tail" && k > 0:
		_, g, err = g.Split(d.Layers[k].Tensor)
	default:
		half = ""
	}
	if err != nil {
		return File{}, err
	}
	file := d.stem + "whole.onnx"
	if half != "" {
		file = fmt.Sprintf("%s%s%d.onnx", d.stem, half, k)
		if err := s.ensure(file, smallFile(g.Encode())); err != nil {
			return File{}, err
		}
	}
	return File{Path: filepath.Join(s.Dir, file), Input: g.Inputs[0].Tensor, Output: g.Outputs[0].Tensor}, nil
}

// modernHeader checks a model's operator set and raises its IR version to one in which initialisers need not be inputs.
func modernHeader(header []byte) ([]byte, error) {
	const leastOpset, leastIR = 7, 4
	out := appendInteger(nil, modelIR, irVersion)
	err := fields(header, func(f field) error {
		switch f.num {
		case modelIR:
			ir, err := f.integer("IR version")
			if ir > irVersion {
				out = appendInteger(nil, modelIR, ir)
			}
			return err
		case modelOpset:
			domain, version := "", int64(0)
			err := f.inside("operator set", 0, func(f field) (err error) {
				switch f.num {
				case 1:
					domain, err = f.text("domain")
				case 2:
					version, err = f.integer("version")
				}
				return err
			})
			if err != nil {
				return err
			}
			if (domain == "" || domain == "ai.onnx") && version < leastOpset {
				return malformed("operator set %d; %d or later is needed", version, leastOpset)
			}
		}
		out = append(out, f.raw...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The last of a field counts; the raised version must be it.
	ir := appendInteger(nil, modelIR, irVersion)
	if bytes.HasPrefix(out, ir) {
		out = append(out, ir...)
	}
	return out, nil
}

// hoistConstants makes weights of Constant nodes that hold a tensor.
func (g *Graph) hoistConstants() {
	var nodes []node
	for _, n := range g.nodes {
		if w, ok := n.constant(); ok {
			g.weights = append(g.weights, w)
		} else {
			nodes = append(nodes, n)
		}
	}
	g.nodes = nodes
}

// constant is the tensor of a Constant node, under the name of its output.
func (n node) constant() (w weight, ok bool) {
	if n.op != "Constant" || len(n.in) > 0 || len(n.out) != 1 || n.out[0] == "" {
		return w, false
	}
	tensor, _ := n.attribute("value", attrTensor).(([]byte))
	if tensor == nil {
		return w, false
	}
	renamed := slices.Clone(tensor)
	renamed = appendText(renamed, tensorName, n.out[0]) // the last of a field counts
	w, err := decodeWeight(field{num: graphWeight, typ: protowire.BytesType, data: renamed})
	return w, err == nil && w.external == nil
}

// MaxWeights bounds the weights of an imported file, in bytes: a sparse file, or many weights that lie in one place, could otherwise ask
// for a copy of any size.
const MaxWeights = 8 << 30

// leastOutside is the size from which a weight's data goes into the weights file. Smaller ones may be shapes, which the runtime needs
// to know when it loads the graph.
const leastOutside = 1024

// outsourced points every large weight into the file location and brings small ones in; what it returns is that file.
func (g *Graph) outsourced(dir, location string) (copiedWeights, error) {
	var out copiedWeights
	at := int64(0)
	for i, w := range g.weights {
		place := copiedWeight{data: w.bytes()}
		if w.external != nil {
			place.path, place.from, place.length = filepath.Join(dir, w.external.location), w.external.offset, w.external.length
		} else {
			place.length = int64(len(place.data))
		}
		switch {
		case place.length < leastOutside && w.external != nil:
			data := make([]byte, place.length)
			if err := place.read(data, 0); err != nil {
				return nil, err
			}
			g.weights[i] = newInlineWeight(w.name, w.dims, w.elem, data)
		case place.length >= leastOutside:
			place.at = alignPage(at)
			if at = place.at + place.length; at > MaxWeights {
				return nil, malformed("weights of more than %d GiB, those that lie in one place counted as often as they are named", MaxWeights>>30)
			}
			out = append(out, place)
			g.weights[i] = newExternalWeight(w.name, w.dims, w.elem, external{location: location, offset: place.at, length: place.length})
		}
	}
	return out, nil
}

// bytes is the weight's data as raw_data would have it; nil where it lies outside, or in a field that is not copied.
func (w weight) bytes() []byte {
	if w.inline != nil || w.external != nil {
		return w.inline
	}
	number := map[int64]protowire.Number{elemFloat: tensorFloats, elemDouble: tensorDoubles}[w.elem]
	if number == 0 {
		return nil
	}
	var data []byte
	err := fields(w.raw, func(f field) error {
		switch {
		case f.num != number:
		case f.typ == protowire.BytesType:
			data = append(data, f.data...)
		case f.typ == protowire.Fixed32Type:
			data = protowire.AppendFixed32(data, uint32(f.uint))
		case f.typ == protowire.Fixed64Type:
			data = protowire.AppendFixed64(data, f.uint)
		}
		return nil
	})
	_, size, sizeErr := w.size()
	if err != nil || sizeErr != nil || int64(len(data)) != size {
		return nil
	}
	return data
}

// copiedWeights is a weights file made of pieces of an ONNX file and of the files beside it.
type copiedWeights []copiedWeight

type copiedWeight struct {
	at, length int64
	data       []byte // or else
	path       string
	from       int64
}

// read fills buffer from the weight's byte offset on.
func (w copiedWeight) read(buffer []byte, offset int64) error {
	if w.data != nil {
		copy(buffer, w.data[offset:])
		return nil
	}
	f, err := os.Open(w.path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(buffer, w.from+offset)
	return err
}

func (c copiedWeights) size() int64 {
	if len(c) == 0 {
		return 0
	}
	last := c[len(c)-1]
	return alignPage(last.at + last.length)
}

// matches compares both ends of every weight.
func (c copiedWeights) matches(f io.ReaderAt) (bool, error) {
	for _, w := range c {
		n := min(w.length, 4096)
		want, have := make([]byte, n), make([]byte, n)
		for _, offset := range []int64{0, w.length - n} {
			if err := w.read(want, offset); err != nil {
				return false, err
			}
			if _, err := f.ReadAt(have, w.at+offset); err != nil {
				return false, err
			}
			if !bytes.Equal(want, have) {
				return false, nil
			}
		}
	}
	return true, nil
}

func (c copiedWeights) write(f io.WriterAt) error {
	const chunk = 1 << 20
	buffer := make([]byte, chunk)
	for _, w := range c {
		for offset := int64(0); offset < w.length; offset += chunk {
			part := buffer[:min(chunk, w.length-offset)]
			if err := w.read(part, offset); err != nil {
				return err
			}
			if _, err := f.WriteAt(part, w.at+offset); err != nil {
				return err
			}
		}
	}
	if end := c.size(); end > 0 {
		last := c[len(c)-1]
		_, err := f.WriteAt(make([]byte, end-last.at-last.length), last.at+last.length)
		return err
	}
	return nil
}
