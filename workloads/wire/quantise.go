package wire

import (
	"fmt"
	"math"
)

// top is the highest level of an affine type.
func (e Encoding) top() float64 {
	if e&typeMask == Uint4 {
		return 15
	}
	return 255
}

// affine chooses the parameters for the range of x and levels 0 to top. The range includes 0, which the outputs of
// rectifiers are full of and which therefore must be exact; the scale is widened a little so that, with
// the zero point rounded to an integer, both ends of the range are still representable.
func affine(x []float32, top float64) (zero uint8, scale float32) {
	low, high := 0.0, 0.0
	for _, v := range x {
		// NaN fails both comparisons; infinities must not widen the range to nothing.
		if f := float64(v); f < low && !math.IsInf(f, 0) {
			low = f
		} else if f > high && !math.IsInf(f, 0) {
			high = f
		}
	}
	if low == high {
		return 0, 1
	}
	z := math.Round(-low / (high - low) * top)
	if low < 0 {
		z = max(z, 1)
	}
	if high > 0 {
		z = min(z, top-1)
	}
	s := 0.0
	if z > 0 {
		s = -low / z
	}
	if z < top {
		s = max(s, high/(top-z))
	}
	scale = float32(s)
	if float64(scale) < s {
		scale = math.Nextafter32(scale, math.MaxFloat32)
	}
	return uint8(z), scale
}

// quantise writes the level of every value, a byte each.
func quantise(x []float32, zero uint8, scale float32, top float64, dst []byte) {
	most := float32(top)
	inverse := 1 / scale
	if math.IsInf(float64(inverse), 0) { // a subnormal scale has no reciprocal
		for i, v := range x {
			dst[i] = saturate(v/scale+float32(zero)+0.5, most, zero)
		}
		return
	}
	offset := float32(zero) + 0.5
	for i, v := range x {
		dst[i] = saturate(v*inverse+offset, most, zero)
	}
}

func saturate(v, most float32, zero uint8) byte {
	switch {
	case v >= most:
		return byte(most)
	case v >= 0:
		return byte(v)
	case v < 0:
		return 0
	}
	return zero // NaN
}

// dequantise undoes quantise.
func dequantise(levels []byte, zero uint8, scale float32, top float64, x []float32) error {
	if !(scale > 0) || math.IsInf(float64(scale), 1) || float64(zero) > top {
		return fmt.Errorf("%w: a scale of %v and a zero point of %d", ErrPayload, scale, zero)
	}
	var table [256]float32
	for q := range table {
		// The product can leave float32's range by a rounding where the tensor reached its end.
		v := float64(scale) * float64(q-int(zero))
		table[q] = float32(max(-math.MaxFloat32, min(math.MaxFloat32, v)))
	}
	for i, q := range levels {
		x[i] = table[q]
	}
	return nil
}

// pack puts two levels into a byte, the first into its lower half.
func pack(levels, dst []byte) {
	for i := range len(levels) / 2 {
		dst[i] = levels[2*i] | levels[2*i+1]<<4
	}
	if n := len(levels); n%2 == 1 {
		dst[n/2] = levels[n-1]
	}
}

// unpack undoes pack.
func unpack(src, levels []byte) {
	for i := range levels {
		levels[i] = src[i/2] >> (4 * (i & 1)) & 0xf
	}
}
