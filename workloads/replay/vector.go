package replay

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// Vector is a network's output. In JSON it is the base64 of its little-endian float32 values, which
// keeps every bit of them, NaN and infinities too.
type Vector []float32

// bytes is the vector as it travels.
func (v Vector) bytes() []byte {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return raw
}

// vectorFrom undoes bytes.
func vectorFrom(raw []byte) (Vector, error) {
	if len(raw)%4 != 0 {
		return nil, fmt.Errorf("a vector of %d bytes is not made of float32 values", len(raw))
	}
	v := make(Vector, len(raw)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return v, nil
}

// MarshalJSON writes the vector as a string.
func (v Vector) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(v.bytes()))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Vector) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	*v, err = vectorFrom(raw)
	return err
}
