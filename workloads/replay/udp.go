package replay

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"net"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

// pacedBurst bounds what is sent or read before others get their turn.
const pacedBurst = 256

// meet gives both ends of a flow of datagrams a socket of their own: over a connection the edge tells the cloud its port, and is
// told the cloud's.
func (f *flow) meet(ctx context.Context) error {
	port, err := f.bind(net.IPv4zero)
	if err != nil {
		return err
	}
	if f.conn, err = f.open(ctx, Header{Kind: OpenFlow, Frame: uint64(port)}); err != nil {
		return err
	}
	defer untilDone(ctx, f.conn)()
	h, err := readHeader(f.conn)
	if err != nil {
		return fmt.Errorf("the cloud's port: %w", err)
	}
	return f.join(f.conn.RemoteAddr().(*net.TCPAddr).IP, h)
}

// met is meet's other end.
func (f *flow) met(h Header) error {
	port, err := f.bind(f.conn.LocalAddr().(*net.TCPAddr).IP)
	if err != nil {
		return err
	}
	if err := f.join(f.conn.RemoteAddr().(*net.TCPAddr).IP, h); err != nil {
		return err
	}
	defer untilDone(f.set.ctx, f.conn)()
	return writeMessage(f.conn, Header{Kind: OpenFlow, Stream: f.ID, Frame: uint64(port)}, nil)
}

// bind makes the socket at an address and a port of the kernel's choice.
func (f *flow) bind(ip net.IP) (port int, err error) {
	fd, err := datagramSocket()
	if err != nil {
		return 0, err
	}
	f.socket = fd
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte(ip.To4())}); err != nil {
		return 0, fmt.Errorf("bind a UDP socket to %v: %w", ip, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("ask for a UDP socket's port: %w", err)
	}
	return name.(*unix.SockaddrInet4).Port, nil
}

// join connects the socket to its other end, whose port a header has.
func (f *flow) join(ip net.IP, h Header) error {
	if h.Kind != OpenFlow || h.Stream != f.ID || h.Frame == 0 || h.Frame > 1<<16-1 {
		return fmt.Errorf("%w: kind %d of flow %d with port %d does not open flow %d", ErrHeader, h.Kind, h.Stream, h.Frame, f.ID)
	}
	if err := unix.Connect(f.socket, &unix.SockaddrInet4{Port: int(h.Frame), Addr: [4]byte(ip.To4())}); err != nil {
		return fmt.Errorf("connect a UDP socket: %w", err)
	}
	return nil
}

// startDatagrams arms the senders and has what arrives counted.
func (s *flowSet) startDatagrams(t0 int64) error {
	if s.paced == nil {
		return nil
	}
	return s.paced.call(func() error {
		senders := &pacer{loop: s.paced, payload: make([]byte, maxDatagram), fail: s.fail}
		for _, f := range s.flows {
			if f.socket < 0 {
				continue // its edge died before the start
			}
			if !s.sends(f.Flow) {
				if err := s.paced.watch(f.socket, unix.EPOLLIN, f.arrived()); err != nil {
					return err
				}
				continue
			}
			next := f.datagrams(t0)
			if at, size, ok := next(); ok {
				senders.queue = append(senders.queue, due{f, at, size, next})
			}
		}
		heap.Init(&senders.queue)
		s.paced.expired = senders.send
		return senders.arm()
	})
}

// arrived counts the datagrams that are there.
func (f *flow) arrived() func(uint32) {
	payload := make([]byte, maxDatagram)
	return func(uint32) {
		for range pacedBurst {
			n, err := unix.Read(f.socket, payload)
			if err != nil {
				return // nothing more, or a sender that is not there yet
			}
			f.counts.delivered.Add(int64(n + datagramHeaders))
			f.counts.deliveredPieces.Add(1)
		}
	}
}

// datagrams lists the flow's datagrams one after the other: when each is due on the clock, and its payload.
func (f *flow) datagrams(t0 int64) func() (at int64, size int, ok bool) {
	n := 0
	if f.Sends != nil {
		return func() (int64, int, bool) {
			if n == len(f.Sends.At) {
				return 0, 0, false
			}
			at, size := f.Sends.At[n], int(f.Sends.Bytes[n])-datagramHeaders
			n++
			return t0 + at, max(0, min(size, maxDatagram)), true
		}
	}
	burst := -f.Pace.Phase // the start of the current one
	n = int(math.Ceil(float64(f.Pace.Phase) / f.Pace.Every))
	return func() (int64, int, bool) {
		offset := int64(float64(n) * f.Pace.Every)
		if f.Pace.On > 0 && offset >= f.Pace.On {
			burst, n, offset = burst+f.Pace.On+f.Pace.Off, 0, 0
		}
		n++
		at := f.Start + burst + offset
		return t0 + at, max(0, min(f.Pace.Packet-datagramHeaders, maxDatagram)), at < f.Stop
	}
}

// due is a flow's next datagram.
type due struct {
	flow *flow
	at   int64
	size int
	next func() (at int64, size int, ok bool)
}

// pacer sends the datagrams of all flows in order of time. The loop's thread owns it.
type pacer struct {
	loop    *loop
	queue   dueQueue
	payload []byte
	fail    func(error)
}

// send sends what is due.
func (p *pacer) send(now int64) {
	for range pacedBurst {
		if len(p.queue) == 0 || p.queue[0].at > now {
			break
		}
		d := &p.queue[0]
		d.flow.counts.offered.Add(int64(d.size + datagramHeaders))
		d.flow.counts.offeredPieces.Add(1)
		// One that the socket has no room for, or whose receiver is gone, is lost like one that a queue has no room for.
		_, _ = unix.Write(d.flow.socket, p.payload[:d.size])
		var ok bool
		if d.at, d.size, ok = d.next(); ok {
			heap.Fix(&p.queue, 0)
		} else {
			heap.Pop(&p.queue)
		}
		now = clock.Now()
	}
	if err := p.arm(); err != nil {
		p.fail(err)
	}
}

func (p *pacer) arm() error {
	if len(p.queue) == 0 {
		return p.loop.arm(0)
	}
	return p.loop.arm(p.queue[0].at)
}

// dueQueue is a heap by time.
type dueQueue []due

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(due)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
