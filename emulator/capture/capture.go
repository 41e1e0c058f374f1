// Package capture writes the packets that a device sends into a pcap file, on request: their first bytes, when they left the
// device's queue, and how long they were.
package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/pcap"
)

// Spec says what to capture.
type Spec struct {
	// Namespace is the path of the device's network namespace, Device its name there.
	Namespace, Device string
	// Path is the file to write.
	Path string
	// Snaplen is how many bytes of a packet are kept.
	Snaplen int
	// Limit is the size in bytes at which the file ends.
	Limit int64
	// Time turns a reading of the clock into the time that is written, in nanoseconds; packets with a negative one are left out.
	Time func(at int64) int64
}

// Result is what came of a capture.
type Result struct {
	Packets int64
	// Dropped packets were gone before they could be read: the host was too busy.
	Dropped int64
	// Full says that the file reached its limit and that later packets are not in it.
	Full bool
}

// Capture is a capture that goes on.
type Capture struct {
	spec   Spec
	socket int
	file   *os.File
	writer *pcap.Writer
	result Result
}

// receiveBuffer is room for packets that wait to be read; the kernel counts more than their first bytes.
const receiveBuffer = 16 << 20

// poll bounds the wait for a packet, and so for the end.
const poll = 50 * time.Millisecond

// Open opens the file and the socket: what the device sends from now on waits to be read by Run.
func Open(s Spec) (_ *Capture, err error) {
	c := &Capture{spec: s, socket: -1}
	defer func() {
		if err != nil {
			err = fmt.Errorf("capture %s: %w", s.Device, errors.Join(err, c.release()))
		}
	}()
	if c.file, err = os.Create(s.Path); err != nil {
		return nil, err
	}
	if c.writer, err = pcap.NewWriter(c.file, s.Snaplen); err != nil {
		return nil, err
	}
	space, err := ns.GetNS(s.Namespace)
	if err != nil {
		return nil, err
	}
	defer space.Close()
	return c, space.Do(func(ns.NetNS) error { return c.listen() })
}

// listen opens the socket. It is bound last, so that no packet passes its filter by.
func (c *Capture) listen() (err error) {
	// A packet socket of protocol 0 receives nothing until it is bound to one.
	if c.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	index, err := deviceIndex(c.socket, c.spec.Device)
	if err != nil {
		return err
	}
	// Only what the device sends, and of that the first bytes: a packet socket sees both directions.
	const loadWord, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const packetType = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	filter := []unix.SockFilter{
		{Code: loadWord, K: packetType},
		{Code: equal, K: unix.PACKET_OUTGOING, Jf: 1},
		{Code: give, K: uint32(c.spec.Snaplen)},
		{Code: give, K: 0},
	}
	if err := unix.SetsockoptSockFprog(c.socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil {
		return fmt.Errorf("attach a filter: %w", err)
	}
	if unix.SetsockoptInt(c.socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(c.socket, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("size the receive buffer: %w", err)
		}
	}
	if err := unix.SetsockoptInt(c.socket, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for timestamps: %w", err)
	}
	all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	if err := unix.Bind(c.socket, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		return fmt.Errorf("bind a packet socket: %w", err)
	}
	return nil
}

// deviceIndex asks for a device's index in the namespace a socket was made in.
func deviceIndex(socket int, name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, request); err != nil {
		return 0, fmt.Errorf("look up the device: %w", err)
	}
	return int(request.Uint32()), nil
}

// Run writes packets until ctx ends or the file is full, and closes the capture.
func (c *Capture) Run(ctx context.Context) (Result, error) {
	err := c.run(ctx)
	if stats, statsErr := unix.GetsockoptTpacketStats(c.socket, unix.SOL_PACKET, unix.PACKET_STATISTICS); statsErr == nil {
		c.result.Dropped = int64(stats.Drops)
	}
	if err = errors.Join(err, c.writer.Flush(), c.release()); err != nil {
		return c.result, fmt.Errorf("capture %s: %w", c.spec.Device, err)
	}
	return c.result, nil
}

func (c *Capture) run(ctx context.Context) error {
	data, control := make([]byte, c.spec.Snaplen), make([]byte, unix.CmsgSpace(16))
	for {
		n, oobn, _, _, err := unix.Recvmsg(c.socket, data, control, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			if ctx.Err() != nil {
				return nil // everything that was there has been written
			}
			wait := []unix.PollFd{{Fd: int32(c.socket), Events: unix.POLLIN}}
			if _, err := unix.Poll(wait, int(poll/time.Millisecond)); err != nil && err != unix.EINTR {
				return fmt.Errorf("wait for packets: %w", err)
			}
			continue
		case err != nil:
			return fmt.Errorf("read a packet: %w", err)
		}
		if full, err := c.write(data[:min(n, len(data))], n, control[:oobn]); full || err != nil {
			return err
		}
	}
}

// write writes a packet, unless the file is full then.
func (c *Capture) write(data []byte, length int, control []byte) (full bool, err error) {
	at := c.spec.Time(captured(control))
	if at < 0 {
		return false, nil
	}
	if c.writer.Written()+pcap.Size(len(data)) > c.spec.Limit {
		c.result.Full = true
		return true, nil
	}
	// A network header says how long a packet was that the filter has cut.
	if err := c.writer.Write(at, data, frameLength(data, length)); err != nil {
		return false, err
	}
	c.result.Packets++
	return false, nil
}

// frameLength is the length of an Ethernet frame of which the filter has left the beginning.
func frameLength(data []byte, left int) int {
	const ethernet = 14
	if len(data) >= ethernet+4 && binary.BigEndian.Uint16(data[12:]) == unix.ETH_P_IP {
		return max(left, ethernet+int(binary.BigEndian.Uint16(data[ethernet+2:])))
	}
	return left
}

// captured is when the kernel saw a packet, on the clock of the run. It tells in the time of day; the difference between the
// two is taken anew each time, because a host's time of day may be set.
func captured(control []byte) int64 {
	now := clock.Now()
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return now
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			seen := int64(binary.NativeEndian.Uint64(m.Data))*1e9 + int64(binary.NativeEndian.Uint64(m.Data[8:]))
			return now - (time.Now().UnixNano() - seen)
		}
	}
	return now
}

// release closes what is open.
func (c *Capture) release() (err error) {
	if c.socket >= 0 {
		err = unix.Close(c.socket)
		c.socket = -1
	}
	if c.file != nil {
		err = errors.Join(err, c.file.Close())
		c.file = nil
	}
	return err
}
