package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// sharedWeight is from how many bytes on a prepared weight lies in a file of its own. Smaller ones stay in the graph.
const sharedWeight = 64 << 10

// Prepare returns f, a file of the store, as the engine's graph optimiser leaves it. An engine that optimises what it opens keeps a private copy of
// every weight it has laid out anew, in every session of every process; of prepared files all sessions map the same pages,
// because each weight lies in a file named for its contents, whatever network, picture size or cut it came from.
//
// optimise writes the optimised form of the ONNX file from to the file to, in the same directory, so that weights it leaves
// alone can stay where they are. host stands for everything the result depends on
// besides the file, such as the engine's version and the processor. Prepared files are made once and kept in the store.
func (s Store) Prepare(f File, host string, optimise func(from, to string) error) (File, error) {
	id, err := fingerprint(f.Path)
	if err != nil {
		return File{}, err
	}
	stem := strings.TrimSuffix(filepath.Base(f.Path), filepath.Ext(f.Path))
	prepared := File{
		Path:  filepath.Join(s.Dir, fmt.Sprintf("%s-%s-%s.onnx", stem, host, id)),
		Input: f.Input, Output: f.Output, Prepared: true,
	}
	if _, err := Read(prepared.Path); err == nil { // whole, and all its weights are there
		return prepared, nil
	}
	unlock, err := lock(s.Dir)
	if err != nil {
		return File{}, err
	}
	defer unlock()
	if _, err := Read(prepared.Path); err == nil { // made by another meanwhile
		return prepared, nil
	}
	if err := s.prepare(f.Path, prepared.Path, optimise); err != nil {
		return File{}, fmt.Errorf("model: preparing %s: %w", f.Path, err)
	}
	return prepared, nil
}

// prepare has the file from optimised and puts it at to, its large weights beside it. The directory is locked.
func (s Store) prepare(from, to string, optimise func(from, to string) error) error {
	scratch, err := os.CreateTemp(s.Dir, temporary)
	if err != nil {
		return err
	}
	defer os.Remove(scratch.Name())
	if err := scratch.Close(); err != nil {
		return err
	}
	if err := optimise(from, scratch.Name()); err != nil {
		return err
	}
	g, err := Read(scratch.Name())
	if err != nil {
		return err
	}
	for i, w := range g.weights {
		if len(w.inline) < sharedWeight {
			continue
		}
		sum := sha256.Sum256(w.inline)
		name := hex.EncodeToString(sum[:16]) + ".weight"
		if info, err := os.Stat(filepath.Join(s.Dir, name)); err != nil || info.Size() != int64(len(w.inline)) {
			if err := replace(filepath.Join(s.Dir, name), smallFile(w.inline)); err != nil {
				return err
			}
		}
		g.weights[i] = newExternalWeight(w.name, w.dims, w.elem, external{location: name, length: int64(len(w.inline))})
	}
	return replace(to, smallFile(g.Encode()))
}

// fingerprint tells files apart by their bytes, and the external files they point into by size and time.
func fingerprint(path string) (string, error) {
	g, err := Read(path)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("model: reading %s: %w", path, err)
	}
	seen := map[string]bool{}
	for _, w := range g.weights {
		if w.external == nil || seen[w.external.location] {
			continue
		}
		seen[w.external.location] = true
		info, err := os.Stat(filepath.Join(filepath.Dir(path), w.external.location))
		if err != nil {
			return "", fmt.Errorf("model: %w", err)
		}
		fmt.Fprintln(sum, w.external.location, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
