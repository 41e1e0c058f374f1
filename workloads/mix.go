package workloads

import (
	"math/rand/v2"

	"github.com/goccy/go-yaml"

	"github.com/splitbed/splitbed/internal/spec"
)

// Mix is the networks a task may run: one, or several of which each task of the entry draws one.
type Mix []Part

// Part is a network of a mix and its weight: it is drawn as often as the weight's share of all weights.
type Part struct {
	Model  string
	Weight float64
}

// One is the mix of a single network.
func One(model string) Mix { return Mix{{model, 1}} }

const allowedMixes = "a built-in network such as alexnet, the path of an .onnx file, a list of built-in networks, " +
	"or their weights such as {alexnet: 3, vgg16: 1}"

// UnmarshalSpec reads a name, a list of names, all equally likely, or names with weights.
func (m *Mix) UnmarshalSpec(c spec.Cursor) error {
	if _, one := c.Scalar(); one {
		*m = One("")
		return c.Decode(&(*m)[0].Model)
	}
	*m = nil
	if keys := c.Keys(); len(keys) > 0 {
		for _, name := range keys {
			weight, err := c.Field(name).Weight()
			if err != nil {
				return err
			}
			*m = append(*m, Part{name, weight})
		}
		return nil
	}
	var names []string
	if err := c.Decode(&names); err != nil {
		return err
	}
	for _, name := range names {
		*m = append(*m, Part{name, 1})
	}
	return nil
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (m Mix) MarshalYAML() (any, error) {
	switch {
	case len(m) == 1 && m[0].Weight == 1:
		return m[0].Model, nil
	case m.even():
		names := make([]string, len(m))
		for i, part := range m {
			names[i] = part.Model
		}
		return names, nil
	}
	var weighted yaml.MapSlice
	for _, part := range m {
		weighted = append(weighted, yaml.MapItem{Key: part.Model, Value: part.Weight})
	}
	return weighted, nil
}

func (m Mix) even() bool {
	for _, part := range m {
		if part.Weight != 1 {
			return false
		}
	}
	return true
}

func (m Mix) validate(c spec.Cursor) error {
	if len(m) == 0 {
		return c.Errorf(allowedMixes, "is missing")
	}
	for i, part := range m {
		at := c
		if c.Len() > 1 {
			at = c.Index(i)
		}
		switch {
		case part.Model == "":
			return at.Errorf(allowedMixes, "is missing")
		case len(m) > 1 && isFile(part.Model):
			return at.Errorf(allowedMixes, "%s is a file, and stands alone", spec.Clip(part.Model))
		}
	}
	return nil
}

// file tells whether the task's network is an ONNX file.
func (m Mix) file() bool { return len(m) == 1 && isFile(m[0].Model) }

// draw is one of the networks. Where there is one only, nothing is drawn.
func (m Mix) draw(random *rand.Rand) string {
	switch {
	case len(m) == 1:
		return m[0].Model
	case m.even():
		return m[random.IntN(len(m))].Model
	}
	sum := 0.0
	for _, part := range m {
		sum += part.Weight
	}
	at := random.Float64() * sum
	for _, part := range m {
		if at -= part.Weight; at < 0 {
			return part.Model
		}
	}
	return m[len(m)-1].Model
}
