package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Path names a place below another one by keys and indices, as the errors of this package do: "topology.edges[1].uplink".
// An index of [*] is every element of a list.
type Path []step

type step struct {
	name  string // a mapping's key, or
	index int    // a list's element, or everyIndex
}

const (
	everyIndex   = -1
	allowedPaths = "keys with dots between them, such as scheduler.margin or workload.tasks[0].input, [*] for all of a list"
)

// ParsePath reads a path. Its error says what is wrong, but not where the path stands; [Cursor.Wrap] does.
func ParsePath(text string) (Path, error) {
	bad := func(problem string) (Path, error) {
		return nil, &Error{Problem: fmt.Sprintf("%q is no path to a field: %s", Clip(text), problem), Allowed: allowedPaths}
	}
	var out Path
	for _, part := range strings.Split(text, ".") {
		name, indices, indexed := strings.Cut(part, "[")
		if name == "" {
			return bad("a key is empty")
		}
		out = append(out, step{name: name})
		for more := indexed; more; {
			var number, rest string
			number, rest, more = strings.Cut(indices, "]")
			if !more {
				return bad("a bracket is not closed")
			}
			index, err := strconv.ParseUint(number, 10, 31)
			switch {
			case number == "*":
				out = append(out, step{index: everyIndex})
			case err != nil:
				return bad(fmt.Sprintf("%q is no index", Clip(number)))
			default:
				out = append(out, step{index: int(index)})
			}
			if indices, more = strings.CutPrefix(rest, "["); !more && rest != "" {
				return bad("a key follows a bracket without a dot")
			}
		}
	}
	if len(out) > maxDepth {
		return bad("it is too deep")
	}
	return out, nil
}

// String is the path as [ParsePath] reads it.
func (p Path) String() string {
	var b strings.Builder
	for _, s := range p {
		switch {
		case s.name != "" && b.Len() > 0:
			b.WriteString("." + s.name)
		case s.name != "":
			b.WriteString(s.name)
		case s.index == everyIndex:
			b.WriteString("[*]")
		default:
			fmt.Fprintf(&b, "[%d]", s.index)
		}
	}
	return b.String()
}

// Below tells whether the path leads to something inside the value of a top-level key.
func (p Path) Below(key string) bool { return len(p) > 1 && p[0].name == key }

// Within tells whether the path leads to the place of another one or into it.
func (p Path) Within(other Path) bool {
	return len(p) >= len(other) && slices.Equal(p[:len(other)], other)
}

// Set is a tree like c with another value at a path: mappings that lack a key get it, lists must have the element. The
// tree of c stays as it is. A value keeps the file and the line it comes from, for errors met when the tree is decoded
// and for relative paths in it. Errors, of a path that leads through something else than the mapping or list it asks
// for, point at the value.
func (c Cursor) Set(path Path, value Cursor) (Cursor, error) {
	n, err := set(c.node, path, 0, value)
	return c.at(n), err
}

// Root is what stands at c as the root of a tree of its own.
func (c Cursor) Root() Cursor {
	return Cursor{doc: &document{file: c.File()}}.at(c.node)
}

// at is the place of c with another value.
func (c Cursor) at(n *node) Cursor {
	c.node = n
	if n != nil {
		c.near = n
	}
	return c
}

func set(n *node, path Path, depth int, value Cursor) (*node, error) {
	if depth == len(path) {
		return value.node, nil
	}
	refuse := func(problem string) error {
		whole := "the file"
		if depth > 0 {
			whole = path[:depth].String()
		}
		return value.Errorf("", "%s cannot be set: %s %s", path, whole, problem)
	}
	s := path[depth]
	if n == nil || n.kind == null {
		n = &node{kind: mapping, file: value.File(), line: value.near.line, column: value.near.column}
	}
	out := *n
	if s.name == "" {
		return &out, setElements(&out, path, depth, value, refuse)
	}
	if n.kind != mapping {
		return nil, refuse("is not a mapping")
	}
	out.entries = slices.Clone(n.entries)
	at := slices.IndexFunc(out.entries, func(e entry) bool { return e.name == s.name })
	if at < 0 {
		at = len(out.entries)
		out.entries = append(out.entries, entry{name: s.name})
	}
	below, err := set(out.entries[at].value, path, depth+1, value)
	if err != nil {
		return nil, err
	}
	out.entries[at] = entry{s.name, below.line, below.column, below}
	return &out, nil
}

func setElements(out *node, path Path, depth int, value Cursor, refuse func(string) error) error {
	if out.kind != sequence {
		return refuse("is not a list")
	}
	out.items = slices.Clone(out.items)
	first, end := path[depth].index, path[depth].index+1
	if path[depth].index == everyIndex {
		first, end = 0, len(out.items)
	}
	if end > len(out.items) || first == end {
		return refuse(fmt.Sprintf("has %d elements", len(out.items)))
	}
	for i := first; i < end; i++ {
		item, err := set(out.items[i], path, depth+1, value)
		if err != nil {
			return err
		}
		out.items[i] = item
	}
	return nil
}

// Integer is a whole number that stands at the place of c.
func (c Cursor) Integer(n int64) Cursor {
	number := &node{kind: scalar, file: c.File(), text: strconv.FormatInt(n, 10), typed: true}
	if c.near != nil {
		number.line, number.column = c.near.line, c.near.column
	}
	return c.at(number)
}

// Value is what stands at c without a type: nil, a bool, an int64, a float64, a string, a []any or a map[string]any.
func (c Cursor) Value() (any, error) {
	if err := c.doc.visit(); err != nil {
		return nil, c.Wrap(err)
	}
	switch {
	case c.node == nil || c.node.kind == null:
		return nil, nil
	case c.node.kind == mapping:
		out := make(map[string]any, len(c.node.entries))
		for _, e := range c.node.entries {
			v, err := c.below(e).Value()
			if err != nil {
				return nil, err
			}
			out[e.name] = v
		}
		return out, nil
	case c.node.kind == sequence:
		out := make([]any, c.Len())
		for i := range out {
			v, err := c.Index(i).Value()
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case !c.node.typed:
		return c.node.text, nil
	}
	if c.node.text == "true" || c.node.text == "false" {
		return c.node.text == "true", nil
	}
	if n, err := strconv.ParseInt(c.node.text, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(c.node.text, 64); err == nil {
		return f, nil
	}
	return c.node.text, nil
}
