package sweep

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/testbed"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
)

// point is one experiment of the grid.
type point struct {
	index  int
	fields []setting // in the order of the file
}

// setting is a field with the value it has at a point.
type setting struct {
	field Field
	value value
}

// String names the point for messages: "seed=3 scheduler.algorithm=layer".
func (p point) String() string {
	if len(p.fields) == 0 {
		return "the experiment"
	}
	parts := make([]string, len(p.fields))
	for i, f := range p.fields {
		parts[i] = fmt.Sprintf("%s=%v", f.field.name, f.value.label)
	}
	return strings.Join(parts, " ")
}

// without names the values of all fields but one.
func (p point) without(field string) string {
	p.fields = slices.DeleteFunc(slices.Clone(p.fields), func(f setting) bool { return f.field.name == field })
	return p.String()
}

// points lists all combinations of the axes, the last one varying fastest.
func (s *Sweep) points() []point {
	total := 1
	for _, axis := range s.Grid {
		total *= axis.len()
	}
	out := make([]point, total)
	for i := range out {
		out[i].index = i
		rest := i
		chosen := make([]int, len(s.Grid))
		for a := len(s.Grid) - 1; a >= 0; a-- {
			chosen[a] = rest % s.Grid[a].len()
			rest /= s.Grid[a].len()
		}
		for a, axis := range s.Grid {
			for _, f := range axis.Fields {
				out[i].fields = append(out[i].fields, setting{f, f.values[chosen[a]]})
			}
		}
	}
	return out
}

// selected are the points that have one of the values asked for in every field that is asked about.
func (s *Sweep) selected(only map[string][]string) ([]point, error) {
	points := s.points()
	for _, name := range slices.Sorted(maps.Keys(only)) {
		var values []string // those of the field, as the table writes them
		for _, axis := range s.Grid {
			for _, f := range axis.Fields {
				if f.name != name {
					continue
				}
				for _, v := range f.values {
					values = append(values, fmt.Sprint(v.label))
				}
			}
		}
		if values == nil {
			return nil, fmt.Errorf("sweep %s: only some of %q: it is no field of the grid", s.Name, name)
		}
		for _, wanted := range only[name] {
			if !slices.Contains(values, wanted) {
				return nil, fmt.Errorf("sweep %s: only %s=%s: there is no such value; allowed: %s", s.Name, name, wanted, strings.Join(values, ", "))
			}
		}
		points = slices.DeleteFunc(points, func(p point) bool {
			return slices.ContainsFunc(p.fields, func(f setting) bool {
				return f.field.name == name && !slices.Contains(only[name], fmt.Sprint(f.value.label))
			})
		})
	}
	return points, nil
}

// compose makes the experiment of a point. A field inside a topology or workload that the experiment only names is
// set in what the name stands for. Its error is a *spec.Error that points at the value at fault.
func (s *Sweep) compose(p point) (*testbed.Experiment, error) {
	tree := s.Experiment.tree
	outermostFirst := slices.Clone(p.fields)
	slices.SortStableFunc(outermostFirst, func(a, b setting) int { return cmp.Compare(len(a.field.path), len(b.field.path)) })
	for _, f := range outermostFirst {
		var err error
		for key, read := range references() {
			if f.field.path.Below(key) {
				if tree, err = inline(tree, key, read); err != nil {
					return nil, err
				}
			}
		}
		if tree, err = tree.Set(f.field.path, f.value.tree); err != nil {
			return nil, err
		}
	}
	e := &testbed.Experiment{}
	return e, tree.Decode(e)
}

type reader func(dir, nameOrPath string) (file string, data []byte, err error)

// references are the keys of an experiment that may hold a name instead of a value.
func references() map[string]reader {
	return map[string]reader{"topology": topologies.Read, "workload": workloads.Read}
}

// inline puts what a name stands for in its place.
func inline(tree spec.Cursor, key string, read reader) (spec.Cursor, error) {
	at := tree.Field(key)
	name, ok := at.Scalar()
	if !ok {
		return tree, nil
	}
	file, data, err := read(at.Dir(), name)
	if err != nil {
		return tree, at.Wrap(err)
	}
	named, err := spec.Parse(file, data)
	if err != nil {
		return tree, err
	}
	path, err := spec.ParsePath(key)
	if err != nil {
		return tree, err
	}
	return tree.Set(path, named)
}

// checkPoints composes the points at which a field has a value for the first time, which are enough to find a field that
// does not exist and a value that is wrong. Combinations that are wrong show when Run composes all points, before it
// works on the first.
func (s *Sweep) checkPoints() error {
	seen := map[string]bool{}
	for _, p := range s.points() {
		fresh := len(p.fields) == 0
		for _, f := range p.fields {
			key := fmt.Sprint(f.field.name, "=", f.value.label)
			fresh = fresh || !seen[key]
			seen[key] = true
		}
		if !fresh {
			continue
		}
		if _, err := s.compose(p); err != nil {
			return err
		}
	}
	return nil
}

// keyOf is what a point's result is kept under: a hash of everything it follows from.
func (s *Sweep) keyOf(e *testbed.Experiment, version string) (string, error) {
	text, err := spec.Encode(e)
	if err != nil {
		return "", err
	}
	return hash(version, s.Mode, fmt.Sprint(s.Curve), string(text)), nil
}

// groupOf is the same for all points that differ in their algorithm only, and so share one scheduling problem.
func groupOf(e *testbed.Experiment) (string, error) {
	same := *e
	same.Scheduler.Algorithm, same.Scheduler.Schedule = "", nil
	text, err := spec.Encode(&same)
	if err != nil {
		return "", err
	}
	return hash(string(text)), nil
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p) // a hash never fails to write
	}
	return hex.EncodeToString(h.Sum(nil))
}
