package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/workloads/wire"
)

// edge is the lower half of every task of an edge server.
type edge struct {
	*node
	tasks []*edgeTask
	flows *flowSet
	ahead []*net.TCPConn // for probes

	// The loop's thread owns these.
	schedule []capture
	next     int

	finished atomic.Bool
	queued   atomic.Int64 // bytes of tensors between the head and the socket

	captured, sent, answered, dropped atomic.Int64
}

// edgeTask is a task at this edge. Its connection and its last answer belong to the loop's thread, its head to
// the compute thread.
type edgeTask struct {
	Task
	codec    *wire.Codec // the compute thread's; nil at cut 0
	shots    *Shots
	tensors  [][]float32 // decoded pictures, [1,3,h,w] each; none at cut 0, or of a video, whose frames are too many
	head     half
	conn     *conn
	reply    [answerBytes]byte
	payloads buffers
	last     *answeredFrame
}

type answeredFrame struct {
	frame uint64
	class int32
}

// capture is a frame that is due.
type capture struct {
	at    int64 // clock
	task  *edgeTask
	frame uint64
}

// frame is a captured frame on its way through the edge.
type frame struct {
	task    *edgeTask
	number  uint64
	fired   int64
	line    logLine // what the log is to know once it is ready
	message outgoing
}

func newEdge(n *node) (*edge, error) {
	e := &edge{node: n}
	for _, task := range n.setup.Tasks {
		t := &edgeTask{Task: task}
		if task.Cut > 0 {
			var err error
			if t.codec, err = n.codec(task.Wire, task.Half.Output); err != nil {
				return nil, fmt.Errorf("task %s: %w", task.Name, err)
			}
			if in := elements(task.Half.Input); task.Half.Path == "" || in != 3*task.Height*task.Width {
				return nil, fmt.Errorf("task %s, k=%d: the head %q takes %d values, a picture of %d×%d has %d",
					task.Name, task.Cut, task.Half.Path, in, task.Height, task.Width, 3*task.Height*task.Width)
			}
		}
		if len(task.Sizes) > 0 && len(task.Sizes) != len(task.Captures) {
			return nil, fmt.Errorf("task %s: %d sizes for %d frames", task.Name, len(task.Sizes), len(task.Captures))
		}
		if !slices.IsSorted(task.Captures) {
			return nil, fmt.Errorf("task %s: its capture times must ascend", task.Name)
		}
		e.tasks = append(e.tasks, t)
	}
	var err error
	e.flows, err = newFlowSet(n, func(f Flow) bool { return !f.Down })
	return e, err
}

func (e *edge) confined(ctx context.Context) (Ready, error) {
	if err := e.loadPictures(ctx); err != nil {
		return Ready{}, err
	}
	heads := slices.DeleteFunc(slices.Clone(e.tasks), func(t *edgeTask) bool { return t.Cut == 0 })
	specs := make([]Task, len(heads))
	for i, t := range heads {
		specs[i] = t.Task
	}
	if err := e.openHalves(ctx, specs, func(i int, h half) { heads[i].head = h }); err != nil {
		return Ready{}, err
	}
	if err := e.connect(ctx); err != nil {
		return Ready{}, err
	}
	return Ready{Priority: e.loop.priority}, nil
}

// loadPictures makes the tasks' pictures and decodes them ahead of the run.
func (e *edge) loadPictures(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, t := range e.tasks {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := t.load(); err != nil {
				return fmt.Errorf("task %s: %w", t.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (t *edgeTask) load() (err error) {
	if t.shots, err = t.Pictures.Load(t.Height, t.Width); err != nil {
		return err
	}
	if err := t.validateShows(t.shots.Len()); err != nil {
		return err
	}
	if len(t.Sizes) > 0 {
		if err := t.shots.pad(slices.Min(t.Sizes), slices.Max(t.Sizes)); err != nil {
			return err
		}
	}
	if t.Cut == 0 || t.Pictures.Reel != nil {
		return nil
	}
	for i := range t.shots.Len() {
		tensor := make([]float32, 3*t.Height*t.Width)
		if err := t.shots.Decode(i, tensor); err != nil {
			return fmt.Errorf("picture %d: %w", i, err)
		}
		t.tensors = append(t.tensors, tensor)
	}
	return nil
}

// picture is what a frame sends at cut 0.
func (t *edgeTask) picture(frame uint64) []byte {
	picture := t.shots.Encoded(t.shown(frame, t.shots.Len()))
	// A task without an answered frame verifies frame 0, which may be none of its own.
	if n := frame - t.First; n < uint64(len(t.Sizes)) {
		return picture[:t.Sizes[n]]
	}
	return picture
}

// connect opens one connection per task and per flow, and those that probes are to find.
func (e *edge) connect(ctx context.Context) error {
	for _, t := range e.tasks {
		c, err := openConnection(ctx, e.setup, Header{Kind: OpenStream, Stream: t.Stream}, t.Port)
		if err != nil {
			return fmt.Errorf("task %s: %w", t.Name, err)
		}
		fd, err := detach(c)
		if err != nil {
			return fmt.Errorf("task %s: %w", t.Name, err)
		}
		if err := e.loop.call(func() (err error) {
			t.conn, err = attach(e.loop, fd, &edgePeer{e, t})
			return err
		}); err != nil {
			return fmt.Errorf("task %s: %w", t.Name, err)
		}
	}
	for _, f := range e.flows.flows {
		if err := f.connect(ctx); err != nil {
			return fmt.Errorf("background flow %d of %s: %w", f.ID, f.Link, err)
		}
	}
	for range e.setup.Probes {
		c, err := dial(ctx, e.setup.Address, e.setup.Congestion, 0)
		if err != nil {
			return fmt.Errorf("connection for a probe: %w", err)
		}
		e.ahead = append(e.ahead, c)
	}
	return nil
}

// connection is one opened for what a header says: one that was made ahead, as long as there are any.
func (e *edge) connection(ctx context.Context, h Header) (*net.TCPConn, error) {
	if len(e.ahead) == 0 {
		return openConnection(ctx, e.setup, h, 0)
	}
	c := e.ahead[0]
	e.ahead = e.ahead[1:]
	return announce(c, h)
}

func (e *edge) start(t0 int64) error {
	var schedule []capture
	for _, t := range e.tasks {
		for i, offset := range t.Captures {
			schedule = append(schedule, capture{at: t0 + offset, task: t, frame: t.First + uint64(i)})
		}
	}
	slices.SortStableFunc(schedule, func(a, b capture) int { return cmp.Compare(a.at, b.at) })
	if len(schedule) > 0 && schedule[0].at < clock.Now() {
		return fmt.Errorf("the order to start came %v after the first capture was due: the host is too busy; end other work", time.Duration(clock.Now()-schedule[0].at))
	}
	if err := e.flows.start(t0); err != nil {
		return err
	}
	return e.loop.call(func() error {
		e.schedule, e.next = schedule, 0
		e.loop.expired = e.fire
		return e.armNext()
	})
}

func (e *edge) armNext() error {
	if e.next == len(e.schedule) {
		return e.loop.arm(0)
	}
	return e.loop.arm(e.schedule[e.next].at)
}

// fire captures every frame that is due. It runs on the loop's thread.
func (e *edge) fire(now int64) {
	for e.next < len(e.schedule) && e.schedule[e.next].at <= now {
		e.capture(e.schedule[e.next])
		e.next++
		now = clock.Now()
	}
	if err := e.armNext(); err != nil {
		e.fail(err)
	}
}

func (e *edge) capture(c capture) {
	t := c.task
	f := &frame{task: t, number: c.frame, fired: clock.Now()}
	picture := t.picture(c.frame)
	e.captured.Add(1)
	line := logLine{Stream: t.Stream, Frame: c.frame, Captured: c.at, Fired: f.fired, Input: len(picture)}
	if t.Cut > 0 {
		e.log.record(line)
		e.worker.post(func() { e.runHead(f) })
		return
	}
	line.Ready, line.Wire = f.fired, HeaderBytes+len(picture)
	e.log.record(line)
	f.message.header = Header{Kind: FrameMessage, Stream: t.Stream, Frame: c.frame, Length: uint32(len(picture))}.Bytes()
	f.message.payload = picture
	e.send(f)
}

// runHead turns a captured frame into the message that carries its tensor. It runs on the compute thread.
func (e *edge) runHead(f *frame) {
	if e.finished.Load() {
		return
	}
	t := f.task
	started, cpu := clock.Now(), clock.ThreadCPU()
	h, payload, err := t.encode(f.number, t.codec, t.payloads.get(t.codec.Bytes()))
	if err != nil {
		e.fail(fmt.Errorf("task %s, frame %d: %w", t.Name, f.number, err))
		return
	}
	h.Kind = FrameMessage
	f.message.header, f.message.payload = h.Bytes(), payload
	length := len(payload)
	f.line = logLine{
		Stream: t.Stream, Frame: f.number, Started: started, HeadCPU: clock.ThreadCPU() - cpu, Wire: HeaderBytes + length,
	}
	if limit := int64(e.queueLimit()); e.queued.Add(int64(length)) > limit {
		e.queued.Add(-int64(length))
		f.line.Dropped = true
	}
	f.line.Ready = clock.Now()
	e.loop.post(func() { e.ready(f) })
}

// encode runs the head on a frame's picture and puts its output into a buffer as the codec says. It runs on the compute
// thread.
func (t *edgeTask) encode(number uint64, codec *wire.Codec, buffer []byte) (Header, []byte, error) {
	if shown := t.shown(number, t.shots.Len()); len(t.tensors) > 0 {
		copy(t.head.Input(), t.tensors[shown])
	} else if err := t.shots.Decode(shown, t.head.Input()); err != nil {
		return Header{}, nil, err
	}
	if err := t.head.Run(); err != nil {
		return Header{}, nil, err
	}
	head, payload, err := codec.Encode(t.head.Output(), buffer)
	return Header{Head: head, Stream: t.Stream, Frame: number, Length: uint32(len(payload))}, payload, err
}

// ready takes a frame over from the compute thread. It runs on the loop's thread.
func (e *edge) ready(f *frame) {
	if e.finished.Load() {
		return
	}
	e.log.record(f.line)
	if f.line.Dropped {
		e.dropped.Add(1)
		f.task.payloads.put(f.message.payload)
		return
	}
	e.send(f)
}

func (e *edge) send(f *frame) {
	t, payload := f.task, f.message.payload
	release := func() {
		if t.Cut > 0 {
			e.queued.Add(-int64(len(payload)))
			t.payloads.put(payload)
		}
	}
	f.message.sent = func(at int64) {
		e.sent.Add(1)
		e.log.record(logLine{Stream: t.Stream, Frame: f.number, Sent: at})
		release()
	}
	if !t.conn.send(f.message) {
		release() // the connection was lost, which was reported then
	}
}

// edgePeer reads a task's answers.
type edgePeer struct {
	edge *edge
	task *edgeTask
}

func (p *edgePeer) expect(_ *conn, h Header) ([]byte, error) {
	if h.Kind != AnswerMessage || h.Stream != p.task.Stream || h.Length != answerBytes {
		return nil, fmt.Errorf("%w: kind %d of stream %d with %d bytes is no answer to stream %d", ErrHeader, h.Kind, h.Stream, h.Length, p.task.Stream)
	}
	return p.task.reply[:], nil
}

func (p *edgePeer) message(_ *conn, h Header, payload []byte, at int64) {
	got := parseAnswer(payload)
	p.task.last = &answeredFrame{h.Frame, got.Class}
	p.edge.answered.Add(1)
	p.edge.log.record(logLine{Stream: h.Stream, Frame: h.Frame, Answered: at, Answer: &got})
}

func (p *edgePeer) closed(_ *conn, err error) {
	if !p.edge.finished.Load() {
		p.edge.notice(fmt.Errorf("task %s: the connection to the cloud was lost: %w", p.task.Name, err))
	}
}

func (e *edge) finish(ctx context.Context) error {
	if e.finished.Load() {
		return nil
	}
	if err := e.loop.call(func() error {
		e.finished.Store(true)
		e.next = len(e.schedule)
		for _, t := range e.tasks {
			// What is still queued is dropped with the connection, so that the link is free for the verification.
			if t.conn != nil {
				t.conn.close(nil)
			}
		}
		return e.loop.arm(0)
	}); err != nil {
		return err
	}
	return errors.Join(e.flows.stop(), e.settle(ctx))
}

func (e *edge) progress() Progress {
	return Progress{Captured: e.captured.Load(), Sent: e.sent.Load(), Answered: e.answered.Load(), Dropped: e.dropped.Load()}
}

func (e *edge) close() error {
	err := e.flows.stop()
	for _, c := range e.ahead {
		err = errors.Join(err, c.Close())
	}
	return err
}
