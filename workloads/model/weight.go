package model

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// decodeWeight decodes an initialiser and checks that its shape and its data agree.
func decodeWeight(f field) (w weight, err error) {
	if w.raw, err = f.message("initialiser"); err != nil {
		return w, err
	}
	var numbers int64 // values in the typed fields, which stand in for raw_data
	typed, outside := false, false
	pairs := map[string]string{}
	err = fields(w.raw, func(f field) error {
		switch f.num {
		case tensorDims:
			w.dims, err = f.integers(w.dims, maxDims, "dimensions")
		case tensorElem:
			w.elem, err = f.integer("element type")
		case tensorName:
			w.name, err = f.text("name")
		case tensorRaw:
			w.inline, err = f.message("raw data")
			if w.inline == nil {
				w.inline = []byte{}
			}
		case tensorFloats, tensorDoubles, tensorInts, tensorLongs, tensorULongs, tensorStrings:
			var n int64
			n, err = f.countNumbers()
			numbers += n
			typed = true
		case tensorExternal:
			err = f.entry(pairs)
		case tensorPlace:
			var place int64
			place, err = f.integer("data location")
			outside = place == 1
		}
		return err
	})
	if err != nil {
		return w, err
	}
	elems, size, err := w.size()
	switch {
	case err != nil:
		return w, err
	case outside && (typed || w.inline != nil):
		return w, malformed("data both in the file and outside it")
	case outside:
		w.external, err = parseExternal(pairs, size)
		return w, err
	case w.inline != nil && int64(len(w.inline)) != size:
		return w, malformed("shape %v of type %d needs %d bytes, the file has %d", w.dims, w.elem, size, len(w.inline))
	case w.inline == nil && numbers != elems:
		return w, malformed("shape %v of type %d needs %d numbers, the file has %d", w.dims, w.elem, elems, numbers)
	}
	return w, nil
}

// size is how much data the shape stands for: numbers in a typed field, and bytes of raw_data.
func (w weight) size() (numbers, bytes int64, err error) {
	n, ok := product(w.dims)
	if !ok {
		return 0, 0, malformed("impossible shape %v", w.dims)
	}
	if w.elem == elemString {
		return n, 0, nil
	}
	bits, ok := elemBits[w.elem]
	if !ok {
		return 0, 0, malformed("unknown element type %d", w.elem)
	}
	numbers, bytes = n, (n*bits+7)/8
	switch w.elem {
	case elemComplex64, elemComplex128:
		numbers *= 2
	case elemUint4, elemInt4, elemFloat4: // two share a number
		numbers = (n + 1) / 2
	}
	return numbers, bytes, nil
}

// countNumbers is how many values a field of a tensor's typed data holds.
func (f field) countNumbers() (int64, error) {
	if f.typ != protowire.BytesType || f.num == tensorStrings {
		return 1, nil
	}
	width := 0
	switch f.num {
	case tensorFloats:
		width = 4
	case tensorDoubles:
		width = 8
	}
	if width > 0 {
		if len(f.data)%width != 0 {
			return 0, malformed("packed data of %d bytes is no multiple of %d", len(f.data), width)
		}
		return int64(len(f.data) / width), nil
	}
	n := int64(0)
	for _, b := range f.data { // a varint ends with the byte whose top bit is clear
		if b < 0x80 {
			n++
		}
	}
	if len(f.data) > 0 && f.data[len(f.data)-1] >= 0x80 {
		return 0, malformed("packed data ends within a number")
	}
	return n, nil
}

// entry adds a StringStringEntryProto to pairs.
func (f field) entry(pairs map[string]string) error {
	var key, value string
	err := f.inside("external data", 0, func(f field) (err error) {
		switch f.num {
		case entryKey:
			key, err = f.text("external data key")
		case entryValue:
			value, err = f.text("external data value")
		}
		return err
	})
	pairs[key] = value
	return err
}

// parseExternal reads where a weight of size bytes lies outside the file (onnx.proto3,
// TensorProto.external_data).
func parseExternal(pairs map[string]string, size int64) (*external, error) {
	e := &external{location: pairs["location"], length: size}
	if !filepath.IsLocal(e.location) {
		return nil, malformed("external data in %q, which is not below the model's directory", e.location)
	}
	var err error
	if s, ok := pairs["offset"]; ok {
		if e.offset, err = strconv.ParseInt(s, 10, 64); err != nil || e.offset < 0 || e.offset > 1<<62 {
			return nil, malformed("external data at impossible offset %q", s)
		}
	}
	if s, ok := pairs["length"]; ok {
		if n, err := strconv.ParseInt(s, 10, 64); err != nil || n != size {
			return nil, malformed("external data of %q bytes, but the shape needs %d", s, size)
		}
	}
	return e, nil
}

// checkExternal checks that the files the weights lie in are as long as the weights say. A short one
// would otherwise end the process when its mapping is touched (SIGBUS).
func (g *Graph) checkExternal(dir string) error {
	if !slices.ContainsFunc(g.weights, func(w weight) bool { return w.external != nil }) {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	sizes := map[string]int64{}
	for _, w := range g.weights {
		e := w.external
		if e == nil {
			continue
		}
		size, seen := sizes[e.location]
		if !seen {
			info, err := root.Stat(e.location) // refuses a symbolic link that leads out of the directory
			if err != nil {
				return fmt.Errorf("weights of %q, which must lie in or below the model's directory: %w", w.name, err)
			}
			if !info.Mode().IsRegular() {
				return malformed("weights file %s is not a regular file", e.location)
			}
			size = info.Size()
			sizes[e.location] = size
		}
		if e.offset+e.length > size {
			return malformed("weights file %s is truncated: %q needs bytes up to %d, it has %d",
				e.location, w.name, e.offset+e.length, size)
		}
	}
	return nil
}
