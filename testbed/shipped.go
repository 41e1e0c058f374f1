package testbed

import (
	"embed"
	"io/fs"

	"github.com/splitbed/splitbed/internal/spec"
)

//go:embed experiments/*.yaml
var shipped embed.FS

// ExperimentNames lists the shipped experiments.
func ExperimentNames() []string { return experiments().Names() }

// LoadExperiment reads a shipped experiment by name, or a file by path, with all it refers to.
func LoadExperiment(nameOrPath string) (*Experiment, error) {
	file, data, err := ReadExperiment("", nameOrPath)
	if err != nil {
		return nil, err
	}
	return ParseExperiment(file, data)
}

// ReadExperiment finds a shipped experiment by name, or a file by path, relative to dir, and returns its text and the name
// errors about it should carry.
func ReadExperiment(dir, nameOrPath string) (file string, data []byte, err error) {
	return experiments().Read(dir, nameOrPath)
}

func experiments() spec.Library {
	files, err := fs.Sub(shipped, "experiments")
	if err != nil { // only a malformed path is one
		files = shipped
	}
	return spec.Library{Kind: "experiment", Files: files}
}
