package replay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// Datagrams measure what TCP hides by repeating it: the round trip and the loss of single packets, and a queue that is kept
// full. They travel between the edge's address and the cloud's, beside the connections, to the port these have.

// datagram is a measuring packet, little-endian: magic, kind, id, number, when it was sent, when the cloud had it.
type datagram struct {
	kind datagramKind
	// id is the probe the datagram belongs to.
	id uint32
	// number counts the echoes of a probe; in a report it is the number of different echoes the cloud has seen.
	number uint32
	// sent and turned are readings of the clock: on the edge, and in the cloud.
	sent, turned int64
}

type datagramKind uint32

const (
	echoDatagram   datagramKind = iota + 1 // comes back at once
	loadDatagram                           // fills a queue; nothing comes back
	reportDatagram                         // asks how many echoes have come, and comes back with the number
)

const (
	datagramMagic = 0x53424447
	datagramBytes = 32
	// datagramHeaders is what a UDP payload travels behind: Ethernet (14), IPv4 (20), UDP (8).
	datagramHeaders = 42
	// maxDatagram is the longest payload in an MTU of 1500; a datagram of load has it.
	maxDatagram = 1514 - datagramHeaders
	// EchoWireBytes is an echo as a link counts it.
	EchoWireBytes = datagramBytes + datagramHeaders
	// loadWireBytes is a datagram of load as a link counts it.
	loadWireBytes = maxDatagram + datagramHeaders
	// datagramBuffer is room for what arrives while the thread that reads it does something else.
	datagramBuffer = 4 << 20
	// MostEchoes bounds the echoes of a probe.
	MostEchoes = 1 << 17
)

func (d datagram) put(b []byte) {
	binary.LittleEndian.PutUint32(b, datagramMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(d.kind))
	binary.LittleEndian.PutUint32(b[8:], d.id)
	binary.LittleEndian.PutUint32(b[12:], d.number)
	binary.LittleEndian.PutUint64(b[16:], uint64(d.sent))
	binary.LittleEndian.PutUint64(b[24:], uint64(d.turned))
}

// parseDatagram reads a datagram; ok is false for what is none of ours.
func parseDatagram(b []byte) (d datagram, ok bool) {
	if len(b) < datagramBytes || binary.LittleEndian.Uint32(b) != datagramMagic {
		return d, false
	}
	return datagram{
		kind:   datagramKind(binary.LittleEndian.Uint32(b[4:])),
		id:     binary.LittleEndian.Uint32(b[8:]),
		number: binary.LittleEndian.Uint32(b[12:]),
		sent:   int64(binary.LittleEndian.Uint64(b[16:])),
		turned: int64(binary.LittleEndian.Uint64(b[24:])),
	}, true
}

// datagramSocket opens a non-blocking UDP socket with room for [datagramBuffer] bytes.
func datagramSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open a datagram socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, datagramBuffer) != nil {
		// Without CAP_NET_ADMIN, as in a container, the host's limit holds.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, datagramBuffer)
	}
	return fd, nil
}

// socketAddress reads an IPv4 address with its port, or ":7000" for all addresses.
func socketAddress(text string) (*unix.SockaddrInet4, error) {
	if strings.HasPrefix(text, ":") {
		text = "0.0.0.0" + text
	}
	address, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, err
	}
	if !address.Addr().Is4() {
		return nil, fmt.Errorf("%s is no IPv4 address", text)
	}
	return &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}, nil
}
