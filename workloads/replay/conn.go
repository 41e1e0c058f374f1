package replay

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

// readBurst bounds what is read from one connection before the others get their turn.
const readBurst = 1 << 20

// peer is what a connection's messages mean to the node. Its methods are called on the loop's thread and must not block.
type peer interface {
	// expect is told of a message whose header has been read, and returns where to read its payload (Header.Length bytes). An
	// error closes the connection.
	expect(c *conn, h Header) ([]byte, error)
	// message has been read whole; its last byte was there at the clock's reading at.
	message(c *conn, h Header, payload []byte, at int64)
	// closed is told once, when the connection has ended: io.EOF if the other side closed it between messages.
	closed(c *conn, err error)
}

// conn is a non-blocking TCP connection owned by a loop, for messages in both directions. Messages to send
// queue up without bound: a link that is too slow makes them late, never their sender.
type conn struct {
	loop *loop
	peer peer
	fd   int
	open bool

	queue   []outgoing
	blocked bool // the socket takes no more; EPOLLOUT is being watched
	header  [HeaderBytes]byte
	message Header
	payload []byte
	read    int // bytes of header and payload read so far
}

// outgoing is a message on its way into the socket. sent is called when its last byte has been taken.
type outgoing struct {
	header  [HeaderBytes]byte
	payload []byte
	written int
	sent    func(at int64)
}

// attach makes the loop the owner of a connected, non-blocking socket. It runs on the loop's thread.
func attach(l *loop, fd int, p peer) (*conn, error) {
	c := &conn{loop: l, peer: p, fd: fd, open: true}
	if err := l.watch(fd, unix.EPOLLIN, c.handle); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	l.conns[c] = struct{}{}
	return c, nil
}

func (c *conn) handle(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	// An error or hang-up is found by reading.
	if c.open && events&^unix.EPOLLOUT != 0 {
		c.fill()
	}
}

// send queues a message and writes as much of the queue as the socket takes. It reports whether the connection was open.
func (c *conn) send(m outgoing) bool {
	if !c.open {
		return false
	}
	c.queue = append(c.queue, m)
	if !c.blocked {
		c.flush()
	}
	return true
}

func (c *conn) flush() {
	for len(c.queue) > 0 {
		m := &c.queue[0]
		n, err := m.write(c.fd)
		switch {
		case err == unix.EAGAIN:
			c.watchWritable(true)
			return
		case err == unix.EINTR:
			continue
		case err != nil:
			c.close(fmt.Errorf("write: %w", err))
			return
		}
		m.written += n
		if m.written < HeaderBytes+len(m.payload) {
			continue
		}
		if m.sent != nil {
			m.sent(clock.Now())
		}
		c.queue[0] = outgoing{} // lets go of the payload
		c.queue = c.queue[1:]
	}
	c.watchWritable(false)
}

func (m *outgoing) write(fd int) (int, error) {
	if m.written >= HeaderBytes {
		return unix.Write(fd, m.payload[m.written-HeaderBytes:])
	}
	if len(m.payload) == 0 {
		return unix.Write(fd, m.header[m.written:])
	}
	return unix.Writev(fd, [][]byte{m.header[m.written:], m.payload})
}

func (c *conn) watchWritable(on bool) {
	if c.blocked == on {
		return
	}
	c.blocked = on
	events := uint32(unix.EPOLLIN)
	if on {
		events |= unix.EPOLLOUT
	}
	if err := c.loop.rewatch(c.fd, events); err != nil {
		c.close(err)
	}
}

func (c *conn) fill() {
	for budget := readBurst; budget > 0 && c.open; {
		into := c.header[min(c.read, HeaderBytes):]
		if c.read >= HeaderBytes {
			into = c.payload[c.read-HeaderBytes:]
		}
		n, err := unix.Read(c.fd, into)
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
			continue
		case err != nil:
			c.close(fmt.Errorf("read: %w", err))
			return
		case n == 0:
			c.close(c.ended())
			return
		}
		at := clock.Now()
		budget -= n
		c.read += n
		if c.read == HeaderBytes {
			if err := c.begin(); err != nil {
				c.close(err)
				return
			}
		}
		if c.read >= HeaderBytes && c.read == HeaderBytes+len(c.payload) {
			payload := c.payload
			c.read, c.payload = 0, nil
			c.peer.message(c, c.message, payload, at)
		}
	}
}

func (c *conn) begin() (err error) {
	if c.message, err = ParseHeader(c.header); err != nil {
		return err
	}
	if c.payload, err = c.peer.expect(c, c.message); err != nil {
		return err
	}
	if len(c.payload) != int(c.message.Length) {
		return fmt.Errorf("message of kind %d: %d bytes made room for, its payload has %d", c.message.Kind, len(c.payload), c.message.Length)
	}
	return nil
}

func (c *conn) ended() error {
	if c.read > 0 {
		return fmt.Errorf("the other side closed the connection within a message: %w", io.ErrUnexpectedEOF)
	}
	return io.EOF
}

// close ends the connection at once: what is queued or still in the socket's buffer is dropped.
func (c *conn) close(reason error) {
	if !c.open {
		return
	}
	c.open = false
	c.queue = nil
	delete(c.loop.conns, c)
	c.loop.forget(c.fd)
	err := errors.Join(reset(c.fd), unix.Close(c.fd))
	if reason == nil {
		reason = err
	}
	c.peer.closed(c, reason)
}

// reset makes closing a socket drop what it has not sent.
func reset(fd int) error {
	return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
}
