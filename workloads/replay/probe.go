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

// probe fills the uplink for a while and returns what the cloud measured, or has the downlink filled and measures itself.
func (e *edge) probe(ctx context.Context, p Probe) (ProbeResult, error) {
	if p.Duration <= 0 || p.Skip < 0 {
		return ProbeResult{}, fmt.Errorf("a probe needs a duration, and a skip that is not negative: %+v", p)
	}
	if p.Down {
		return e.pull(ctx, p)
	}
	c, err := e.connection(ctx, Header{Kind: OpenProbe, Frame: uint64(p.Skip)})
	if err != nil {
		return ProbeResult{}, fmt.Errorf("probe: %w", err)
	}
	defer c.Close()
	defer untilDone(ctx, c)()
	if err := fill(c, p.Duration); err != nil {
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

// fill keeps a connection full for so many wall nanoseconds.
func fill(c *net.TCPConn, duration int64) error {
	if err := boundUnsent(c); err != nil {
		return err
	}
	end := clock.Now() + duration
	chunk := make([]byte, bulkChunk)
	for clock.Now() < end {
		if _, err := c.Write(chunk); err != nil {
			return err
		}
	}
	return c.CloseWrite()
}

// pull has the cloud fill the downlink and measures what comes.
func (e *edge) pull(ctx context.Context, p Probe) (ProbeResult, error) {
	c, err := e.connection(ctx, Header{Kind: OpenPull, Frame: uint64(p.Duration)})
	if err != nil {
		return ProbeResult{}, fmt.Errorf("probe: %w", err)
	}
	defer c.Close()
	defer untilDone(ctx, c)()
	return measure(c, int64(p.Skip))
}

// longestPull bounds what a connection may ask the cloud to send.
const longestPull = int64(10 * time.Minute)

// servePull fills the way to an edge for as long as it has asked for.
func servePull(c *net.TCPConn, duration int64) error {
	if duration <= 0 || duration > longestPull {
		return fmt.Errorf("probe: %w: the downlink is to be filled for %v", ErrHeader, time.Duration(duration))
	}
	if err := fill(c, duration); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// measure reads a connection to its end and gives the goodput from the first read at or after skip bytes on, see
// [steadyRate].
func measure(c *net.TCPConn, skip int64) (ProbeResult, error) {
	chunk := make([]byte, bulkChunk)
	var total int64
	var reads []arrival
	for {
		n, err := c.Read(chunk)
		if n > 0 {
			now := clock.Now()
			if total += int64(n); total >= skip {
				reads = append(reads, arrival{now, total})
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ProbeResult{}, fmt.Errorf("probe: %w", err)
		}
	}
	r := ProbeResult{Total: units.Bytes(total)}
	if rate := steadyRate(reads); rate > 0 {
		r.Bytes = units.Bytes(total - reads[0].bytes)
		r.Nanoseconds = int64(float64(r.Bytes) / rate)
	}
	return r, nil
}

// serveProbe reads a probe to its end and tells the edge its goodput.
func serveProbe(c *net.TCPConn, skip int64) error {
	r, err := measure(c, skip)
	if err != nil {
		return err
	}
	raw := make([]byte, goodputBytes)
	binary.LittleEndian.PutUint64(raw, uint64(r.Bytes))
	binary.LittleEndian.PutUint64(raw[8:], uint64(r.Nanoseconds))
	binary.LittleEndian.PutUint64(raw[16:], uint64(r.Total))
	// The edge waits for this; it must not wait forever on a link that has died.
	if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if err := writeMessage(c, Header{Kind: GoodputMessage}, raw); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}
