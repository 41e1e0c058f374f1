package spec

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxSize is the largest file read, in bytes: an experiment with a schedule for a thousand tasks on ninety
// edges inside takes less than half of it.
const MaxSize = 4 << 20

const (
	// maxDepth is how deep values nest; no spec needs more than a dozen levels, and the library's parser
	// recurses, so a file of brackets alone could exhaust the stack.
	maxDepth = 100
	// maxAnchors keeps chains of anchors, through which the parser recurses too, short.
	maxAnchors = 1000
	// maxKeys bounds the keys of one mapping, for which the parser takes time that grows with their square. The largest
	// a spec has is a share for each edge of a topology.
	maxKeys = 2000
	// maxVisits is how many values one decoding may read, aliases followed: far more than a file of MaxSize
	// holds, and far less than aliases to aliases can ask for.
	maxVisits = 2 << 20
)

type document struct {
	file   string
	visits int
	files  Files
}

type kind int

const (
	scalar kind = iota
	null
	mapping
	sequence
)

// node is a value of the file. A value that was anchored and is named by aliases is shared, not copied.
type node struct {
	kind         kind
	file         string // the one it stands in, which composing several files makes another than the document's
	line, column int
	text         string // of a scalar
	typed        bool   // a plain scalar that YAML reads as a number or a boolean, not as text
	entries      []entry
	items        []*node
}

type entry struct {
	name         string
	line, column int
	value        *node
}

// Parse reads a file's one YAML document without decoding it. File is the name errors carry; every error is an *Error.
func Parse(file string, data []byte) (c Cursor, err error) {
	c = Cursor{doc: &document{file: file}}
	if len(data) > MaxSize {
		return c, c.Errorf("", "is larger than %s", bytesLimit)
	}
	// The parser is a library that reads whatever a user hands in. Should it fail on some input, the user gets
	// an error about that input and keeps the run in progress.
	defer func() {
		if r := recover(); r != nil {
			err = c.Errorf("", "cannot be read as YAML (%v)", r)
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if err := c.guard(tokens); err != nil {
		return c, err
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return c, c.syntax(err)
	}
	docs := tree.Docs
	for len(docs) > 0 && docs[len(docs)-1].Body == nil {
		docs = docs[:len(docs)-1]
	}
	switch {
	case len(docs) == 0:
		return c, c.Errorf("", "is empty")
	case len(docs) > 1:
		return c, c.Errorf("", "holds %d YAML documents; a spec is one", len(docs))
	}
	b := builder{cursor: c, anchors: map[string]*node{}}
	root, err := b.build(docs[0].Body)
	if err != nil {
		return c, err
	}
	c.node, c.near = root, root
	return c, nil
}

const bytesLimit = "4MiB, more than any spec needs"

func (c Cursor) atToken(t *token.Token) Cursor {
	if t != nil && t.Position != nil {
		c.near = &node{file: c.File(), line: t.Position.Line, column: t.Position.Column}
	}
	return c
}

// syntax carries the parser's error over without its excerpt of the source.
func (c Cursor) syntax(err error) error {
	var located yaml.Error
	if errors.As(err, &located) {
		return c.atToken(located.GetToken()).Errorf("", "is not YAML: %s", Clip(located.GetMessage()))
	}
	return c.Errorf("", "is not YAML: %s", Clip(err.Error()))
}

// guard refuses what would make the parser recurse without bound, and tags, which no spec has a use for.
func (c Cursor) guard(tokens token.Tokens) error {
	flow, anchors, line, onLine := 0, 0, 0, 0
	var keys keyCount
	for i, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			onLine++
			keys.leave(t)
		case token.MappingValueType:
			if flow == 0 && i > 0 && keys.add(tokens[i-1]) > maxKeys {
				return c.atToken(t).Errorf("", "is a mapping of more than %d keys", maxKeys)
			}
		case token.AnchorType:
			anchors++
		case token.TagType:
			return c.atToken(t).Errorf("", "tags such as %q are not supported", Clip(t.Value))
		case token.MergeKeyType:
			return c.atToken(t).Errorf("", "merge keys (<<) are not supported; write the keys out")
		}
		if flow > maxDepth || onLine > maxDepth {
			return c.atToken(t).Errorf("", "nests deeper than %d levels", maxDepth)
		}
		if anchors > maxAnchors {
			return c.atToken(t).Errorf("", "has more than %d anchors", maxAnchors)
		}
	}
	return nil
}

// keyCount counts the keys of the block mappings around a token: one count for each column at which keys stand.
type keyCount []struct{ column, keys int }

// leave ends the mappings that stand further to the right than a token.
func (k *keyCount) leave(t *token.Token) {
	for len(*k) > 0 && t.Position != nil && (*k)[len(*k)-1].column > t.Position.Column {
		*k = (*k)[:len(*k)-1]
	}
}

// add counts a key and returns how many its mapping has until now.
func (k *keyCount) add(key *token.Token) int {
	k.leave(key)
	if key.Position == nil {
		return 0
	}
	if n := len(*k); n == 0 || (*k)[n-1].column < key.Position.Column {
		*k = append(*k, struct{ column, keys int }{column: key.Position.Column})
	}
	last := &(*k)[len(*k)-1]
	last.keys++
	return last.keys
}

// builder turns the library's tree into nodes. An alias resolves to an anchor whose value is complete, so a value can't
// contain itself.
type builder struct {
	cursor  Cursor
	anchors map[string]*node
}

func (b *builder) build(n ast.Node) (*node, error) {
	out := &node{file: b.cursor.doc.file}
	if t := firstToken(n); t != nil && t.Position != nil {
		out.line, out.column = t.Position.Line, t.Position.Column
	}
	here := b.cursor
	here.near = out
	switch n := n.(type) {
	case nil, *ast.NullNode:
		out.kind = null
	case *ast.StringNode:
		out.text = n.Value
	case *ast.LiteralNode:
		out.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.text, out.typed = n.GetToken().Value, true
	case *ast.MappingNode:
		out.kind = mapping
		return out, b.entries(out, n.Values)
	case *ast.MappingValueNode:
		out.kind = mapping
		return out, b.entries(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = sequence
		for _, v := range n.Values {
			item, err := b.build(v)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
	case *ast.AnchorNode:
		value, err := b.build(n.Value)
		if err != nil {
			return nil, err
		}
		b.anchors[n.Name.GetToken().Value] = value
		return value, nil
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		value, ok := b.anchors[name]
		if !ok {
			return nil, here.Errorf("", "alias *%s names no anchor before it", Clip(name))
		}
		return value, nil
	default:
		return nil, here.Errorf("a value, a list or a mapping", "%s does not belong here", n.Type())
	}
	return out, nil
}

// firstToken is where a reader would say that a value begins.
func firstToken(n ast.Node) *token.Token {
	switch n := n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

func (b *builder) entries(out *node, values []*ast.MappingValueNode) error {
	seen := map[string]int{}
	for _, v := range values {
		here := b.cursor.atToken(v.Key.GetToken())
		var name string
		switch k := v.Key.(type) {
		case *ast.StringNode:
			name = k.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			name = v.Key.GetToken().Value
		default:
			return here.Errorf("a name", "%s cannot be a key", v.Key.Type())
		}
		if line, twice := seen[name]; twice {
			here.key = name
			return here.Errorf("", "is given twice, first in line %d", line)
		}
		seen[name] = here.near.line
		value, err := b.build(v.Value)
		if err != nil {
			return err
		}
		if value.line == 0 || value.kind == null {
			value = &node{kind: value.kind, file: here.File(), line: here.near.line, column: here.near.column}
		}
		out.entries = append(out.entries, entry{name, here.near.line, here.near.column, value})
	}
	return nil
}

func (d *document) visit() error {
	if d == nil {
		return nil
	}
	if d.visits++; d.visits > maxVisits {
		return fmt.Errorf("its aliases expand to more than %d values", maxVisits)
	}
	return nil
}
