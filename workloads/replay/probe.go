package replay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
)

// goodputBytes is the length of a GoodputMessage's payload: bytes, nanoseconds and total, 8 bytes each.
const goodputBytes = 24

// probe fills the uplink for a while and returns what the cloud measured.
func (e *edge) probe(ctx context.Context, p Probe) (ProbeResult, error) {
	if p.Bytes <= 0 && p.Duration <= 0 || p.Skip < 0 {
		return ProbeResult{}, fmt.Errorf("a probe needs bytes or a duration to end it, and a skip that is not negative: %+v", p)
	}
	c, err := openConnection(ctx, e.setup, Header{Kind: OpenProbe, Frame: uint64(p.Skip)}, 0)
	if err != nil {
		return ProbeResult{}, fmt.Errorf("probe: %w", err)
	}
	defer c.Close()
	defer untilDone(ctx, c)()
	if err := fill(c, p); err != nil {
		return ProbeResult{}, fmt.Errorf("probe: %w", err)
	}
	_, raw, err := readMessage(c, GoodputMessage, goodputBytes)
	if err != nil {
		return ProbeResult{}, fmt.Errorf("probe: result from the cloud: %w", err)
	}
	if len(raw) != goodputBytes {
		return ProbeResult{}, fmt.Errorf("probe: result from the cloud: %w: %d bytes", ErrHeader, len(raw))
	}
	return ProbeResult{
		Bytes:       units.Bytes(binary.LittleEndian.Uint64(raw)),
		Nanoseconds: int64(binary.LittleEndian.Uint64(raw[8:])),
		Total:       units.Bytes(binary.LittleEndian.Uint64(raw[16:])),
	}, nil
}

func fill(c *net.TCPConn, p Probe) error {
	if err := boundUnsent(c); err != nil {
		return err
	}
	end := clock.Now() + p.Duration
	chunk := make([]byte, bulkChunk)
	for sent := int64(0); (p.Bytes <= 0 || sent < int64(p.Bytes)) && (p.Duration <= 0 || clock.Now() < end); {
		size := int64(len(chunk))
		if p.Bytes > 0 {
			size = min(size, int64(p.Bytes)-sent)
		}
		n, err := c.Write(chunk[:size])
		if err != nil {
			return err
		}
		sent += int64(n)
	}
	return c.CloseWrite()
}

// serveProbe reads a probe to its end and tells the edge the goodput from the first read at or after skip bytes on.
func serveProbe(c *net.TCPConn, skip int64) error {
	chunk := make([]byte, bulkChunk)
	var total, before, from, last int64
	for {
		n, err := c.Read(chunk)
		if n > 0 {
			last = clock.Now()
			total += int64(n)
			if from == 0 && total >= skip {
				from, before = last, total
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
	raw := make([]byte, goodputBytes)
	if from > 0 {
		binary.LittleEndian.PutUint64(raw, uint64(total-before))
		binary.LittleEndian.PutUint64(raw[8:], uint64(last-from))
	}
	binary.LittleEndian.PutUint64(raw[16:], uint64(total))
	// The edge waits for this; it must not wait forever on a link that has died.
	if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if err := writeMessage(c, Header{Kind: GoodputMessage}, raw); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}
