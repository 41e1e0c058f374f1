package wire

import "math"

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
