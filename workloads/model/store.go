package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Store is a directory of built networks: ONNX files of a few kilobytes and, per network, one weights
// file they all point into.
//
// Files are made when they are first asked for, checked whenever they are asked for again, and
// replaced when the check fails. Any number of goroutines and processes may use a directory at once:
// files appear whole, by rename, and one process at a time writes.
type Store struct{ Dir string }

// File is one ONNX file with one input and one output, float32 both, batch dimension included.
type File struct {
	Path          string
	Input, Output Tensor
	// Prepared says that the engine's optimiser has been over it already; see [Store.Prepare].
	Prepared bool `json:",omitempty"`
}

// DefaultStore is $SPLITBED_CACHE or, where that is not set, splitbed/models in the user's cache directory
// ($XDG_CACHE_HOME, else ~/.cache).
func DefaultStore() (Store, error) {
	dir := os.Getenv("SPLITBED_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return Store{}, fmt.Errorf("model: no directory for built networks; set SPLITBED_CACHE: %w", err)
		}
		dir = filepath.Join(base, "splitbed", "models")
	}
	dir, err := filepath.Abs(dir)
	return Store{Dir: dir}, err
}

// Whole returns the uncut network for pictures of h×w pixels.
func (s Store) Whole(name string, h, w int) (File, error) {
	return s.part(name, h, w, "whole", 0)
}

// Head returns layers 1..k, 1 ≤ k ≤ N.
func (s Store) Head(name string, h, w, k int) (File, error) {
	return s.part(name, h, w, "head", k)
}

// Tail returns layers k+1..N, 0 ≤ k < N.
func (s Store) Tail(name string, h, w, k int) (File, error) {
	return s.part(name, h, w, "tail", k)
}

// Describe returns the profile of a network, a built-in one or an imported file, for pictures of h×w pixels.
func (s Store) Describe(name string, h, w int) (Profile, error) {
	if !IsFile(name) {
		return Describe(name, h, w)
	}
	d, err := s.described(name, h, w)
	if err != nil {
		return Profile{}, err
	}
	return d.profile(name, h, w), nil
}

func (s Store) part(name string, h, w int, half string, k int) (File, error) {
	if IsFile(name) {
		d, err := s.described(name, h, w)
		if err != nil {
			return File{}, err
		}
		if err := within(name, half, k, len(d.Layers)-1); err != nil {
			return File{}, err
		}
		return d.part(s, half, k)
	}
	p, err := planned(name, h, w)
	if err != nil {
		return File{}, err
	}
	n := len(p.ends) - 1
	if err := within(name, half, k, n); err != nil {
		return File{}, err
	}
	stem := fmt.Sprintf("%s-v%d-s%d", name, Version, weightSeed)
	weights := stem + ".weights"
	g := p.graph(weights)
	switch {
	case half == "head" && k < n:
		g, _, err = g.Split(p.ends[k].spot.tensor)
	case half == "tail" && k > 0:
		_, g, err = g.Split(p.ends[k].spot.tensor)
	default: // the head of all layers and the tail of all layers are the whole
		half, k = "whole", 0
	}
	if err != nil {
		return File{}, err
	}
	if err := s.ensure(weights, weightsFile(p.weights())); err != nil {
		return File{}, err
	}
	file := fmt.Sprintf("%s-%dx%d-%s%d.onnx", stem, h, w, half, k)
	if half == "whole" {
		file = fmt.Sprintf("%s-%dx%d-whole.onnx", stem, h, w)
	}
	if err := s.ensure(file, smallFile(g.Encode())); err != nil {
		return File{}, err
	}
	return File{Path: filepath.Join(s.Dir, file), Input: g.Inputs[0].Tensor, Output: g.Outputs[0].Tensor}, nil
}

// within refuses a cut that leaves a half of a network of n layers empty.
func within(name, half string, k, n int) error {
	first, last := 0, n
	switch half {
	case "head":
		first, last = 1, n
	case "tail":
		first, last = 0, n-1
	}
	if half != "whole" && (k < first || k > last) {
		return fmt.Errorf("model %s has no %s at cut %d: with %d layers it is %d to %d", name, half, k, n, first, last)
	}
	return nil
}

// contents is what a file of the store must hold.
type contents interface {
	size() int64
	// matches tells whether a file of the right size holds it; an error means that it cannot be read.
	matches(f io.ReaderAt) (bool, error)
	write(f io.WriterAt) error
}

// ensure makes the file unless it is there and good.
func (s Store) ensure(name string, c contents) error {
	path := filepath.Join(s.Dir, name)
	if good, err := intact(path, c); good || err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("model: store: %w", err)
	}
	unlock, err := lock(s.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if good, err := intact(path, c); good || err != nil { // made by another meanwhile
		return err
	}
	if err := replace(path, c); err != nil {
		return fmt.Errorf("model: making %s (%.1f MB; SPLITBED_CACHE names another directory): %w", path, float64(c.size())/1e6, err)
	}
	return nil
}

func intact(path string, c contents) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("model: store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("model: store: %w", err)
	}
	if info.Size() != c.size() {
		return false, nil
	}
	good, err := c.matches(f)
	if err != nil {
		return false, fmt.Errorf("model: checking %s: %w", path, err)
	}
	return good, nil
}

// lock takes the directory's lock, which the kernel releases when its holder dies. The one who holds
// it removes what a killed writer left, and, when no import can still need it, what a killed import left.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("model: store: %w", err)
	}
	for {
		err = unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("model: locking %s: %w", dir, err)
	}
	if err := sweep(dir); err != nil {
		d.Close()
		return nil, fmt.Errorf("model: left by an interrupted writer: %w", err)
	}
	return func() { d.Close() }, nil
}

// What lies in the store for a while: temporary is written under the lock, importing by an import, which takes no lock and is over
// within longestImport.
const (
	temporary     = ".writing-*"
	importing     = ".importing-*"
	longestImport = time.Hour
)

// sweep removes what nobody writes or reads any more. The directory is locked.
func sweep(dir string) error {
	for pattern, age := range map[string]time.Duration{temporary: 0, importing: longestImport} {
		stale, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are fixed and well formed
		for _, path := range stale {
			info, err := os.Stat(path)
			if err == nil && time.Since(info.ModTime()) >= age {
				err = os.Remove(path)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) { // an import may end meanwhile
				return err
			}
		}
	}
	return nil
}

// replace writes the file beside its place and renames it there, so that nobody sees a part of it, and
// a process that has the old one mapped keeps it.
func replace(path string, c contents) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporary)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = c.write(f); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// smallFile is a file whose bytes are known.
type smallFile []byte

func (c smallFile) size() int64 { return int64(len(c)) }

func (c smallFile) matches(f io.ReaderAt) (bool, error) {
	have := make([]byte, len(c))
	if _, err := f.ReadAt(have, 0); err != nil {
		return false, err
	}
	return bytes.Equal(have, c), nil
}

func (c smallFile) write(f io.WriterAt) error {
	_, err := f.WriteAt(c, 0)
	return err
}

// weightsFile holds seeded weights at their places.
type weightsFile []weightSpec

func (c weightsFile) size() int64 { return layoutSize(c) }

// matches compares the first and the last row of every weight: enough to see a file that was filled
// with zeros or made by something else, and quick enough for every use.
func (c weightsFile) matches(f io.ReaderAt) (bool, error) {
	places := layout(c)
	for _, w := range c {
		for _, r := range []int{0, w.rows() - 1} {
			want := w.appendRow(nil, r)
			have := make([]byte, len(want))
			if _, err := f.ReadAt(have, places[w.name]+int64(r*len(want))); err != nil {
				return false, err
			}
			if !bytes.Equal(have, want) {
				return false, nil
			}
		}
	}
	return true, nil
}

// write draws the weights on all cores, about a megabyte at a time.
func (c weightsFile) write(f io.WriterAt) error {
	const chunk = 1 << 20
	group := errgroup.Group{}
	group.SetLimit(runtime.GOMAXPROCS(0))
	places := layout(c)
	for _, w := range c {
		row := 4 * w.rowLen()
		rows := max(chunk/row, 1)
		for from := 0; from < w.rows(); from += rows {
			group.Go(func() error {
				to := min(from+rows, w.rows())
				data := make([]byte, 0, (to-from)*row)
				for r := from; r < to; r++ {
					data = w.appendRow(data, r)
				}
				_, err := f.WriteAt(data, places[w.name]+int64(from)*int64(row))
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	// The last page is filled up, so that the size is that of the layout.
	if end := c.size(); end > 0 {
		last := c[len(c)-1]
		pad := make([]byte, end-places[last.name]-last.bytes())
		_, err := f.WriteAt(pad, end-int64(len(pad)))
		return err
	}
	return nil
}
