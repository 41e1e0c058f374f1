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

const (
	// bulkChunk is what bulk senders and receivers move at a time.
	bulkChunk = 128 << 10
	// flowSampleEvery is how often a flow's receiver records its count.
	flowSampleEvery = 100 * time.Millisecond
)

// flowSet is the background flows of a node. They run on ordinary goroutines, apart from the tasks' loop.
type flowSet struct {
	*node
	sends  func(Flow) bool // whether this node is the sender
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	conns   map[uint32]*net.TCPConn
	running sync.WaitGroup
}

func newFlowSet(n *node, sends func(Flow) bool) *flowSet {
	ctx, cancel := context.WithCancel(n.ctx)
	return &flowSet{node: n, sends: sends, ctx: ctx, cancel: cancel, conns: map[uint32]*net.TCPConn{}}
}

// add takes over a flow's connection.
func (s *flowSet) add(id uint32, c *net.TCPConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[id] != nil {
		return fmt.Errorf("background flow %d is connected already", id)
	}
	s.conns[id] = c
	return nil
}

// start begins the flows that are connected, each at its time after t0.
func (s *flowSet) start(t0 int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.setup.Flows {
		c := s.conns[f.ID]
		if c == nil {
			continue // its edge died before the start
		}
		run := s.receive
		if s.sends(f) {
			run = s.send
		}
		s.running.Go(func() {
			defer untilDone(s.ctx, c)()
			if err := run(f, c, t0); err != nil && s.ctx.Err() == nil {
				s.notice(fmt.Errorf("background flow %d of %s: %w", f.ID, f.Link, err))
			}
		})
	}
}

// send fills the connection from the flow's start to its stop, and then resets it: what is still in the socket's buffer
// would go on loading the link.
func (s *flowSet) send(f Flow, c *net.TCPConn, t0 int64) error {
	if err := boundUnsent(c); err != nil {
		return err
	}
	timer := time.NewTimer(until(t0 + f.Start))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
		return nil
	}
	stop := t0 + f.Stop
	if err := c.SetWriteDeadline(time.Now().Add(until(stop))); err != nil {
		return err
	}
	chunk := make([]byte, bulkChunk)
	for clock.Now() < stop && s.ctx.Err() == nil {
		if _, err := c.Write(chunk); err != nil {
			if clock.Now() >= stop {
				break // the deadline, set for this moment
			}
			return err
		}
	}
	if err := c.SetLinger(0); err != nil {
		return err
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// receive counts what arrives until the sender resets the connection.
func (s *flowSet) receive(f Flow, c *net.TCPConn, t0 int64) error {
	chunk := make([]byte, bulkChunk)
	var total, recorded, last int64
	record := func(at int64) {
		recorded, last = total, at
		s.log.record(logLine{Flow: &flowLine{ID: f.ID, At: at, Bytes: total}})
	}
	for {
		n, err := c.Read(chunk)
		now := clock.Now()
		total += int64(n)
		if err != nil {
			if total > recorded {
				record(now)
			}
			// A reset before the stop means that the sender is gone.
			if now < t0+f.Stop && err != io.EOF {
				return err
			}
			return nil
		}
		if now-last >= int64(flowSampleEvery) {
			record(now)
		}
	}
}

// stop ends the flows and waits for them; it may be called again.
func (s *flowSet) stop() error {
	s.cancel()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed error
	for id, c := range s.conns {
		delete(s.conns, id)
		if err := errors.Join(c.SetLinger(0), c.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// until is the wall time from now to a time on the clock.
func until(at int64) time.Duration { return time.Duration(at - clock.Now()) }
