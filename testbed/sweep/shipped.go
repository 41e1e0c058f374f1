package sweep

import (
	"embed"

	"github.com/splitbed/splitbed/internal/spec"
)

//go:embed *.yaml
var files embed.FS

// Names lists the shipped sweeps.
func Names() []string { return library().Names() }

// Load reads a shipped sweep by name, or a file by path.
func Load(nameOrPath string) (*Sweep, error) {
	file, data, err := library().Read("", nameOrPath)
	if err != nil {
		return nil, err
	}
	return Parse(file, data)
}

func library() spec.Library { return spec.Library{Kind: "sweep", Files: files} }
