package replay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/wire"
)

// cloud is the upper half of every task of every edge.
type cloud struct {
	*node
	tasks     map[uint32]*cloudTask
	flows     *flowSet
	listeners []*net.TCPListener
	reflector *reflector
	serving   sync.WaitGroup

	mu      sync.Mutex
	missing map[opened]bool // connections still to come
	all     chan struct{}   // closed when none is missing

	finished atomic.Bool
	waiting  atomic.Int64 // bytes of payloads between the socket and their tail

	received, tails, dropped atomic.Int64
}

// opened is what a connection is for.
type opened struct {
	kind   Kind
	stream uint32
}

// cloudTask is a task at one edge, seen from the cloud.
type cloudTask struct {
	Task
	codec    *wire.Codec // of the tensors that come; nil at cut 0
	exact    *wire.Codec // of those to verify
	shots    *Shots      // of a video at cut 0
	tail     half        // the compute thread's
	payloads buffers
}

func newCloud(ctx context.Context, n *node) (_ *cloud, err error) {
	c := &cloud{node: n, tasks: map[uint32]*cloudTask{}, missing: map[opened]bool{}, all: make(chan struct{})}
	for _, task := range n.setup.Tasks {
		t := &cloudTask{Task: task}
		if task.Cut > 0 {
			if t.codec, err = n.codec(task.Wire, task.Half.Input); err != nil {
				return nil, fmt.Errorf("task %s at %s: %w", task.Name, task.Edge, err)
			}
			if t.exact, err = n.codec(exactly(), task.Half.Input); err != nil {
				return nil, fmt.Errorf("task %s at %s: %w", task.Name, task.Edge, err)
			}
		}
		if task.Cut == 0 && task.Pictures.Reel != nil {
			if t.shots, err = task.Pictures.Load(task.Height, task.Width); err != nil {
				return nil, fmt.Errorf("task %s at %s: %w", task.Name, task.Edge, err)
			}
			if err := task.validateShows(t.shots.Len()); err != nil {
				return nil, fmt.Errorf("task %s at %s: %w", task.Name, task.Edge, err)
			}
		}
		if c.tasks[task.Stream] != nil {
			return nil, fmt.Errorf("task %s at %s: stream %d is taken by task %s at %s", task.Name, task.Edge,
				task.Stream, c.tasks[task.Stream].Name, c.tasks[task.Stream].Edge)
		}
		c.tasks[task.Stream] = t
		c.missing[opened{OpenStream, task.Stream}] = true
	}
	for _, f := range n.setup.Flows {
		if f.Kind != FlowTransfers {
			c.missing[opened{OpenFlow, f.ID}] = true
		}
	}
	if len(c.missing) == 0 {
		close(c.all)
	}
	if c.flows, err = newFlowSet(n, func(f Flow) bool { return f.Down }); err != nil {
		return nil, err
	}
	for _, address := range n.setup.Listen {
		l, err := listen(ctx, address, n.setup.Congestion)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.listeners = append(c.listeners, l)
	}
	if c.reflector, err = startReflector(n.loop, n.setup.Listen); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cloud) confined(ctx context.Context) (Ready, error) {
	err := c.openHalves(ctx, c.setup.Tasks, func(i int, h half) { c.tasks[c.setup.Tasks[i].Stream].tail = h })
	if err != nil {
		return Ready{}, err
	}
	for _, t := range c.tasks {
		if in := len(t.tail.Input()); t.Cut == 0 && in != 3*t.Height*t.Width {
			return Ready{}, fmt.Errorf("task %s at %s, k=0: the network takes %d values, a picture of %d×%d has %d",
				t.Name, t.Edge, in, t.Height, t.Width, 3*t.Height*t.Width)
		}
	}
	// Edges that connected earlier wait in the listeners' backlog; only now are there tails for their frames.
	for _, l := range c.listeners {
		c.serving.Go(func() { c.accept(l) })
	}
	select {
	case <-c.all:
	case <-ctx.Done():
		return Ready{}, fmt.Errorf("waiting for the edges: %d connections are missing: %w", c.countMissing(), context.Cause(ctx))
	}
	return Ready{Priority: c.loop.priority}, nil
}

func (c *cloud) countMissing() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.missing)
}

// accept serves a listener until it is closed.
func (c *cloud) accept(l *net.TCPListener) {
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				c.fail(fmt.Errorf("accept a connection: %w", err))
			}
			return
		}
		c.serving.Go(func() {
			if err := c.serve(conn); err != nil && c.ctx.Err() == nil {
				c.notice(fmt.Errorf("connection from %s: %w", conn.RemoteAddr(), err))
			}
		})
	}
}

// serve reads what a connection is for and hands it to whom it concerns.
func (c *cloud) serve(conn *net.TCPConn) error {
	release := untilDone(c.ctx, conn)
	h, err := readHeader(conn)
	var background *flow
	if err == nil {
		background, err = c.congestionOf(conn, h)
	}
	if err != nil {
		release()
		return errors.Join(err, conn.Close())
	}
	switch h.Kind {
	case OpenStream:
		release()
		return c.adopt(conn, h)
	case OpenFlow:
		release()
		if err := background.accept(conn, h); err != nil {
			return err
		}
		c.arrived(h)
		return nil
	case OpenTransfer:
		release()
		// What ends a transfer early is its stop, of which its edge knows.
		_ = background.serve(conn, h)
		return nil
	case OpenProbe:
		defer release()
		return errors.Join(serveProbe(conn, int64(h.Frame)), conn.Close())
	case OpenPull:
		defer release()
		return errors.Join(servePull(conn, int64(h.Frame)), conn.Close())
	}
	release()
	return errors.Join(fmt.Errorf("%w: kind %d opens no connection", ErrHeader, h.Kind), conn.Close())
}

// congestionOf holds a connection's congestion control against what its opening calls for, and returns the background flow
// that is.
func (c *cloud) congestionOf(conn *net.TCPConn, h Header) (*flow, error) {
	if h.Kind != OpenFlow && h.Kind != OpenTransfer {
		return nil, checkCongestion(conn, c.setup.Congestion)
	}
	f := c.flows.find(h)
	if f == nil {
		return nil, fmt.Errorf("background flow %d is not in the set-up", h.Stream)
	}
	if f.Congestion != "" {
		if err := setCongestion(conn, f.Congestion); err != nil {
			return nil, err
		}
	}
	return f, checkCongestion(conn, f.congestion())
}

// adopt gives a task's connection to the loop.
func (c *cloud) adopt(conn *net.TCPConn, h Header) error {
	t := c.tasks[h.Stream]
	if t == nil {
		return errors.Join(fmt.Errorf("stream %d is not in the set-up", h.Stream), conn.Close())
	}
	fd, err := detach(conn)
	if err != nil {
		return err
	}
	if err := c.loop.call(func() error {
		_, err := attach(c.loop, fd, &cloudPeer{cloud: c, task: t})
		return err
	}); err != nil {
		return err
	}
	c.arrived(h)
	return nil
}

func (c *cloud) arrived(h Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := opened{h.Kind, h.Stream}
	if !c.missing[key] {
		return
	}
	delete(c.missing, key)
	if len(c.missing) == 0 {
		close(c.all)
	}
}

// cloudPeer reads a task's frames.
type cloudPeer struct {
	cloud *cloud
	task  *cloudTask
	// drop says of the message being read that there is no room for it; scratch is where it goes.
	drop    bool
	scratch []byte
}

func (p *cloudPeer) expect(_ *conn, h Header) ([]byte, error) {
	t := p.task
	if h.Kind != FrameMessage && h.Kind != VerifyMessage || h.Stream != t.Stream {
		return nil, fmt.Errorf("%w: kind %d of stream %d on the connection of stream %d", ErrHeader, h.Kind, h.Stream, t.Stream)
	}
	if err := t.fits(h); err != nil {
		return nil, fmt.Errorf("%w: stream %d: %w", ErrHeader, t.Stream, err)
	}
	p.drop = p.cloud.waiting.Load()+int64(h.Length) > int64(p.cloud.queueLimit())
	if !p.drop {
		return t.payloads.get(int(h.Length)), nil
	}
	if len(p.scratch) < int(h.Length) {
		p.scratch = make([]byte, h.Length)
	}
	return p.scratch[:h.Length], nil
}

// fits refuses a payload that no frame of the task can have.
func (t *cloudTask) fits(h Header) error {
	if t.Cut > 0 {
		return t.codecOf(h).Fits(h.Encoding, int(h.Length))
	}
	if h.Encoding != wire.Raw {
		return fmt.Errorf("%v, expected a picture", h.Encoding)
	}
	return nil
}

// codecOf is the codec of a message's tensor.
func (t *cloudTask) codecOf(h Header) *wire.Codec {
	if h.Kind == VerifyMessage {
		return t.exact
	}
	return t.codec
}

func (p *cloudPeer) message(conn *conn, h Header, payload []byte, at int64) {
	c, t := p.cloud, p.task
	if h.Kind == FrameMessage {
		if c.finished.Load() {
			return
		}
		c.received.Add(1)
		c.log.record(logLine{Stream: t.Stream, Frame: h.Frame, Received: at, Dropped: p.drop})
		if p.drop {
			c.dropped.Add(1)
			return
		}
	}
	if p.drop {
		conn.close(fmt.Errorf("no room for a frame to verify: %d bytes wait for their tails", c.waiting.Load()))
		return
	}
	c.waiting.Add(int64(len(payload)))
	c.worker.post(func() {
		c.runTail(conn, t, h, payload)
		c.waiting.Add(-int64(len(payload)))
		t.payloads.put(payload)
	})
}

func (p *cloudPeer) closed(conn *conn, err error) {
	// An edge that ends or dies closes its connections; what it loses by that, its own side reports.
	if errors.Is(err, ErrHeader) {
		p.cloud.notice(fmt.Errorf("task %s at %s: connection closed: %w", p.task.Name, p.task.Edge, err))
	}
}

// runTail answers a frame. It runs on the compute thread.
func (c *cloud) runTail(conn *conn, t *cloudTask, h Header, payload []byte) {
	if h.Kind == FrameMessage && c.finished.Load() {
		return
	}
	started, cpu := clock.Now(), clock.ThreadCPU()
	if err := t.infer(h, payload); err != nil {
		c.notice(fmt.Errorf("task %s at %s, frame %d: %w", t.Name, t.Edge, h.Frame, err))
		return
	}
	reply := Header{Kind: AnswerMessage, Stream: h.Stream, Frame: h.Frame}
	output := t.tail.Output()
	if h.Kind == VerifyMessage {
		vector := Vector(output).bytes()
		reply.Kind, reply.Encoding, reply.Length = VectorMessage, wire.Float32, uint32(len(vector))
		c.loop.post(func() { conn.send(outgoing{header: reply.Bytes(), payload: vector}) })
		return
	}
	got := bestOf(output)
	line := logLine{
		Stream: h.Stream, Frame: h.Frame, TailStarted: started, TailEnded: clock.Now(), TailCPU: clock.ThreadCPU() - cpu, Answer: got,
	}
	reply.Length = answerBytes
	c.loop.post(func() {
		conn.send(outgoing{header: reply.Bytes(), payload: got.bytes()})
		if c.finished.Load() {
			return
		}
		c.tails.Add(1)
		c.log.record(line)
	})
}

// infer runs the tail on a payload.
func (t *cloudTask) infer(h Header, payload []byte) error {
	input := t.tail.Input()
	if t.shots != nil {
		if err := t.shots.Decode(t.shown(h.Frame, t.shots.Len()), input); err != nil {
			return err
		}
	} else if t.Cut == 0 {
		if err := camera.Decode(payload, t.Height, t.Width, input); err != nil {
			return err
		}
	} else if err := t.codecOf(h).Decode(h.Head, payload, input); err != nil {
		return err
	}
	return t.tail.Run()
}

func (c *cloud) start(t0 int64) error {
	return c.flows.start(t0)
}

func (c *cloud) finish(ctx context.Context) error {
	if c.finished.Load() {
		return nil
	}
	// On the loop's thread, so that no message is being recorded meanwhile.
	if err := c.loop.call(func() error { c.finished.Store(true); return nil }); err != nil {
		return err
	}
	return errors.Join(c.flows.stop(), c.settle(ctx))
}

func (c *cloud) progress() Progress {
	return Progress{Received: c.received.Load(), Tails: c.tails.Load(), Dropped: c.dropped.Load()}
}

func (c *cloud) probe(context.Context, Probe) (ProbeResult, error) {
	return ProbeResult{}, errors.New("the cloud probes no links; ask an edge")
}

func (c *cloud) echo(context.Context, EchoProbe) (EchoResult, error) {
	return EchoResult{}, errors.New("the cloud sends no echoes; ask an edge")
}

func (c *cloud) verify(context.Context) ([]Verified, error) {
	return nil, errors.New("the cloud has no frames to verify; ask an edge")
}

// close stops listening and waits for what is being served; the node's context has ended.
func (c *cloud) close() (err error) {
	for _, l := range c.listeners {
		err = errors.Join(err, l.Close())
	}
	c.serving.Wait()
	if c.reflector != nil {
		err = errors.Join(err, c.reflector.close(c.loop))
	}
	return errors.Join(err, c.flows.stop())
}
