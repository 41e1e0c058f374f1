package model

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/atomicfile"
)

// Cut is the cut after a layer that is given by its name or its number, from 1 to the last but one.
func (p Profile) Cut(layer string) (int, error) {
	if p.Cuts() < 2 {
		return 0, fmt.Errorf("%s has a single layer: there is no place to cut it", p.Model)
	}
	var names []string
	for k, l := range p.Layers[1:] {
		k++
		if l.Name == layer || strconv.Itoa(k) == layer {
			if k == p.Cuts() {
				return 0, fmt.Errorf("%s is the last layer of %s: the tail would be empty", layer, p.Model)
			}
			return k, nil
		}
		names = append(names, l.Name)
	}
	return 0, fmt.Errorf("%s has no cut after %q: layers end where a single tensor connects what is before with what is after, and these are 1 to %d: %s",
		p.Model, layer, p.Cuts()-1, strings.Join(names[:len(names)-1], ", "))
}

// WriteHalves writes NAME-head.onnx and NAME-tail.onnx of a network cut after layer k into a directory, each with its weights in the
// file, or in a file .weights beside it where they are large, and returns their paths.
func (s Store) WriteHalves(dir string, p Profile, k int) (paths []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(p.Model), ".onnx")
	for _, half := range []struct {
		name string
		file func(string, int, int, int) (File, error)
	}{{"head", s.Head}, {"tail", s.Tail}} {
		f, err := half.file(p.Model, p.Height, p.Width, k)
		if err != nil {
			return nil, err
		}
		written, err := writeAlone(filepath.Join(dir, fmt.Sprintf("%s-%s.onnx", name, half.name)), f.Path)
		if err != nil {
			return nil, err
		}
		paths = append(paths, written...)
	}
	return paths, nil
}

// largestInline is how many bytes of weights a written half keeps in itself.
const largestInline = 64 << 20

// writeAlone copies a file of the store so that it needs nothing of the store.
func writeAlone(to, from string) (paths []string, err error) {
	g, err := Read(from)
	if err != nil {
		return nil, err
	}
	weights, at, sum := copiedWeights(nil), int64(0), int64(0)
	for _, w := range g.weights {
		if w.external != nil {
			sum += w.external.length
		}
	}
	beside := to + ".weights"
	for i, w := range g.weights {
		if w.external == nil {
			continue
		}
		piece := copiedWeight{path: filepath.Join(filepath.Dir(from), w.external.location), from: w.external.offset, length: w.external.length}
		if sum <= largestInline {
			data := make([]byte, piece.length)
			if err := piece.read(data, 0); err != nil {
				return nil, err
			}
			g.weights[i] = newInlineWeight(w.name, w.dims, w.elem, data)
			continue
		}
		piece.at = alignPage(at)
		at = piece.at + piece.length
		weights = append(weights, piece)
		g.weights[i] = newExternalWeight(w.name, w.dims, w.elem, external{location: filepath.Base(beside), offset: piece.at, length: piece.length})
	}
	if len(weights) > 0 {
		if err := replace(beside, weights); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
		paths = append(paths, beside)
	}
	if err := atomicfile.WriteBytes(to, g.Encode()); err != nil {
		return nil, err
	}
	return append([]string{to}, paths...), nil
}
