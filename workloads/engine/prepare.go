package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/splitbed/splitbed/workloads/model"
)

// Prepare returns a file of the store as ONNX Runtime optimises it for this host, made once and kept (see
// [model.Store.Prepare]). Sessions of prepared files open in a tenth of the time and share the memory of their weights with
// every other session on the host.
func Prepare(store model.Store, f model.File) (model.File, error) {
	if err := Init(); err != nil {
		return model.File{}, err
	}
	host, err := hostKey()
	if err != nil {
		return model.File{}, err
	}
	return store.Prepare(f, host, optimise)
}

// optimise opens a file with an optimiser that writes down what it made of it.
func optimise(from, to string) (err error) {
	options, err := sessionOptions(Options{Threads: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	if err := options.SetOptimizedModelFilePath(to); err != nil {
		return err
	}
	g, err := model.Read(from)
	if err != nil {
		return err
	}
	if len(g.Inputs) != 1 || len(g.Outputs) != 1 {
		return fmt.Errorf("engine: %s has %d inputs and %d outputs, expected one of each", from, len(g.Inputs), len(g.Outputs))
	}
	session, err := ort.NewDynamicAdvancedSession(from, []string{g.Inputs[0].Name}, []string{g.Outputs[0].Name}, options)
	if err != nil {
		return err
	}
	return session.Destroy()
}

// hostKey stands for what an optimised file depends on: the library's version, and the processor, whose vector width
// decides how weights are laid out.
var hostKey = sync.OnceValues(func() (string, error) {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	sum := sha256.New()
	for line := range strings.Lines(string(cpu)) {
		name, _, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "model name", "flags", "Features", "CPU part":
			sum.Write([]byte(line))
		case "":
			// The first processor stands for all.
			return ort.GetVersion() + "-" + hex.EncodeToString(sum.Sum(nil)[:4]), nil
		}
	}
	return ort.GetVersion() + "-" + hex.EncodeToString(sum.Sum(nil)[:4]), nil
})
