// Package dynlib finds the shared libraries a program needs, without asking the dynamic loader to run it: for images
// and archives that hold nothing else.
package dynlib

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Needed finds every shared library that the given ELF files need, directly or through others, as the dynamic
// loader would (ld.so(8)): host path by the name it is asked for. interpreter is the loader itself, the path that
// the kernel reads from the first file that names one, "" for a static binary.
func Needed(files ...string) (interpreter string, found map[string]string, err error) {
	found = map[string]string{}
	system := systemLibraryDirs("/etc/ld.so.conf")
	for queue := files; len(queue) > 0; queue = queue[1:] {
		file, err := readELF(queue[0])
		if err != nil {
			return "", nil, fmt.Errorf("read the libraries %s needs: %w", queue[0], err)
		}
		if interpreter == "" {
			interpreter = file.interpreter
		}
		for _, name := range file.needed {
			if found[name] != "" || name == filepath.Base(interpreter) {
				continue
			}
			path, err := file.find(name, system)
			if err != nil {
				return "", nil, err
			}
			found[name] = path
			queue = append(queue, path)
		}
	}
	return interpreter, found, nil
}

// elfFile is what matters of an ELF file for loading it.
type elfFile struct {
	path        string
	class       elf.Class
	machine     elf.Machine
	interpreter string
	needed      []string
	rpath       []string // searched before LD_LIBRARY_PATH, empty if there is a runpath
	runpath     []string // searched after it
}

func readELF(path string) (elfFile, error) {
	f, err := elf.Open(path)
	if err != nil {
		return elfFile{}, err
	}
	defer f.Close()
	e := elfFile{path: path, class: f.Class, machine: f.Machine}
	if s := f.Section(".interp"); s != nil {
		b, err := s.Data()
		if err != nil {
			return elfFile{}, err
		}
		e.interpreter = strings.TrimRight(string(b), "\x00")
	}
	if e.needed, err = f.DynString(elf.DT_NEEDED); err != nil {
		return elfFile{}, err
	}
	if e.rpath, err = e.searchDirs(f, elf.DT_RPATH); err != nil {
		return elfFile{}, err
	}
	if e.runpath, err = e.searchDirs(f, elf.DT_RUNPATH); err != nil {
		return elfFile{}, err
	}
	if len(e.runpath) > 0 {
		e.rpath = nil
	}
	return e, nil
}

// searchDirs reads a colon-separated search path of the file. $ORIGIN in it is the directory the file is in.
func (e elfFile) searchDirs(f *elf.File, tag elf.DynTag) ([]string, error) {
	lists, err := f.DynString(tag)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(e.path)
	if err != nil {
		return nil, err
	}
	origin := strings.NewReplacer("$ORIGIN", filepath.Dir(real), "${ORIGIN}", filepath.Dir(real))
	var dirs []string
	for _, list := range lists {
		dirs = append(dirs, filepath.SplitList(origin.Replace(list))...)
	}
	return dirs, nil
}

// find returns the library of that name that the loader would take for e. Those for another machine are passed over.
func (e elfFile) find(name string, system []string) (string, error) {
	dirs := append([]string{}, e.rpath...)
	dirs = append(dirs, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
	dirs = append(dirs, e.runpath...)
	dirs = append(dirs, system...)
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if lib, err := elf.Open(path); err == nil {
			fits := lib.Class == e.class && lib.Machine == e.machine
			lib.Close()
			if fits {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("library %s, which %s needs, is in none of %s: install the package it belongs to, or add its directory to LD_LIBRARY_PATH",
		name, e.path, strings.Join(dirs, ", "))
}

// systemLibraryDirs returns the directories of an ld.so.conf with its includes, and after them the loader's own. The
// binary cache made of them is left aside: the same libraries are found without it.
func systemLibraryDirs(conf string) []string {
	dirs, err := libraryConf(conf, 0)
	if err != nil {
		dirs = nil // musl has no such file, and the loader's own directories hold everything
	}
	own := []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	for _, pattern := range []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*"} { // Debian's multiarch directories
		match, err := filepath.Glob(pattern)
		if err == nil {
			own = append(match, own...)
		}
	}
	return append(dirs, own...)
}

func libraryConf(conf string, depth int) ([]string, error) {
	if depth > 8 {
		return nil, errors.New(conf + " includes itself")
	}
	b, err := os.ReadFile(conf)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "include":
			for _, pattern := range fields[1:] {
				if !filepath.IsAbs(pattern) {
					pattern = filepath.Join(filepath.Dir(conf), pattern)
				}
				match, err := filepath.Glob(pattern)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", conf, err)
				}
				for _, m := range match {
					included, err := libraryConf(m, depth+1)
					if err != nil {
						return nil, err
					}
					dirs = append(dirs, included...)
				}
			}
		default:
			dirs = append(dirs, fields[0])
		}
	}
	return dirs, nil
}
