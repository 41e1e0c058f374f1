// Package spec reads the YAML files splitbed is told what to do by: strictly, with every refusal pointing at
// file, line and key.
//
//	bytes ──goccy/go-yaml──▶ syntax tree ──▶ node tree ──Decode──▶ Go value ──the type's own checks──▶ spec
//	                                            ▲                                   │
//	                                            └──────────── Cursor ◀──────────────┘
//
// A Cursor is a place in a file. Decoding walks one down the tree, and a check that runs afterwards (an edge
// named twice, a queue below two packets) walks the same keys down again to say where the value stands that it
// refuses. A Cursor into nothing, as a value built in Go has, gives the same errors without a file and a line.
//
// Unlike the library's own decoder this one knows no case folding, no conversion between types, no merge keys and no tags,
// and aliases can't be made to expand without bound.
package spec
