package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/splitbed/splitbed/workloads"
)

// ErrPayload is wrapped by the errors about a payload that is not one of the tensor expected.
var ErrPayload = errors.New("broken tensor")

// Head is what a receiver needs to know of a payload beside its bytes.
type Head struct {
	Encoding Encoding
	// Zero and Scale are the affine parameters of a tensor that has one scale.
	Zero  uint8
	Scale float32
}

// Codec puts tensors of one shape on the wire and takes them off it. Codecs that share a Thread serve one goroutine at a time;
// Fits may be called from any.
type Codec struct {
	encoding        Encoding
	elems, channels int
	thread          *Thread
}

// New makes the codec of a tensor of this shape, without the batch: C, H, W, or n.
func New[T int | int64](w workloads.Wire, shape []T, thread *Thread) (*Codec, error) {
	e, err := EncodingOf(w)
	if err != nil {
		return nil, err
	}
	c := &Codec{encoding: e, thread: thread}
	c.elems, c.channels = measure(shape)
	return c, nil
}

// Encoding is that of the tensors the codec makes; one that would not become shorter is not compressed.
func (c *Codec) Encoding() Encoding { return c.encoding }

// Bytes is the length of the longest payload.
func (c *Codec) Bytes() int { return c.encoding.bytes(c.elems, c.channels) }

// Encode makes the payload of a tensor and returns its part of dst, which must hold Bytes.
//
// The error of an element is at most half a scale for the affine types, where a scale is at most 255/254 (uint8) or 15/14 (uint4)
// of the range of the tensor, or of its channel, and zero, divided by 255 or 15; a relative 2⁻¹¹ for float16 between 2⁻¹⁴ and 65504;
// nothing for float32. What has no counterpart saturates: finite values beyond ±65504 in float16, infinities in the affine types. NaN
// becomes 0 there.
func (c *Codec) Encode(x []float32, dst []byte) (Head, []byte, error) {
	if len(x) != c.elems || len(dst) < c.Bytes() {
		return Head{}, nil, fmt.Errorf("encode tensor: %d values into %d bytes, the codec takes %d into %d", len(x), len(dst), c.elems, c.Bytes())
	}
	dst = dst[:c.Bytes()]
	if c.encoding&packed == 0 {
		return c.encode(x, dst), dst, nil
	}
	plain := c.thread.bytes(&c.thread.plain, len(dst))
	head := c.encode(x, plain)
	short, err := c.thread.compress(c.encoding, plain)
	if err != nil {
		return Head{}, nil, fmt.Errorf("encode tensor: %w", err)
	}
	if len(short) >= len(plain) {
		return head, dst[:copy(dst, plain)], nil
	}
	head.Encoding |= c.encoding & packed
	return head, dst[:copy(dst, short)], nil
}

// encode fills dst without compressing it.
func (c *Codec) encode(x []float32, dst []byte) Head {
	head := Head{Encoding: c.encoding &^ packed}
	switch c.encoding & typeMask {
	case Float16:
		for i, v := range x {
			binary.LittleEndian.PutUint16(dst[2*i:], float16bits(v))
		}
	case Float32:
		for i, v := range x {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case Uint8:
		head.Zero, head.Scale = c.quantise(x, dst, c.values(dst))
	case Uint4:
		levels := c.thread.bytes(&c.thread.levels, len(x))
		head.Zero, head.Scale = c.quantise(x, dst, levels)
		pack(levels, c.values(dst))
	}
	return head
}

// values is the part of a payload behind the table of channels.
func (c *Codec) values(payload []byte) []byte {
	if c.encoding&PerChannel == 0 {
		return payload
	}
	return payload[5*c.channels:]
}

// quantise writes a byte for every value, and the parameters of the channels into the payload's table. It returns those of
// a tensor that has one scale.
func (c *Codec) quantise(x []float32, payload, levels []byte) (zero uint8, scale float32) {
	top := c.encoding.top()
	if c.encoding&PerChannel == 0 {
		zero, scale = affine(x, top)
		quantise(x, zero, scale, top, levels)
		return zero, scale
	}
	size := c.elems / c.channels
	for n := range c.channels {
		from, to := n*size, (n+1)*size
		zero, scale := affine(x[from:to], top)
		quantise(x[from:to], zero, scale, top, levels[from:to])
		payload[n] = zero
		binary.LittleEndian.PutUint32(payload[c.channels+4*n:], math.Float32bits(scale))
	}
	return 0, 0
}

// Fits tells whether a payload of this encoding and length can be one of the codec's; its error wraps ErrPayload.
func (c *Codec) Fits(e Encoding, length int) error {
	if e != c.encoding && e != c.encoding&^packed {
		return fmt.Errorf("%w: %v, expected %v", ErrPayload, e, c.encoding)
	}
	longest := c.Bytes()
	if e&packed == 0 && length != longest {
		return fmt.Errorf("%w: %d bytes, the tensor has %d", ErrPayload, length, longest)
	}
	if length >= longest && e&packed != 0 {
		return fmt.Errorf("%w: %d bytes compressed, %d uncompressed", ErrPayload, length, longest)
	}
	return nil
}

// Decode undoes Encode. Errors wrap ErrPayload.
func (c *Codec) Decode(head Head, payload []byte, x []float32) error {
	if len(x) != c.elems {
		return fmt.Errorf("decode tensor: %d values, the codec has %d", len(x), c.elems)
	}
	if err := c.Fits(head.Encoding, len(payload)); err != nil {
		return err
	}
	if head.Encoding&packed != 0 {
		plain := c.thread.bytes(&c.thread.plain, c.Bytes())
		if err := c.thread.decompress(head.Encoding, payload, plain); err != nil {
			return fmt.Errorf("%w: %w", ErrPayload, err)
		}
		payload = plain
	}
	switch c.encoding & typeMask {
	case Float16:
		for i := range x {
			x[i] = float16from(binary.LittleEndian.Uint16(payload[2*i:]))
		}
	case Float32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(payload[4*i:]))
		}
	case Uint8, Uint4:
		return c.dequantise(head, payload, x)
	}
	return nil
}

func (c *Codec) dequantise(head Head, payload []byte, x []float32) error {
	levels := c.values(payload)
	if c.encoding&typeMask == Uint4 {
		levels = c.thread.bytes(&c.thread.levels, c.elems)
		unpack(c.values(payload), levels)
	}
	if c.encoding&PerChannel == 0 {
		return dequantise(levels, head.Zero, head.Scale, c.encoding.top(), x)
	}
	size := c.elems / c.channels
	for n := range c.channels {
		from, to := n*size, (n+1)*size
		scale := math.Float32frombits(binary.LittleEndian.Uint32(payload[c.channels+4*n:]))
		if err := dequantise(levels[from:to], payload[n], scale, c.encoding.top(), x[from:to]); err != nil {
			return fmt.Errorf("channel %d: %w", n, err)
		}
	}
	return nil
}
