package spec

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Unmarshaler is a type that reads itself: one with defaults, or one that may be written in several ways.
// An implementation decodes into a type of its own without the method, or calls itself without end.
type Unmarshaler interface {
	UnmarshalSpec(c Cursor) error
}

var (
	unmarshalerType     = reflect.TypeFor[Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// Decode reads a file's one YAML document into v, a pointer, and returns the place of its root for checks that
// follow. File is the name errors carry. Every error is an *Error.
//
// Structs take their keys from the yaml tag, else the json tag, and know no others; what the file leaves out keeps the value it
// had, which is how defaults are given. Numbers, texts and booleans are not converted into each other.
func Decode(file string, data []byte, v any) (Cursor, error) {
	c, err := Parse(file, data)
	if err != nil {
		return c, err
	}
	return c, c.Decode(v)
}

// Decode reads the value at c into v, a pointer.
func (c Cursor) Decode(v any) error { return c.decode(reflect.ValueOf(v).Elem()) }

func (c Cursor) decode(v reflect.Value) error {
	if err := c.doc.visit(); err != nil {
		return c.Wrap(err)
	}
	if c.node == nil || c.node.kind == null {
		return c.Wrong("")
	}
	p := v.Addr()
	switch {
	case p.Type().Implements(unmarshalerType):
		return c.Wrap(p.Interface().(Unmarshaler).UnmarshalSpec(c))
	case p.Type().Implements(textUnmarshalerType):
		return c.text(p.Interface().(encoding.TextUnmarshaler))
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return c.decode(v.Elem())
	case reflect.Struct:
		return c.structure(v)
	case reflect.Slice:
		return c.slice(v)
	case reflect.Map:
		return c.mapping(v)
	}
	return c.basic(v)
}

func (c Cursor) text(v encoding.TextUnmarshaler) error {
	text, ok := c.Scalar()
	if !ok {
		return c.Wrong("a single value")
	}
	return c.Wrap(v.UnmarshalText([]byte(text)))
}

func (c Cursor) basic(v reflect.Value) error {
	text, ok := c.Scalar()
	number := ok && c.node.typed
	switch v.Kind() {
	case reflect.String:
		if !ok {
			return c.Wrong("a text")
		}
		if number {
			return c.Errorf(fmt.Sprintf("a text; put it in quotes if %s is one", Clip(text)), "%s is a number or a boolean", Clip(text))
		}
		v.SetString(text)
	case reflect.Bool:
		if !number || (text != "true" && text != "false") {
			return c.Wrong("true or false")
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if !number || err != nil {
			return c.Wrong("a whole number")
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if !number || err != nil {
			return c.Wrong("a whole number of at least 0")
		}
		v.SetUint(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if !number || err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return c.Wrong("a number")
		}
		v.SetFloat(f)
	default:
		return c.Errorf("", "splitbed cannot read a %s from a file", v.Type())
	}
	return nil
}

func (c Cursor) slice(v reflect.Value) error {
	if c.node.kind != sequence {
		return c.Wrong("a list")
	}
	out := reflect.MakeSlice(v.Type(), c.Len(), c.Len())
	for i := range c.Len() {
		if err := c.Index(i).decode(out.Index(i)); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (c Cursor) mapping(v reflect.Value) error {
	if c.node.kind != mapping {
		return c.Wrong("a mapping")
	}
	out := reflect.MakeMapWithSize(v.Type(), len(c.node.entries))
	for _, e := range c.node.entries {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := c.below(e).decode(item); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(e.name), item)
	}
	v.Set(out)
	return nil
}

// Key of a struct field and where the field is.
type field struct {
	name  string
	index []int
}

// fields lists a struct's keys, those of inlined structs among them, in the order of declaration.
func fields(t reflect.Type, prefix []int) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(prefix), i)
		tag, ok := f.Tag.Lookup("yaml")
		if !ok {
			tag = f.Tag.Get("json")
		}
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() && !f.Anonymous, name == "-":
		case options == "inline":
			out = append(out, fields(f.Type, index)...)
		case name != "":
			out = append(out, field{name, index})
		}
	}
	return out
}

func (c Cursor) structure(v reflect.Value) error {
	if c.node.kind != mapping {
		return c.Wrong("a mapping")
	}
	known := fields(v.Type(), nil)
	for _, e := range c.node.entries {
		at := slices.IndexFunc(known, func(f field) bool { return f.name == e.name })
		if at < 0 {
			names := make([]string, len(known))
			for i, f := range known {
				names[i] = f.name
			}
			return c.unknownKey(e, names)
		}
		if err := c.below(e).decode(v.FieldByIndex(known[at].index)); err != nil {
			return err
		}
	}
	return nil
}

func (c Cursor) unknownKey(e entry, names []string) error {
	at := c.below(entry{name: Clip(e.name)})
	at.near = &node{file: e.value.file, line: e.line, column: e.column}
	if near := Nearest(e.name, names); near != "" {
		return at.Errorf(strings.Join(names, ", "), "unknown key; did you mean %s?", near)
	}
	return at.Errorf(strings.Join(names, ", "), "unknown key")
}
