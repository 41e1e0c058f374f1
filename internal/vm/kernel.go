package vm

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Kernel is a kernel package unpacked: boot/vmlinuz-* and lib/modules.
type Kernel struct {
	// Image is the path of the bootable kernel.
	Image string
	// modules are the paths of the module files by the modules' names.
	modules map[string]string
}

// OpenKernel looks for the kernel and its modules below a directory.
func OpenKernel(dir string) (Kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return Kernel{}, err
	}
	if len(images) != 1 {
		return Kernel{}, fmt.Errorf("%d kernels in %s, want one (boot/vmlinuz-*); .ci/setup --test fetches it", len(images), dir)
	}
	k := Kernel{Image: images[0], modules: map[string]string{}}
	err = filepath.WalkDir(filepath.Join(dir, "lib", "modules"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			k.modules[moduleName(strings.TrimSuffix(d.Name(), ".ko"))] = path
		}
		return err
	})
	return k, err
}

// moduleName is a module's name as the kernel has it: file names may have - where it has _.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// order returns the files of the modules, each after those it depends on.
func (k Kernel) order(names ...string) ([]string, error) {
	var files []string
	visited := map[string]bool{}
	var add func(name, by string) error
	add = func(name, by string) error {
		if visited[name] {
			return nil
		}
		visited[name] = true
		file, ok := k.modules[name]
		if !ok {
			return fmt.Errorf("the kernel %s has no module %s, which %s needs", filepath.Base(k.Image), name, by)
		}
		needed, err := depends(file)
		if err != nil {
			return err
		}
		for _, n := range needed {
			if err := add(n, name); err != nil {
				return err
			}
		}
		files = append(files, file)
		return nil
	}
	for _, n := range names {
		if err := add(moduleName(n), "the guest"); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// depends reads the names of the modules that a module's file says it needs.
func depends(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", file, err)
	}
	defer f.Close()
	info := f.Section(".modinfo")
	if info == nil {
		return nil, fmt.Errorf("module %s: %w", file, errors.New("it has no section .modinfo"))
	}
	b, err := info.Data()
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", file, err)
	}
	return parseDepends(string(b)), nil
}

// parseDepends reads "depends=a,b" among the strings, each ended by a zero byte, of a module's information.
func parseDepends(info string) []string {
	for _, field := range strings.Split(info, "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			names := strings.Split(list, ",")
			for i, n := range names {
				names[i] = moduleName(n)
			}
			return names
		}
	}
	return nil
}
