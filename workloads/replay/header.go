package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/splitbed/splitbed/workloads/wire"
)

// HeaderBytes is the length of the header before every message's payload.
const HeaderBytes = 32

// MaxPayload bounds a message's payload in bytes. No activation of the networks comes near it; a
// header that claims more is broken.
const MaxPayload = 1 << 28

// ErrHeader is wrapped by the errors about a header that cannot be one.
var ErrHeader = errors.New("broken message header")

// Kind says what a message is.
type Kind uint8

// The kinds of messages. A connection begins with one of the Open kinds, which says what it is for.
const (
	// OpenStream begins the connection of a task at an edge; Header.Stream is Task.Stream.
	OpenStream Kind = iota + 1
	// OpenFlow begins the connection of a background flow; Header.Stream is Flow.ID, and Header.Frame the edge's port where the flow
	// is one of datagrams. The cloud then answers with its own in the same way.
	OpenFlow
	// OpenProbe begins a probe of the uplink; Header.Frame is the number of bytes not to be measured.
	OpenProbe
	// FrameMessage carries a frame, edge → cloud.
	FrameMessage
	// AnswerMessage carries class and score back, cloud → edge.
	AnswerMessage
	// VerifyMessage carries a frame whose whole output vector is wanted, edge → cloud.
	VerifyMessage
	// VectorMessage carries that vector as float32, cloud → edge.
	VectorMessage
	// GoodputMessage ends a probe, cloud → edge.
	GoodputMessage
	// OpenPull begins a probe of the downlink; Header.Frame is for how many nanoseconds the cloud is to fill it.
	OpenPull
	// OpenTransfer begins the connection of a transfer of a background flow; Header.Stream is Flow.ID, Header.Frame its bytes.
	OpenTransfer
)

// Header precedes every message on a connection between an edge and the cloud. On the wire it is
// HeaderBytes long, little-endian:
//
//	0      4         5      6          7      8        12       16       24      28       32
//	┌──────┬─────────┬──────┬──────────┬──────┬────────┬────────┬────────┬───────┬────────┐
//	│ SBED │ version │ kind │ encoding │ zero │ stream │ length │ frame  │ scale │ CRC-32 │
//	└──────┴─────────┴──────┴──────────┴──────┴────────┴────────┴────────┴───────┴────────┘
//
// The checksum covers the bytes before it, so that a stream that got out of step is noticed at once.
type Header struct {
	Kind Kind
	// Head says how the payload is to be read.
	wire.Head
	// Stream is the task's or flow's number in the run.
	Stream uint32
	// Length is the payload's length in bytes.
	Length uint32
	// Frame is the frame's number within its stream.
	Frame uint64
}

const (
	headerMagic   = "SBED"
	headerVersion = 2
)

// Bytes returns the header as it travels.
func (h Header) Bytes() [HeaderBytes]byte {
	var b [HeaderBytes]byte
	copy(b[:4], headerMagic)
	b[4], b[5], b[6], b[7] = headerVersion, byte(h.Kind), byte(h.Encoding), h.Zero
	binary.LittleEndian.PutUint32(b[8:], h.Stream)
	binary.LittleEndian.PutUint32(b[12:], h.Length)
	binary.LittleEndian.PutUint64(b[16:], h.Frame)
	binary.LittleEndian.PutUint32(b[24:], math.Float32bits(h.Scale))
	binary.LittleEndian.PutUint32(b[28:], crc32.ChecksumIEEE(b[:28]))
	return b
}

// ParseHeader reads a header. What is not one is an error that wraps ErrHeader: a wrong magic, version or
// checksum, an unknown kind or encoding, or a payload longer than MaxPayload.
func ParseHeader(b [HeaderBytes]byte) (Header, error) {
	h := Header{
		Kind:   Kind(b[5]),
		Head:   wire.Head{Encoding: wire.Encoding(b[6]), Zero: b[7], Scale: math.Float32frombits(binary.LittleEndian.Uint32(b[24:]))},
		Stream: binary.LittleEndian.Uint32(b[8:]),
		Length: binary.LittleEndian.Uint32(b[12:]),
		Frame:  binary.LittleEndian.Uint64(b[16:]),
	}
	switch {
	case string(b[:4]) != headerMagic:
		return Header{}, fmt.Errorf("%w: it begins with %q, not %q", ErrHeader, b[:4], headerMagic)
	case b[4] != headerVersion:
		return Header{}, fmt.Errorf("%w: version %d, this program speaks %d", ErrHeader, b[4], headerVersion)
	case binary.LittleEndian.Uint32(b[28:]) != crc32.ChecksumIEEE(b[:28]):
		return Header{}, fmt.Errorf("%w: checksum %#x, its bytes give %#x", ErrHeader,
			binary.LittleEndian.Uint32(b[28:]), crc32.ChecksumIEEE(b[:28]))
	case h.Kind < OpenStream || h.Kind > OpenTransfer:
		return Header{}, fmt.Errorf("%w: unknown kind %d", ErrHeader, h.Kind)
	case !h.Encoding.Valid():
		return Header{}, fmt.Errorf("%w: unknown %v", ErrHeader, h.Encoding)
	case h.Length > MaxPayload:
		return Header{}, fmt.Errorf("%w: a payload of %d bytes, at most %d are allowed", ErrHeader, h.Length, MaxPayload)
	}
	return h, nil
}
