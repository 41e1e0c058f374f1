package replay

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
)

// PayloadBytes returns the length of a tensor of elems elements as it travels in type t, without
// the message's header (HeaderBytes). An unknown type has no length: 0.
func PayloadBytes(t workloads.DType, elems int) units.Bytes {
	e, err := encodingOf(t)
	if err != nil {
		return 0
	}
	return units.Bytes(e.width() * elems)
}

func encodingOf(t workloads.DType) (Encoding, error) {
	switch t {
	case workloads.Uint8:
		return EncodedUint8, nil
	case workloads.Float16:
		return EncodedFloat16, nil
	case workloads.Float32:
		return EncodedFloat32, nil
	}
	return EncodedRaw, fmt.Errorf("unknown wire type %q; use %s, %s or %s", t, workloads.Uint8, workloads.Float16, workloads.Float32)
}

// width is the number of bytes of an element; 0 for EncodedRaw.
func (e Encoding) width() int {
	switch e {
	case EncodedUint8:
		return 1
	case EncodedFloat16:
		return 2
	case EncodedFloat32:
		return 4
	}
	return 0
}

// EncodeTensor writes x into dst as e asks and returns the affine parameters a receiver needs
// (0 unless e is EncodedUint8). dst must hold len(x) elements.
//
// The error of an element is at most half a Scale for EncodedUint8, where Scale is at most 255/254 of the range of x and zero
// divided by 255; a relative 2⁻¹¹ for EncodedFloat16 between 2⁻¹⁴ and 65504; nothing for EncodedFloat32.
// What has no counterpart saturates: finite values beyond ±65504 in float16, infinities in uint8. NaN becomes 0 in uint8.
func EncodeTensor(e Encoding, x []float32, dst []byte) (zero uint8, scale float32, err error) {
	if e.width() == 0 || len(dst) != e.width()*len(x) {
		return 0, 0, fmt.Errorf("encode tensor: %d bytes for %d elements of encoding %d", len(dst), len(x), e)
	}
	switch e {
	case EncodedUint8:
		zero, scale = affine(x)
		quantise(x, zero, scale, dst)
	case EncodedFloat16:
		for i, v := range x {
			binary.LittleEndian.PutUint16(dst[2*i:], float16bits(v))
		}
	case EncodedFloat32:
		for i, v := range x {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	}
	return zero, scale, nil
}

// DecodeTensor undoes EncodeTensor: it reads as many elements as x has out of src.
func DecodeTensor(e Encoding, zero uint8, scale float32, src []byte, x []float32) error {
	if e.width() == 0 || len(src) != e.width()*len(x) {
		return fmt.Errorf("decode tensor: %d bytes for %d elements of encoding %d", len(src), len(x), e)
	}
	switch e {
	case EncodedUint8:
		var table [256]float32
		for q := range table {
			// The product can leave float32's range by a rounding where the tensor reached its end.
			v := float64(scale) * float64(q-int(zero))
			table[q] = float32(max(-math.MaxFloat32, min(math.MaxFloat32, v)))
		}
		for i, q := range src {
			x[i] = table[q]
		}
	case EncodedFloat16:
		for i := range x {
			x[i] = float16from(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case EncodedFloat32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	}
	return nil
}

// affine chooses the parameters for the range of x. The range includes 0, which the outputs of
// rectifiers are full of and which therefore must be exact; the scale is widened a little so that, with
// the zero point rounded to an integer, both ends of the range are still representable.
func affine(x []float32) (zero uint8, scale float32) {
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
	z := math.Round(-low / (high - low) * 255)
	if low < 0 {
		z = max(z, 1)
	}
	if high > 0 {
		z = min(z, 254)
	}
	s := 0.0
	if z > 0 {
		s = -low / z
	}
	if z < 255 {
		s = max(s, high/(255-z))
	}
	scale = float32(s)
	if float64(scale) < s {
		scale = math.Nextafter32(scale, math.MaxFloat32)
	}
	return uint8(z), scale
}

func quantise(x []float32, zero uint8, scale float32, dst []byte) {
	inverse := 1 / scale
	if math.IsInf(float64(inverse), 0) { // a subnormal scale has no reciprocal
		for i, v := range x {
			dst[i] = saturate(v/scale+float32(zero)+0.5, zero)
		}
		return
	}
	offset := float32(zero) + 0.5
	for i, v := range x {
		dst[i] = saturate(v*inverse+offset, zero)
	}
}

func saturate(v float32, zero uint8) byte {
	switch {
	case v >= 255:
		return 255
	case v >= 0:
		return byte(v)
	case v < 0:
		return 0
	}
	return zero // NaN
}

// float16bits rounds v to the nearest binary16, ties to even; finite values saturate at ±65504.
func float16bits(v float32) uint16 {
	const greatest = 0x7bff // 65504
	bits := math.Float32bits(v)
	sign := uint16(bits>>16) & 0x8000
	exponent := int(bits>>23&0xff) - 127 + 15
	fraction := bits & 0x7fffff
	switch {
	case bits&0x7fffffff > 0x7f800000:
		return sign | 0x7e00 // NaN
	case bits&0x7fffffff == 0x7f800000:
		return sign | 0x7c00
	case exponent >= 31:
		return sign | greatest
	case exponent <= 0:
		if exponent < -10 {
			return sign
		}
		return sign | uint16(roundShift(fraction|0x800000, uint(14-exponent)))
	}
	// A carry out of the fraction runs into the exponent, which is what rounding up means.
	return sign | min(uint16(roundShift(uint32(exponent)<<23|fraction, 13)), greatest)
}

// roundShift is v/2ⁿ rounded to the nearest integer, ties to even, for n ≥ 1.
func roundShift(v uint32, n uint) uint32 {
	half := uint32(1) << (n - 1)
	q, rest := v>>n, v&(half<<1-1)
	if rest > half || rest == half && q&1 == 1 {
		q++
	}
	return q
}

func float16from(b uint16) float32 {
	sign := uint32(b&0x8000) << 16
	exponent, fraction := uint32(b>>10&0x1f), uint32(b&0x3ff)
	switch exponent {
	case 0: // zero and subnormals: fraction × 2⁻²⁴
		v := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// argmax returns the index and value of the largest element, the first of equals; −1 and 0 for an empty vector.
func argmax(x []float32) (class int32, score float32) {
	class = -1
	for i, v := range x {
		if class < 0 || v > score {
			class, score = int32(i), v
		}
	}
	return class, score
}
