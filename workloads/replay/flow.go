package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

const (
	// bulkChunk is what bulk senders and receivers move at a time.
	bulkChunk = 128 << 10
	// flowSampleEvery is how often the counts of a flow go into the log, if they have changed.
	flowSampleEvery = 100 * time.Millisecond
)

// flowSet is the background flows of a node. Those over TCP run on ordinary goroutines; datagrams, whose times are their own to
// keep, on an I/O thread beside the tasks'. It computes nothing and only ever sends or counts what is due.
type flowSet struct {
	*node
	sends  func(Flow) bool // whether this node is the sender
	ctx    context.Context
	cancel context.CancelFunc
	chunks buffers
	paced  *loop // nil where the node has no datagrams

	mu      sync.Mutex
	flows   map[uint32]*flow
	stopped bool
	running sync.WaitGroup
}

// flow is one background flow as one of its ends sees it.
type flow struct {
	Flow
	set *flowSet
	// conn is the connection of a bulk flow; of datagrams it is what both ends found each other by.
	conn *net.TCPConn
	// socket is that of datagrams, −1 for others.
	socket int

	counts   flowCounts
	recorded flowLine // by the recorder
}

// flowCounts are cumulative: what was given to the network and what came out of it, each counted by the end that knows. Pieces are
// datagrams or transfers.
type flowCounts struct {
	offered, offeredPieces, delivered, deliveredPieces atomic.Int64
}

func (c *flowCounts) line(id uint32) flowLine {
	return flowLine{
		ID: id, Offered: c.offered.Load(), OfferedPieces: c.offeredPieces.Load(),
		Bytes: c.delivered.Load(), Pieces: c.deliveredPieces.Load(),
	}
}

func newFlowSet(n *node, sends func(Flow) bool) (*flowSet, error) {
	ctx, cancel := context.WithCancel(n.ctx)
	s := &flowSet{node: n, sends: sends, ctx: ctx, cancel: cancel, flows: map[uint32]*flow{}}
	for _, f := range n.setup.Flows {
		// Transfers begin at the edge, whatever their direction.
		if err := f.validate(f.Kind == FlowTransfers && n.setup.Role == Edge || f.Kind == FlowDatagrams && sends(f)); err != nil {
			cancel()
			return nil, err
		}
		if s.flows[f.ID] != nil {
			cancel()
			return nil, fmt.Errorf("background flow %d is there twice", f.ID)
		}
		s.flows[f.ID] = &flow{Flow: f, set: s, socket: -1}
	}
	if !slices.ContainsFunc(n.setup.Flows, func(f Flow) bool { return f.Kind == FlowDatagrams }) {
		return s, nil
	}
	var err error
	if s.paced, err = startLoop(); err != nil {
		cancel()
		return nil, err
	}
	return s, nil
}

// find is the flow a connection was opened for; nil if the node has no such flow.
func (s *flowSet) find(h Header) *flow {
	f := s.flows[h.Stream]
	if f == nil || (h.Kind == OpenTransfer) != (f.Kind == FlowTransfers) {
		return nil
	}
	return f
}

// congestion is the congestion control of the flow's connections.
func (f *flow) congestion() string { return cmp.Or(f.Congestion, f.set.setup.Congestion) }

// open connects an edge to its cloud for the flow.
func (f *flow) open(ctx context.Context, h Header) (*net.TCPConn, error) {
	setup := f.set.setup
	setup.Congestion = f.congestion()
	h.Stream = f.ID
	return openConnection(ctx, setup, h, 0)
}

// connect opens the connection a flow begins with, at the edge. Transfers have none until they begin.
func (f *flow) connect(ctx context.Context) (err error) {
	switch f.Kind {
	case FlowBulk:
		f.conn, err = f.open(ctx, Header{Kind: OpenFlow})
	case FlowDatagrams:
		err = f.meet(ctx)
	}
	return err
}

// accept is connect's other end.
func (f *flow) accept(c *net.TCPConn, h Header) error {
	f.set.mu.Lock()
	taken := f.conn != nil
	if !taken {
		f.conn = c
	}
	f.set.mu.Unlock()
	if taken {
		return errors.Join(fmt.Errorf("background flow %d is connected already", f.ID), c.Close())
	}
	if f.Kind == FlowDatagrams {
		return f.met(h)
	}
	return nil
}

// start begins the flows, each at its time after t0.
func (s *flowSet) start(t0 int64) error {
	for _, f := range s.flows {
		run := f.runner()
		if run == nil {
			continue
		}
		s.running.Go(func() {
			if err := run(t0); err != nil && s.ctx.Err() == nil {
				s.notice(fmt.Errorf("background flow %d of %s: %w", f.ID, f.Link, err))
			}
		})
	}
	if len(s.flows) > 0 {
		s.running.Go(s.record)
	}
	return s.startDatagrams(t0)
}

// runner is what a node has a goroutine for: its end of a bulk flow, or, at the edge, the beginning of transfers.
func (f *flow) runner() func(t0 int64) error {
	switch {
	case f.Kind == FlowBulk && f.conn == nil:
		return nil // its edge died before the start
	case f.Kind == FlowBulk && f.set.sends(f.Flow):
		return f.fill
	case f.Kind == FlowBulk:
		return f.drain
	case f.Kind == FlowTransfers && f.set.setup.Role == Edge:
		return f.transfer
	}
	return nil
}

// record writes the counts of flows into the log, now and then, and a last time when the flows are stopped.
func (s *flowSet) record() {
	ticker := time.NewTicker(flowSampleEvery)
	defer ticker.Stop()
	for s.ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
		}
		s.recordNow()
	}
}

func (s *flowSet) recordNow() {
	now := clock.Now()
	for _, f := range s.flows {
		line := f.counts.line(f.ID)
		if line == f.recorded || line == (flowLine{ID: f.ID}) {
			continue
		}
		f.recorded = line
		line.At = now
		s.log.record(logLine{Flow: &line})
	}
}

// stop ends the flows, waits for them and records what they came to; it may be called again.
func (s *flowSet) stop() error {
	s.cancel()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	var failed error
	if s.paced != nil {
		failed = s.paced.stop()
	}
	s.recordNow()
	for _, f := range s.flows {
		if f.socket >= 0 {
			failed = errors.Join(failed, unix.Close(f.socket))
		}
		if f.conn == nil {
			continue
		}
		if err := errors.Join(f.conn.SetLinger(0), f.conn.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// sleep waits until a time on the clock; it is false if the flows were stopped meanwhile.
func (s *flowSet) sleep(at int64) bool {
	timer := time.NewTimer(until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// until is the wall time from now to a time on the clock.
func until(at int64) time.Duration { return time.Duration(at - clock.Now()) }
