package workloads

import (
	"math/rand/v2"

	"github.com/splitbed/splitbed/internal/spec"
)

// Mix is the networks a task may run: one, or several of which each task of the entry draws one, all equally likely.
type Mix []string

const allowedMixes = "a built-in network such as alexnet, the path of an .onnx file, or a list of built-in networks"

// UnmarshalSpec reads a name or a list of names.
func (m *Mix) UnmarshalSpec(c spec.Cursor) error {
	if _, one := c.Scalar(); one {
		*m = make(Mix, 1)
		return c.Decode(&(*m)[0])
	}
	var names []string
	if err := c.Decode(&names); err != nil {
		return err
	}
	*m = names
	return nil
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (m Mix) MarshalYAML() (any, error) {
	if len(m) == 1 {
		return m[0], nil
	}
	return []string(m), nil
}

func (m Mix) validate(c spec.Cursor) error {
	if len(m) == 0 {
		return c.Errorf(allowedMixes, "is missing")
	}
	for i, name := range m {
		at := c
		if len(m) > 1 {
			at = c.Index(i)
		}
		switch {
		case name == "":
			return at.Errorf(allowedMixes, "is missing")
		case len(m) > 1 && isFile(name):
			return at.Errorf(allowedMixes, "%s is a file, and stands alone", spec.Clip(name))
		}
	}
	return nil
}

// file tells whether the task's network is an ONNX file.
func (m Mix) file() bool { return len(m) == 1 && isFile(m[0]) }

// draw is one of the networks. Where there is one only, nothing is drawn.
func (m Mix) draw(random *rand.Rand) string {
	if len(m) == 1 {
		return m[0]
	}
	return m[random.IntN(len(m))]
}
