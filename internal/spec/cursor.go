package spec

import (
	"fmt"
	"path/filepath"
)

// Cursor is a place in a spec. The zero Cursor is a value that came from no file; all methods work on it.
type Cursor struct {
	doc  *document
	node *node // nil where the file has nothing at this place
	near *node // the closest enclosing node that exists
	key  string
}

// Field is the place of a mapping's key, whether the file has it or not.
func (c Cursor) Field(name string) Cursor {
	if c.node != nil && c.node.kind == mapping {
		for _, e := range c.node.entries {
			if e.name == name {
				return c.below(e)
			}
		}
	}
	next := c.below(entry{name: name})
	next.near = c.near
	return next
}

// below is the place of an entry of the mapping at c.
func (c Cursor) below(e entry) Cursor {
	key := e.name
	if c.key != "" {
		key = c.key + "." + e.name
	}
	return Cursor{doc: c.doc, node: e.value, near: e.value, key: key}
}

// Index is the place of a sequence's i-th element, counted from 0.
func (c Cursor) Index(i int) Cursor {
	next := Cursor{doc: c.doc, near: c.near, key: fmt.Sprintf("%s[%d]", c.key, i)}
	if c.node != nil && c.node.kind == sequence && i < len(c.node.items) {
		next.node, next.near = c.node.items[i], c.node.items[i]
	}
	return next
}

// Has says whether the file has a value for a key here.
func (c Cursor) Has(name string) bool { return c.Field(name).node != nil }

// Scalar is the text of a single value; ok is false for a list, a mapping and nothing at all.
func (c Cursor) Scalar() (text string, ok bool) {
	if c.node == nil || c.node.kind != scalar {
		return "", false
	}
	return c.node.text, true
}

// Keys are a mapping's keys in the order of the file; nil for anything else.
func (c Cursor) Keys() []string {
	if c.node == nil || c.node.kind != mapping {
		return nil
	}
	keys := make([]string, len(c.node.entries))
	for i, e := range c.node.entries {
		keys[i] = e.name
	}
	return keys
}

// Len is the number of a sequence's elements; 0 for anything else.
func (c Cursor) Len() int {
	if c.node == nil || c.node.kind != sequence {
		return 0
	}
	return len(c.node.items)
}

// Reference is a name or a path that stands where a spec of its own could stand inside another spec. ok
// is false at the root of a file, so that no file can consist of a reference to itself.
func (c Cursor) Reference() (nameOrPath string, ok bool) {
	nameOrPath, ok = c.Scalar()
	return nameOrPath, ok && c.key != ""
}

// File is the file that c stands in, by the name errors carry; empty for a value that came from none.
func (c Cursor) File() string {
	switch {
	case c.near != nil && c.near.file != "":
		return c.near.file
	case c.doc != nil:
		return c.doc.file
	}
	return ""
}

// Dir is the directory that relative paths in the file start from.
func (c Cursor) Dir() string {
	file := c.File()
	if file == "" {
		return ""
	}
	return filepath.Dir(file)
}

// Path makes a path written in the file absolute.
func (c Cursor) Path(p string) (string, error) {
	if !filepath.IsAbs(p) {
		p = filepath.Join(c.Dir(), p)
	}
	abs, err := filepath.Abs(p)
	return abs, c.Wrap(err)
}

// describe names what stands at c for a message.
func (c Cursor) describe() string {
	switch {
	case c.node == nil || c.node.kind == null:
		return "nothing"
	case c.node.kind == mapping:
		return "a mapping"
	case c.node.kind == sequence:
		return "a list"
	}
	return fmt.Sprintf("%q", Clip(c.node.text))
}

// Wrong refuses what stands at c because something else belongs there.
func (c Cursor) Wrong(allowed string) error {
	if c.node == nil {
		return c.Errorf(allowed, "is missing")
	}
	if c.node.kind == null {
		return c.Errorf(allowed, "has no value")
	}
	return c.Errorf(allowed, "%s does not belong here", c.describe())
}
