package model

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrFormat is wrapped by every error about the contents of an ONNX file.
var ErrFormat = errors.New("not a usable ONNX model")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// field is one field of a protobuf message. raw is the tag with the value and aliases the message.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	raw  []byte
	data []byte // of a BytesType field
	uint uint64 // of a VarintType or a fixed field
}

// fields calls visit for every field of a message, in order. Groups are refused: ONNX has none, and
// they are the one wire type that nests without a length.
func fields(message []byte, visit func(field) error) error {
	for at := 0; at < len(message); {
		rest := message[at:]
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return malformed("byte %d of %d: %v", at, len(message), protowire.ParseError(n))
		}
		f := field{num: num, typ: typ}
		m := 0
		switch typ {
		case protowire.BytesType:
			f.data, m = protowire.ConsumeBytes(rest[n:])
		case protowire.VarintType:
			f.uint, m = protowire.ConsumeVarint(rest[n:])
		case protowire.Fixed32Type:
			var v uint32
			v, m = protowire.ConsumeFixed32(rest[n:])
			f.uint = uint64(v)
		case protowire.Fixed64Type:
			f.uint, m = protowire.ConsumeFixed64(rest[n:])
		default:
			return malformed("byte %d of %d: field %d has wire type %d, which ONNX does not use", at, len(message), num, typ)
		}
		if m < 0 {
			return malformed("byte %d of %d: field %d: %v", at, len(message), num, protowire.ParseError(m))
		}
		f.raw = rest[:n+m]
		if err := visit(f); err != nil {
			return err
		}
		at += n + m
	}
	return nil
}

func (f field) want(typ protowire.Type, what string) error {
	if f.typ != typ {
		return malformed("%s (field %d) has wire type %d, expected %d", what, f.num, f.typ, typ)
	}
	return nil
}

// message returns the bytes of an embedded message.
func (f field) message(what string) ([]byte, error) {
	return f.data, f.want(protowire.BytesType, what)
}

// text returns a string field.
func (f field) text(what string) (string, error) {
	if err := f.want(protowire.BytesType, what); err != nil {
		return "", err
	}
	if !utf8.Valid(f.data) {
		return "", malformed("%s (field %d) is not UTF-8", what, f.num)
	}
	return string(f.data), nil
}

// integer returns a varint field.
func (f field) integer(what string) (int64, error) {
	return int64(f.uint), f.want(protowire.VarintType, what)
}

// integers appends the values of a repeated integer field, packed or not.
func (f field) integers(to []int64, limit int, what string) ([]int64, error) {
	if f.typ == protowire.VarintType {
		to = append(to, int64(f.uint))
	} else {
		if err := f.want(protowire.BytesType, what); err != nil {
			return nil, err
		}
		for rest := f.data; len(rest) > 0; {
			v, n := protowire.ConsumeVarint(rest)
			if n < 0 {
				return nil, malformed("%s: %v", what, protowire.ParseError(n))
			}
			if to = append(to, int64(v)); len(to) > limit {
				break
			}
			rest = rest[n:]
		}
	}
	if len(to) > limit {
		return nil, malformed("%s: more than %d values", what, limit)
	}
	return to, nil
}

func appendMessage(b []byte, num protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), message)
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendInteger(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}
