package replay

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Vector is a network's output. In JSON it is the base64 of its little-endian float32 values, which
// keeps every bit of them, NaN and infinities too.
type Vector []float32

// MarshalJSON writes the vector as a string.
func (v Vector) MarshalJSON() ([]byte, error) {
	raw := make([]byte, EncodedFloat32.width()*len(v))
	if _, _, err := EncodeTensor(EncodedFloat32, v, raw); err != nil {
		return nil, err
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(raw))
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
	width := EncodedFloat32.width()
	if len(raw)%width != 0 {
		return fmt.Errorf("a vector of %d bytes is not made of float32 values", len(raw))
	}
	*v = make(Vector, len(raw)/width)
	return DecodeTensor(EncodedFloat32, 0, 0, raw, *v)
}
