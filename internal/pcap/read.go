package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// ErrFormat is wrapped by the errors about a file that is not a capture, or a broken one.
var ErrFormat = errors.New("not a capture file")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Packet is what is known of a captured packet.
type Packet struct {
	// At is when it was captured, in nanoseconds since 1970.
	At int64
	// Bytes is its whole length as an Ethernet frame without the checksum, however little of it was captured.
	Bytes int
}

const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
	magicNG    = 0x0a0d0d0a
	orderNG    = 0x1a2b3c4d

	headerBytes, recordBytes = 24, 16

	// maxCaptured bounds what is stored of a packet, as libpcap does; maxBlock a block of pcapng, of which some hold names or keys.
	maxCaptured = 256 << 10
	maxBlock    = 16 << 20
)

// Read calls each for every packet of a capture file, in the file's order. It stops at the first error that each returns.
// Errors about the file wrap ErrFormat.
func Read(r io.Reader, each func(Packet) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	magic, err := in.Peek(4)
	if err != nil {
		return broken("it has less than 4 bytes")
	}
	if binary.LittleEndian.Uint32(magic) == magicNG { // the same in both byte orders
		return (&ng{in: in, each: each}).read()
	}
	return readClassic(in, each)
}

func readClassic(in *bufio.Reader, each func(Packet) error) error {
	var head [headerBytes]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return broken("its header is cut off")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if m := order.Uint32(head[:]); m != magicMicro && m != magicNano {
		order = binary.BigEndian
	}
	unit := int64(1000)
	switch order.Uint32(head[:]) {
	case magicMicro:
	case magicNano:
		unit = 1
	default:
		return broken("it begins with %#x", head[:4])
	}
	linkType := order.Uint32(head[20:]) & 0xffff
	for n := 1; ; n++ {
		var record [recordBytes]byte
		if _, err := io.ReadFull(in, record[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return broken("packet %d is cut off", n)
		}
		captured := order.Uint32(record[8:])
		if captured > maxCaptured {
			return broken("packet %d has %d captured bytes, at most %d are", n, captured, maxCaptured)
		}
		if _, err := in.Discard(int(captured)); err != nil {
			return broken("packet %d is cut off", n)
		}
		at := int64(order.Uint32(record[0:]))*1e9 + int64(order.Uint32(record[4:]))*unit
		if err := each(Packet{at, ethernet(linkType, order.Uint32(record[12:]))}); err != nil {
			return err
		}
	}
}

// ethernet is the length of a packet of a link type had it been an Ethernet frame.
func ethernet(linkType, length uint32) int {
	const header = 14
	other := map[uint32]int{ // bytes before the IP header
		12: 0, 14: 0, 101: 0, 228: 0, 229: 0, // raw IP
		113: 16, // LINUX_SLL
		276: 20, // LINUX_SLL2
	}
	n := int(min(length, math.MaxInt32-header))
	if before, ok := other[linkType]; ok {
		return max(header, n-before+header)
	}
	return n
}

// ng reads pcapng.
type ng struct {
	in    *bufio.Reader
	each  func(Packet) error
	order binary.ByteOrder
	// interfaces are those of the current section.
	interfaces []ngInterface
	packets    int
}

type ngInterface struct {
	linkType uint32
	// A time is in 10^-digits or, where binary, in 2^-digits seconds.
	digits uint8
	binary bool
}

// The blocks that are read; others are passed over.
const (
	blockInterface = 1
	blockSimple    = 3
	blockEnhanced  = 6

	optionEnd        = 0
	optionResolution = 9

	maxInterfaces = 1 << 16
)

func (r *ng) read() error {
	for {
		kind, body, err := r.block()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind {
		case blockInterface:
			err = r.addInterface(body)
		case blockEnhanced:
			err = r.packet(body)
		case blockSimple:
			err = broken("it has packets without times")
		}
		if err != nil {
			return err
		}
	}
}

// block reads the next block. That of a section's header only sets the byte order.
func (r *ng) block() (kind uint32, body []byte, err error) {
	head, err := r.in.Peek(8)
	if len(head) == 0 && err == io.EOF {
		return 0, nil, io.EOF
	}
	if err != nil {
		return 0, nil, broken("a block is cut off")
	}
	if binary.LittleEndian.Uint32(head) == magicNG {
		section, err := r.in.Peek(12)
		if err != nil {
			return 0, nil, broken("the header of a section is cut off")
		}
		r.order, r.interfaces = binary.LittleEndian, nil
		if r.order.Uint32(section[8:]) != orderNG {
			r.order = binary.BigEndian
		}
		if r.order.Uint32(section[8:]) != orderNG {
			return 0, nil, broken("a section has no byte order")
		}
	}
	kind = r.order.Uint32(head)
	length := r.order.Uint32(head[4:])
	if length < 12 || length%4 != 0 || length > maxBlock {
		return 0, nil, broken("a block of %d bytes", length)
	}
	whole := make([]byte, length)
	if _, err := io.ReadFull(r.in, whole); err != nil {
		return 0, nil, broken("a block is cut off")
	}
	return kind, whole[8 : length-4], nil
}

func (r *ng) addInterface(body []byte) error {
	if len(body) < 8 {
		return broken("an interface of %d bytes", len(body))
	}
	if len(r.interfaces) == maxInterfaces {
		return broken("more than %d interfaces", maxInterfaces)
	}
	i := ngInterface{linkType: uint32(r.order.Uint16(body)), digits: 6}
	for options := body[8:]; len(options) >= 4; {
		code, length := r.order.Uint16(options), int(r.order.Uint16(options[2:]))
		padded := 4 + (length+3)/4*4
		if code == optionEnd || padded > len(options) {
			break
		}
		if code == optionResolution && length == 1 {
			i.digits, i.binary = options[4]&0x7f, options[4]&0x80 != 0
		}
		options = options[padded:]
	}
	if i.binary && i.digits > 63 || !i.binary && i.digits > 18 {
		return broken("an interface with times to %d digits", i.digits)
	}
	r.interfaces = append(r.interfaces, i)
	return nil
}

func (r *ng) packet(body []byte) error {
	r.packets++
	if len(body) < 20 {
		return broken("packet %d is cut off", r.packets)
	}
	n := r.order.Uint32(body)
	if int(n) >= len(r.interfaces) {
		return broken("packet %d comes from interface %d of %d", r.packets, n, len(r.interfaces))
	}
	i := r.interfaces[n]
	ticks := uint64(r.order.Uint32(body[4:]))<<32 | uint64(r.order.Uint32(body[8:]))
	at, ok := i.nanoseconds(ticks)
	if !ok {
		return broken("packet %d was captured at no time", r.packets)
	}
	return r.each(Packet{at, ethernet(i.linkType, r.order.Uint32(body[16:]))})
}

// nanoseconds converts a time; ok is false where it is beyond what an int64 holds, after 2262.
func (i ngInterface) nanoseconds(ticks uint64) (ns int64, ok bool) {
	second := uint64(1)
	if i.binary {
		second <<= i.digits
	} else {
		for range i.digits {
			second *= 10
		}
	}
	high, low := bits.Mul64(ticks, 1e9)
	if high >= second {
		return 0, false
	}
	whole, _ := bits.Div64(high, low, second)
	return int64(whole), whole <= math.MaxInt64
}
