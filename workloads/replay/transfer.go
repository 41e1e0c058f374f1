package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/splitbed/splitbed/internal/clock"
)

// maxTogether is how many transfers of a flow go on at a time. On a link that cannot keep up they would become ever more; one
// beyond these is offered and never carried.
const maxTogether = 256

// transfer begins every transfer of the flow at its time, and resets those that are not over at its stop. It runs at the edge,
// which opens the connections in both directions, as a browser does.
func (f *flow) transfer(t0 int64) error {
	ctx, cancel := context.WithDeadline(f.set.ctx, time.Now().Add(until(t0+f.Stop)))
	defer cancel()
	var going sync.WaitGroup
	defer going.Wait()
	room := make(chan struct{}, maxTogether)
	for i, at := range f.Sends.At {
		if !f.set.sleep(t0 + at) {
			return nil
		}
		size := f.Sends.Bytes[i]
		f.counts.offered.Add(size)
		f.counts.offeredPieces.Add(1)
		select {
		case room <- struct{}{}:
		default:
			continue
		}
		going.Go(func() {
			defer func() { <-room }()
			if err := f.carry(ctx, size); err != nil && ctx.Err() == nil && clock.Now() < t0+f.Stop {
				f.set.notice(fmt.Errorf("background flow %d of %s: a transfer of %d bytes: %w", f.ID, f.Link, size, err))
			}
		})
	}
	return nil
}

// carry makes one transfer: it sends size bytes to the cloud, or has it send them.
func (f *flow) carry(ctx context.Context, size int64) (err error) {
	c, err := f.open(ctx, Header{Kind: OpenTransfer, Frame: uint64(size)})
	if err != nil {
		return err
	}
	defer untilDone(ctx, c)()
	defer func() { err = errors.Join(err, hangUp(c, err)) }()
	if f.Down {
		return f.receive(c, size)
	}
	if err := f.give(c, size); err != nil {
		return err
	}
	// The other end closes when it has everything.
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		return err
	}
	return nil
}

// serve is carry's other end, in the cloud.
func (f *flow) serve(c *net.TCPConn, h Header) (err error) {
	defer untilDone(f.set.ctx, c)()
	defer func() { err = errors.Join(err, hangUp(c, err)) }()
	const most = 1 << 40
	if h.Frame > most {
		return fmt.Errorf("%w: a transfer of %d bytes", ErrHeader, h.Frame)
	}
	if f.Down {
		return f.give(c, int64(h.Frame))
	}
	return f.receive(c, int64(h.Frame))
}

// give sends size bytes and says that they are all.
func (f *flow) give(c *net.TCPConn, size int64) error {
	chunk := f.set.chunks.get(bulkChunk)
	defer f.set.chunks.put(chunk)
	for left := size; left > 0; {
		n, err := c.Write(chunk[:min(left, int64(len(chunk)))])
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	return c.CloseWrite()
}

// receive counts a transfer of size bytes.
func (f *flow) receive(c *net.TCPConn, size int64) error {
	chunk := f.set.chunks.get(bulkChunk)
	defer f.set.chunks.put(chunk)
	for left := size; left > 0; {
		n, err := c.Read(chunk[:min(left, int64(len(chunk)))])
		f.counts.delivered.Add(int64(n))
		left -= int64(n)
		if err != nil {
			return err
		}
	}
	f.counts.deliveredPieces.Add(1)
	return nil
}

// hangUp closes a connection, at once if it failed.
func hangUp(c *net.TCPConn, failed error) error {
	var err error
	if failed != nil {
		err = c.SetLinger(0)
	}
	return errors.Join(err, c.Close())
}
