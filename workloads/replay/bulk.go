package replay

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/splitbed/splitbed/internal/clock"
)

// fill fills the connection from the flow's start to its stop, and then resets it: what is still in the socket's buffer
// would go on loading the link.
func (f *flow) fill(t0 int64) error {
	defer untilDone(f.set.ctx, f.conn)()
	if err := boundUnsent(f.conn); err != nil {
		return err
	}
	if !f.set.sleep(t0 + f.Start) {
		return nil
	}
	stop := t0 + f.Stop
	if err := f.conn.SetWriteDeadline(time.Now().Add(until(stop))); err != nil {
		return err
	}
	chunk := f.set.chunks.get(bulkChunk)
	defer f.set.chunks.put(chunk)
	for clock.Now() < stop && f.set.ctx.Err() == nil {
		n, err := f.conn.Write(chunk)
		f.counts.offered.Add(int64(n))
		if err != nil {
			if clock.Now() >= stop {
				break // the deadline, set for this moment
			}
			return err
		}
	}
	if err := f.conn.SetLinger(0); err != nil {
		return err
	}
	if err := f.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// drain counts what arrives until the sender resets the connection.
func (f *flow) drain(t0 int64) error {
	defer untilDone(f.set.ctx, f.conn)()
	err := f.count(f.conn)
	// A reset before the stop means that the sender is gone.
	if err != nil && clock.Now() < t0+f.Stop {
		return err
	}
	return nil
}

// count counts what arrives on a connection until it ends; nil if the other side closed it.
func (f *flow) count(c *net.TCPConn) error {
	chunk := f.set.chunks.get(bulkChunk)
	defer f.set.chunks.put(chunk)
	for {
		n, err := c.Read(chunk)
		f.counts.delivered.Add(int64(n))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
