package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// ErrNoLibrary is wrapped by the error that libonnxruntime is nowhere to be found.
var ErrNoLibrary = errors.New("the ONNX Runtime library (libonnxruntime.so.1) was not found")

const soname = "libonnxruntime.so.1"

// LibraryPath finds libonnxruntime: the file $ONNXRUNTIME_LIB names, ../lib beside the executable, the
// directories of $LD_LIBRARY_PATH and the system's own. The first one found is returned, not
// opened.
func LibraryPath() (string, error) {
	if path := os.Getenv("ONNXRUNTIME_LIB"); path != "" {
		if info, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("engine: ONNXRUNTIME_LIB: %w", err)
		} else if !info.Mode().IsRegular() {
			return "", fmt.Errorf("engine: ONNXRUNTIME_LIB=%s is not a file; it must name %s itself", path, soname)
		}
		return filepath.Abs(path)
	}
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			dirs = append(dirs, filepath.Join(filepath.Dir(exe), "..", "lib"))
		}
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
	dirs = append(dirs, "/usr/local/lib", "/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib")
	if path := findLibrary(dirs); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("engine: %w: run make setup, install the package libonnxruntime, or set ONNXRUNTIME_LIB to the file (looked in %q)",
		ErrNoLibrary, dirs)
}

// findLibrary returns the library in the first of the directories (patterns) that has it; Debian
// appends the minor version to its name.
func findLibrary(dirs []string) string {
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		for _, name := range []string{soname, soname + ".*"} {
			found, _ := filepath.Glob(filepath.Join(dir, name)) // a bad pattern finds nothing
			if len(found) > 0 {
				return slices.Max(found)
			}
		}
	}
	return ""
}

// initialising serialises Init: ONNX Runtime has one environment in a process, and so the binding keeps
// it in globals.
var initialising sync.Mutex

// Init loads the library and makes the process's one ONNX Runtime environment, with telemetry off.
// Calls after the first that succeeded do nothing. It is safe for concurrent use.
func Init() error {
	initialising.Lock()
	defer initialising.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	path, err := LibraryPath()
	if err != nil {
		return err
	}
	// DisableTelemetry comes too late for what the library starts with its environment: a thread that reports to its makers, and a
	// file in the working or temporary directory.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("engine: loading %s (ONNX Runtime 1.30 is known to work): %w", path, err)
	}
	if err := ort.DisableTelemetry(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return shareArena()
}

// shareArena makes one arena for all sessions of the process. They compute in turn, so it holds what the largest of them
// needs; an arena each would add up over hundreds of heads.
func shareArena() error {
	memory, err := ort.GetMemoryInfo()
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	const noLimit, sameAsRequested, unset = 0, 1, -1
	arena, err := ort.NewArenaCfg(noLimit, sameAsRequested, unset, unset)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer arena.Destroy()
	if err := ort.CreateAndRegisterAllocator(memory, arena); err != nil {
		return fmt.Errorf("engine: sharing an arena between sessions: %w", err)
	}
	return nil
}
