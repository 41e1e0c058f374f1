package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dial connects to the cloud with the congestion control of the plan, from a port or, with 0, from any. Go sets TCP_NODELAY.
func dial(ctx context.Context, address, congestion string, port uint16) (*net.TCPConn, error) {
	d := net.Dialer{Control: withCongestion(congestion), KeepAlive: -1}
	if port != 0 {
		d.LocalAddr = &net.TCPAddr{Port: int(port)}
	}
	c, err := d.DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the cloud: %w", err)
	}
	conn := c.(*net.TCPConn)
	if err := checkCongestion(conn, congestion); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the cloud: %w", err), conn.Close())
	}
	return conn, nil
}

// listen opens the cloud's listening socket; connections inherit its congestion control.
func listen(ctx context.Context, address, congestion string) (*net.TCPListener, error) {
	lc := net.ListenConfig{Control: withCongestion(congestion), KeepAlive: -1}
	l, err := lc.Listen(ctx, "tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the edges: %w", err)
	}
	return l.(*net.TCPListener), nil
}

// withCongestion sets a socket's congestion control before it is used; "" leaves the namespace's. A node
// without CAP_NET_ADMIN, as in a container, may choose only among those its host allows to everybody: then the
// routes of its namespace must have it, which checkCongestion looks at once the socket is connected.
func withCongestion(name string) func(network, address string, raw syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		if name == "" {
			return nil
		}
		err := control(raw, func(fd int) error {
			return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
		})
		if err != nil && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("congestion control %q (load its module with modprobe tcp_%s): %w", name, name, err)
		}
		return nil
	}
}

// setCongestion sets that of a connected socket, as withCongestion does before.
func setCongestion(c *net.TCPConn, name string) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return withCongestion(name)("", "", raw)
}

// checkCongestion compares a connection's congestion control with the plan; "" is any.
func checkCongestion(c *net.TCPConn, name string) error {
	if name == "" {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var is string
	err = control(raw, func(fd int) (err error) {
		is, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		return err
	})
	if err != nil {
		return err
	}
	if is != name {
		return fmt.Errorf("congestion control is %q, planned %q: this node may not set it and its route does not", is, name)
	}
	return nil
}

// control calls f with a socket's descriptor.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = f(int(fd)) })
	return errors.Join(err, failed)
}

// detach takes a connection's socket away from Go's poller: the returned descriptor is non-blocking, the caller's to close.
func detach(c *net.TCPConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take over a connection: %w", err)
	}
	fd := -1
	err = control(raw, func(old int) (err error) {
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err := errors.Join(err, c.Close()); err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return -1, fmt.Errorf("take over a connection: %w", err)
	}
	return fd, nil
}

// boundUnsent makes writes to a bulk connection wait while more than a chunk has not been sent yet, so that
// a transfer ends when its sender stops and not when a socket buffer of megabytes has drained.
func boundUnsent(c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("bound a socket's buffer: %w", err)
	}
	err = control(raw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bulkChunk)
	})
	if err != nil {
		return fmt.Errorf("bound a socket's buffer: %w", err)
	}
	return nil
}

// writeMessage and readMessage are for the connections outside the loop: opening, probes and verification.
func writeMessage(c net.Conn, h Header, payload []byte) error {
	h.Length = uint32(len(payload))
	header := h.Bytes()
	buffers := net.Buffers{header[:], payload}
	_, err := buffers.WriteTo(c)
	return err
}

func readHeader(c net.Conn) (Header, error) {
	var b [HeaderBytes]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return Header{}, err
	}
	return ParseHeader(b)
}

// readMessage reads a message of the kind it is told, with a payload of at most limit bytes.
func readMessage(c net.Conn, kind Kind, limit int) (Header, []byte, error) {
	h, err := readHeader(c)
	if err != nil {
		return h, nil, err
	}
	if h.Kind != kind || int(h.Length) > limit {
		return h, nil, fmt.Errorf("%w: kind %d with %d bytes, expected kind %d with at most %d", ErrHeader, h.Kind, h.Length, kind, limit)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c, payload)
	return h, payload, err
}

// untilDone ends blocking calls on c when the context ends; the returned function stops that.
func untilDone(ctx context.Context, c net.Conn) (release func() bool) {
	return context.AfterFunc(ctx, func() {
		// A deadline in the past, not Close: the connection's owner closes it.
		_ = c.SetDeadline(time.Unix(1, 0))
	})
}

// openConnection connects an edge to its cloud, from a port or, with 0, from any, and says what for.
func openConnection(ctx context.Context, s Setup, h Header, port uint16) (*net.TCPConn, error) {
	c, err := dial(ctx, s.Address, s.Congestion, port)
	if err != nil {
		return nil, err
	}
	return announce(c, h)
}

// announce says what a connection is for, and closes it if that cannot be said.
func announce(c *net.TCPConn, h Header) (*net.TCPConn, error) {
	if err := writeMessage(c, h, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("open a connection to the cloud: %w", err), c.Close())
	}
	return c, nil
}
