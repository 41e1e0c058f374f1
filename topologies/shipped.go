package topologies

import (
	"embed"

	"github.com/splitbed/splitbed/internal/spec"
)

//go:embed *.yaml
var files embed.FS

// Names lists the shipped topologies.
func Names() []string { return library().Names() }

// Load reads a shipped topology by name, or a file by path.
func Load(nameOrPath string) (*Topology, error) { return LoadFrom("", nameOrPath) }

// LoadFrom is Load with relative paths starting from a directory.
func LoadFrom(dir, nameOrPath string) (*Topology, error) {
	file, data, err := Read(dir, nameOrPath)
	if err != nil {
		return nil, err
	}
	return Parse(file, data)
}

// Read is the file that LoadFrom would parse and the name its errors would carry.
func Read(dir, nameOrPath string) (file string, data []byte, err error) {
	return library().Read(dir, nameOrPath)
}

func library() spec.Library { return spec.Library{Kind: "topology", Files: files} }
