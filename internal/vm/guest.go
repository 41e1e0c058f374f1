package vm

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/internal/dynlib"
)

// Guest is what a virtual machine boots into.
type Guest struct {
	Kernel Kernel
	// Init is the host path of internal/vm/init, built without cgo.
	Init string
	// Modules are inserted before the first program, and what they depend on before them.
	Modules []string
	// Programs run one after the other.
	Programs []Program
	// Files are further files by their absolute path in the guest; the value is the path on the host.
	Files map[string]string
	// Dynamic are paths in the guest of those Files that the dynamic loader loads: programs, and libraries they open
	// when they run. The loader and the libraries they need come along.
	Dynamic []string
	// MemoryMB is the guest's memory, which also holds its files.
	MemoryMB int
}

// Program is a program of the guest: the first argument is its path there.
type Program struct {
	Name string
	Args []string
	Env  []string
	Dir  string
}

// In the guest.
const (
	ScriptFile = "/script.json"
	LibraryDir = "/lib/splitbed" // where LD_LIBRARY_PATH points to
	modulesDir = "/modules"
)

// Script is what process 1 does: it inserts the modules and runs the programs.
type Script struct {
	Modules  []string
	Programs []Program
}

// initramfs writes the first file system of the guest.
func (g Guest) initramfs(w io.Writer) error {
	modules, err := g.Kernel.order(g.Modules...)
	if err != nil {
		return err
	}
	files, err := g.files()
	if err != nil {
		return err
	}
	script := Script{Programs: g.Programs}
	files["/init"] = g.Init
	for _, m := range modules {
		inside := path.Join(modulesDir, filepath.Base(m))
		files[inside] = m
		script.Modules = append(script.Modules, inside)
	}
	text, err := json.Marshal(script)
	if err != nil {
		return err
	}
	a := &archive{w: w}
	for _, dir := range parents(slices.Concat(slices.Collect(maps.Keys(files)), mountPoints())) {
		a.dir(strings.TrimPrefix(dir, "/"))
	}
	a.file(strings.TrimPrefix(ScriptFile, "/"), 0o644, text)
	for _, inside := range slices.Sorted(maps.Keys(files)) {
		content, err := os.ReadFile(files[inside])
		if err != nil {
			return fmt.Errorf("file %s of the guest: %w", inside, err)
		}
		a.file(strings.TrimPrefix(inside, "/"), 0o755, content)
	}
	return a.close()
}

// files are the guest's files with the loader and the libraries.
func (g Guest) files() (map[string]string, error) {
	files := maps.Clone(g.Files)
	if files == nil {
		files = map[string]string{}
	}
	if len(g.Dynamic) == 0 {
		return files, nil
	}
	var loaded []string
	for _, inside := range g.Dynamic {
		loaded = append(loaded, files[inside])
	}
	interpreter, libs, err := dynlib.Needed(loaded...)
	if err != nil {
		return nil, err
	}
	if interpreter != "" {
		files[interpreter] = interpreter
	}
	for name, host := range libs {
		files[path.Join(LibraryDir, name)] = host
	}
	return files, nil
}

// parents lists the directories that hold the files, each after its own parent.
func parents(files []string) []string {
	found := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(f); dir != "/" && !found[dir]; dir = path.Dir(dir) {
			found[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// mountPoints lists files that do not exist, in every directory the guest's init mounts something on.
func mountPoints() []string {
	var files []string
	for _, m := range Mounts {
		files = append(files, path.Join(m.Point, "x"))
	}
	return files
}

// Mount is a file system of the guest.
type Mount struct{ Type, Point string }

// Mounts are what a program on a host finds mounted.
var Mounts = []Mount{
	{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"cgroup2", "/sys/fs/cgroup"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"},
}
