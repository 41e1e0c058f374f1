package topologies

import (
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// What a topology leaves out.
const (
	// DefaultThreshold lets a schedule assign all of an uplink.
	DefaultThreshold = 1.0
	// DefaultQueue is the queue of a small router: long enough for TCP to fill the link, short against a
	// deadline of 200 ms.
	DefaultQueue = units.Virtual(50e6)
	// DefaultDownlink is wide, because answers are a few bytes; its delay is the uplink's.
	DefaultDownlink = units.Rate(1e9)
)

// Parse reads a topology. File is the name errors carry; every error is a *spec.Error.
func Parse(file string, data []byte) (*Topology, error) {
	t := &Topology{}
	if _, err := spec.Decode(file, data, t); err != nil {
		return nil, err
	}
	return t, nil
}

// UnmarshalSpec reads a topology that stands by itself or inside an experiment, where it can also be a shipped name or
// a path, and checks it.
func (t *Topology) UnmarshalSpec(c spec.Cursor) error {
	if name, ok := c.Reference(); ok {
		named, err := LoadFrom(c.Dir(), name)
		if err != nil {
			return c.Wrap(err)
		}
		*t = *named
		return nil
	}
	type plain Topology
	p := plain{Threshold: DefaultThreshold, source: c}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*t = Topology(p)
	return t.Validate()
}

// UnmarshalSpec reads a link over its defaults.
func (l *Link) UnmarshalSpec(c spec.Cursor) error {
	type plain Link
	p := plain{Queue: DefaultQueue}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*l = Link(p).withMean()
	return nil
}

// UnmarshalSpec reads a trunk over its defaults. It stands before the one Link would lend it.
func (t *Trunk) UnmarshalSpec(c spec.Cursor) error {
	type plainLink Link
	p := struct {
		Name      string `yaml:"name"`
		plainLink `yaml:",inline"`
		Trunk     string `yaml:"trunk"`
	}{plainLink: plainLink{Queue: DefaultQueue}}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*t = Trunk{Name: p.Name, Link: Link(p.plainLink).withMean(), Trunk: p.Trunk}
	return nil
}

// withMean gives a link that follows a trace, and has no other rate to be scheduled by, the trace's mean.
func (l Link) withMean() Link {
	if l.Trace != nil && l.Rate == 0 {
		l.Rate = l.Trace.Mean()
	}
	return l
}
