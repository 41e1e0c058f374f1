package model

import "google.golang.org/protobuf/encoding/protowire"

// attribute is an attribute's value: an int64, a []int64 or, of a tensor, the bytes of its message. It is nil where the node has no
// attribute of that name, or not with a value in the asked-for field.
func (n node) attribute(name string, kind protowire.Number) (value any) {
	// A node was decoded once, so its fields are in order.
	_ = fields(n.raw, func(f field) error {
		if f.num != nodeAttr || f.typ != protowire.BytesType {
			return nil
		}
		var found any
		matches := false
		err := fields(f.data, func(f field) (err error) {
			switch {
			case f.num == attrName:
				matches = string(f.data) == name
			case f.num != kind:
			case kind == attrInt:
				found, err = f.integer("attribute")
			case kind == attrInts:
				list, _ := found.([]int64)
				found, err = f.integers(list, maxDims, "attribute")
			case kind == attrTensor:
				found, err = f.message("attribute")
			}
			return err
		})
		if matches && err == nil {
			value = found
		}
		return nil
	})
	return value
}

func (n node) integer(name string, without int64) int64 {
	if v, ok := n.attribute(name, attrInt).(int64); ok {
		return v
	}
	return without
}

func (n node) integers(name string) []int64 {
	v, _ := n.attribute(name, attrInts).([]int64)
	return v
}
