package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Library is a set of shipped files, usable by bare name.
type Library struct {
	// Kind is what a file holds ("topology"), Files the files, all of them NAME.yaml.
	Kind  string
	Files fs.FS
}

// Names lists the shipped files in alphabetical order, without their ending.
func (l Library) Names() []string {
	files, err := fs.Glob(l.Files, "*.yaml")
	if err != nil { // only a malformed pattern is one
		return nil
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f, ".yaml")
	}
	return names
}

// Read finds a file by shipped name or by path. Anything with a slash or an ending is a path, relative to dir; a bare
// word is a shipped name, or else a file. The name returned is the one errors should carry.
func (l Library) Read(dir, nameOrPath string) (file string, data []byte, err error) {
	bare := !strings.ContainsAny(nameOrPath, "./")
	if bare {
		shipped := nameOrPath + ".yaml"
		if data, err := fs.ReadFile(l.Files, shipped); err == nil {
			return shipped, data, nil
		}
	}
	path := nameOrPath
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	data, err = ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		problem := fmt.Sprintf("%q is neither a shipped %s nor a file", Clip(nameOrPath), l.Kind)
		return "", nil, &Error{Problem: Suggest(problem, nameOrPath, l.Names()), Allowed: strings.Join(l.Names(), ", ") + ", or a path", Err: err}
	}
	return path, data, err
}

// ReadFile reads a spec file of at most MaxSize bytes. Its error is an *Error.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{Problem: err.Error(), Err: err}
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &Error{Problem: fmt.Sprintf("%q is a directory; name the file in it", Clip(path))}
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, &Error{Problem: err.Error(), Err: err}
	}
	return data, nil
}

// Files holds what files were read into, so that one which a spec names many times, by aliases too, is read once and what was made of it is
// shared. It is not safe for concurrent use.
type Files map[fileKey]any

type fileKey struct {
	path string
	made reflect.Type
}

// Once is what read makes of a file, now or the first time.
func Once[T any](files Files, path string, read func(path string) (T, error)) (T, error) {
	key := fileKey{path, reflect.TypeFor[T]()}
	if made, ok := files[key].(T); ok {
		return made, nil
	}
	made, err := read(path)
	if err == nil {
		files[key] = made
	}
	return made, err
}

// Files are those the document of c has named so far.
func (c Cursor) Files() Files {
	if c.doc == nil {
		return Files{}
	}
	if c.doc.files == nil {
		c.doc.files = Files{}
	}
	return c.doc.files
}
