package spec

import "cmp"

// Uniform is how a range to draw from is written: {uniform: [low, high]}.
type Uniform[T any] struct {
	Uniform []T `yaml:"uniform,flow" json:"uniform"`
}

// DecodeRange reads a constant, which sets both ends, or {uniform: [low, high]}.
func DecodeRange[T cmp.Ordered](c Cursor, low, high *T) error {
	if _, constant := c.Scalar(); constant {
		if err := c.Decode(low); err != nil {
			return err
		}
		*high = *low
		return nil
	}
	var u Uniform[T]
	if err := c.Decode(&u); err != nil {
		return err
	}
	at := c.Field("uniform")
	if len(u.Uniform) != 2 {
		return at.Wrong("two values, [low, high]")
	}
	if u.Uniform[0] > u.Uniform[1] {
		return at.Errorf("[low, high]", "the first value is above the second")
	}
	*low, *high = u.Uniform[0], u.Uniform[1]
	return nil
}

// EncodeRange is the value that DecodeRange reads back.
func EncodeRange[T comparable](low, high T) any {
	if low == high {
		return low
	}
	return Uniform[T]{[]T{low, high}}
}
