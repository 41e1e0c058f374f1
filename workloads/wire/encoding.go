package wire

import (
	"fmt"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
)

// Encoding is how a payload's bytes are to be read: one of the types, with flags where it has them.
type Encoding uint8

// The types of a payload's values.
const (
	Raw     Encoding = iota // not a tensor: a JPEG picture or a fixed structure
	Uint8                   // affine: x = scale·(q − zero)
	Float16                 // IEEE 754 binary16, little-endian
	Float32                 // IEEE 754 binary32, little-endian
	Uint4                   // affine, two values in a byte, the first in its lower half

	types = Uint4 + 1
)

// The flags of an encoding.
const (
	// PerChannel says that an affine type has a zero point and a scale for each channel. They stand before the values: a byte for
	// each channel's zero point, then four for each scale (binary32, little-endian).
	PerChannel Encoding = 1 << (4 + iota)
	// S2 and Zstd say that everything is one compressed block of that format.
	S2
	Zstd

	typeMask = PerChannel - 1
	packed   = S2 | Zstd
)

// Valid tells whether e is one of the encodings there are.
func (e Encoding) Valid() bool {
	kind := e & typeMask
	switch {
	case kind >= types, e&^(typeMask|PerChannel|packed) != 0, e&packed == packed:
		return false
	case kind == Raw:
		return e == Raw
	}
	return e&PerChannel == 0 || kind.affine()
}

func (e Encoding) affine() bool { e &= typeMask; return e == Uint8 || e == Uint4 }

// String names the encoding, "uint4, a scale per channel, zstd".
func (e Encoding) String() string {
	if !e.Valid() {
		return fmt.Sprintf("encoding %#02x", uint8(e))
	}
	name := [types]string{"raw bytes", string(workloads.Uint8), string(workloads.Float16), string(workloads.Float32), string(workloads.Uint4)}[e&typeMask]
	if e&PerChannel != 0 {
		name += ", a scale per channel"
	}
	switch e & packed {
	case S2:
		name += ", s2"
	case Zstd:
		name += ", zstd"
	}
	return name
}

// EncodingOf is the encoding a workload asks for.
func EncodingOf(w workloads.Wire) (Encoding, error) {
	e, ok := map[workloads.DType]Encoding{
		workloads.Uint4: Uint4, workloads.Uint8: Uint8, workloads.Float16: Float16, workloads.Float32: Float32,
	}[w.DType]
	if !ok {
		return Raw, fmt.Errorf("unknown wire type %q; use %s, %s, %s or %s", w.DType, workloads.Uint4, workloads.Uint8, workloads.Float16, workloads.Float32)
	}
	switch w.Compress {
	case "", workloads.CompressNone:
	case workloads.CompressS2:
		e |= S2
	case workloads.CompressZstd:
		e |= Zstd
	default:
		return Raw, fmt.Errorf("unknown compression %q; use %s, %s or %s", w.Compress, workloads.CompressNone, workloads.CompressS2, workloads.CompressZstd)
	}
	switch w.Scale {
	case "", workloads.ScaleTensor:
	case workloads.ScaleChannel:
		if e.affine() {
			e |= PerChannel
		}
	default:
		return Raw, fmt.Errorf("unknown scale %q; use %s or %s", w.Scale, workloads.ScaleTensor, workloads.ScaleChannel)
	}
	return e, nil
}

// Bytes is the length of a payload that carries a tensor of this shape (without the batch: C, H, W, or n), before it is
// compressed. No payload is longer: one that compression would not make shorter travels as it is. An unknown form has no
// length: 0.
func Bytes[T int | int64](w workloads.Wire, shape []T) units.Bytes {
	e, err := EncodingOf(w)
	if err != nil {
		return 0
	}
	elems, channels := measure(shape)
	return units.Bytes(e.bytes(elems, channels))
}

// bytes is the length of a payload before compression.
func (e Encoding) bytes(elems, channels int) int {
	table := 0
	if e&PerChannel != 0 {
		table = channels * (1 + 4)
	}
	switch e & typeMask {
	case Uint4:
		return table + (elems+1)/2
	case Uint8:
		return table + elems
	case Float16:
		return 2 * elems
	case Float32:
		return 4 * elems
	}
	return 0
}

// measure counts a tensor's elements and channels. A vector has one channel: with a scale for each of its values it would be
// larger than it was.
func measure[T int | int64](shape []T) (elems, channels int) {
	elems, channels = 1, 1
	for _, n := range shape {
		elems *= int(n)
	}
	if len(shape) > 1 && shape[0] > 0 {
		channels = int(shape[0])
	}
	return elems, channels
}
