package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/splitbed/splitbed/internal/shortpath"
)

// SocketName is the control socket's name in the directory given to Listen.
const SocketName = "control.sock"

// introduction is how long a process that connects may take to say who it is.
const introduction = 30 * time.Second

// Hub is the harness's end of the control socket. Its methods may be called concurrently.
type Hub struct {
	path     string
	listener *net.UnixListener
	serving  sync.WaitGroup

	mu     sync.Mutex
	nodes  map[string]chan *Conn
	all    []*Conn
	closed bool
}

// Listen opens the control socket in dir, which every node must see at the same path.
func Listen(dir string) (*Hub, error) {
	h := &Hub{path: filepath.Join(dir, SocketName), nodes: map[string]chan *Conn{}}
	if err := shortpath.Through(h.path, func(short string) error {
		l, err := net.Listen("unix", short)
		if err != nil {
			return err
		}
		h.listener = l.(*net.UnixListener)
		h.listener.SetUnlinkOnClose(false) // the short path means another file by then
		return nil
	}); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", h.path, err)
	}
	h.serving.Go(h.accept)
	return h, nil
}

// Path is the control socket's path, for `splitbed node --control`.
func (h *Hub) Path() string { return h.path }

func (h *Hub) accept() {
	for {
		c, err := h.listener.Accept()
		if err != nil {
			return // closed
		}
		h.serving.Go(func() {
			if !h.introduce(c) {
				c.Close()
			}
		})
	}
}

// introduce reads who has connected and keeps the connection for Node. A name that is taken is refused.
func (h *Hub) introduce(c net.Conn) bool {
	if c.SetReadDeadline(time.Now().Add(introduction)) != nil {
		return false
	}
	decoder := json.NewDecoder(c)
	var m message
	if decoder.Decode(&m) != nil || m.Hello == nil || c.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	conn := &Conn{
		Name: m.Hello.Name, PID: m.Hello.PID,
		socket: c, decoder: decoder,
		waiting: map[uint64]chan message{}, done: make(chan struct{}),
	}
	arrived := h.slot(conn.Name)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	select {
	case arrived <- conn:
		h.all = append(h.all, conn)
		return true
	default:
		return false
	}
}

func (h *Hub) slot(name string) chan *Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nodes[name] == nil {
		h.nodes[name] = make(chan *Conn, 1)
	}
	return h.nodes[name]
}

// Watch is told what nodes say unasked. Its functions are called on the node's reader and must not block; nil ones are left out.
type Watch struct {
	Progress func(node string, p Progress)
	// Fault is told of faults the node outlives: a connection lost or broken, a frame that could not be decoded. Frames it cost are missing
	// answers in the records, so unless the harness caused it, the run is not valid.
	Fault func(node string, err error)
}

// Node waits for the node of that name to connect. Whether its process is still alive is the caller's business: one that
// died before this ends with ctx.
func (h *Hub) Node(ctx context.Context, name string, w Watch) (*Conn, error) {
	select {
	case c := <-h.slot(name):
		c.watch = w
		h.serving.Go(c.read)
		return c, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for node %s to connect to %s: %w", name, h.path, context.Cause(ctx))
	}
}

// Close closes the socket and every node's connection, which ends the nodes, and waits for the readers. A second call does
// nothing.
func (h *Hub) Close() error {
	h.mu.Lock()
	all, closed := h.all, h.closed
	h.closed = true
	h.mu.Unlock()
	if closed {
		return nil
	}
	err := h.listener.Close()
	for _, c := range all {
		c.socket.Close()
	}
	h.serving.Wait()
	if removed := os.Remove(h.path); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	if err != nil {
		return fmt.Errorf("control socket %s: %w", h.path, err)
	}
	return nil
}

// NodeError is what a node reported, or its death.
type NodeError struct {
	Node string
	Text string
}

func (e *NodeError) Error() string { return fmt.Sprintf("node %s: %s", e.Node, e.Text) }

// Conn is the harness's connection to one node. Its calls may be made concurrently; the node answers them one after the other.
// Each returns when the node has answered, ctx has ended, or the node has failed or died.
type Conn struct {
	Name string
	// PID is the node's process id in its own PID namespace.
	PID int

	socket  net.Conn
	decoder *json.Decoder
	watch   Watch

	writing sync.Mutex // held while a message is written

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan message
	stopped bool

	done chan struct{}
	err  error // set before done is closed
}

// Setup sends the node its part. The node starts its threads and, as the cloud, listens; it opens no network
// yet. The cloud must have answered this before any edge's Confined is called.
func (c *Conn) Setup(ctx context.Context, s Setup) (Threads, error) {
	m, err := c.call(ctx, message{Call: callSetup, Setup: &s})
	return value(m.Threads), err
}

// Confined tells the node that its compute threads are confined. It opens its networks, makes its pictures, connects, and
// runs every network once. The cloud answers when all edges' connections are there: call it for all nodes concurrently.
func (c *Conn) Confined(ctx context.Context) (Ready, error) {
	m, err := c.call(ctx, message{Call: callConfined})
	return value(m.Ready), err
}

// Echo has an edge measure round trips to the cloud.
func (c *Conn) Echo(ctx context.Context, p EchoProbe) (EchoResult, error) {
	m, err := c.call(ctx, message{Call: callEcho, Echo: &p})
	return value(m.Echoed), err
}

// Probe has an edge measure the goodput of its uplink or downlink by filling it.
func (c *Conn) Probe(ctx context.Context, p Probe) (ProbeResult, error) {
	m, err := c.call(ctx, message{Call: callProbe, Probe: &p})
	return value(m.Result), err
}

// ProbeCompute has a node keep its compute thread busy, and tells what CPU it got. It comes after Confined and before Start.
func (c *Conn) ProbeCompute(ctx context.Context, p ComputeProbe) (ComputeResult, error) {
	m, err := c.call(ctx, message{Call: callCompute, Compute: &p})
	return value(m.Computed), err
}

// Start begins the replay at t0 on the clock (CLOCK_MONOTONIC), which must not have come yet when the node reads this. It
// returns when the first capture is armed.
func (c *Conn) Start(ctx context.Context, t0 int64) error {
	_, err := c.call(ctx, message{Call: callStart, Start: &start{T0: t0}})
	return err
}

// Finish ends the replay: captures still to come and frames still queued are dropped, background flows end, and the log
// is complete on disk when this returns.
func (c *Conn) Finish(ctx context.Context) (Progress, error) {
	m, err := c.call(ctx, message{Call: callFinish})
	return value(m.Progress), err
}

// Verify has an edge send one frame of every task that is to be verified again, unquantised, and returns the networks' outputs. It comes after Finish of
// the edge; the cloud must still be there.
func (c *Conn) Verify(ctx context.Context) ([]Verified, error) {
	m, err := c.call(ctx, message{Call: callVerify})
	return m.Verified, err
}

// Stop ends the node in order.
func (c *Conn) Stop(ctx context.Context) error {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	_, err := c.call(ctx, message{Call: callStop})
	return err
}

// Done is closed when the node has failed, died or stopped.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why Done was closed: a *NodeError, or nil after Stop. It is nil before.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

func (c *Conn) call(ctx context.Context, m message) (message, error) {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	m.ID = c.last
	c.waiting[m.ID] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, m.ID)
		c.mu.Unlock()
	}()
	line, err := json.Marshal(m)
	if err != nil {
		return message{}, fmt.Errorf("node %s: %s: %w", c.Name, m.Call, err)
	}
	c.write(ctx, append(line, '\n'))
	if ctx.Err() != nil { // also where that has closed the connection, which is its consequence
		return message{}, fmt.Errorf("node %s: %s: %w", c.Name, m.Call, context.Cause(ctx))
	}
	select {
	case got := <-answer:
		return c.judge(got)
	case <-ctx.Done():
		return message{}, fmt.Errorf("node %s: %s: %w", c.Name, m.Call, context.Cause(ctx))
	case <-c.done:
	}
	// An answer that came just before the end counts.
	select {
	case got := <-answer:
		return c.judge(got)
	default:
	}
	if c.err == nil {
		return message{}, &NodeError{c.Name, "it has been stopped"}
	}
	return message{}, c.err
}

// write sends a line, or a part of it where ctx ends first: a node that is stopped reads nothing, and its socket holds little. After a part
// nothing else can be sent, and the connection is closed. Any other error means that the node is gone, which the reader reports.
func (c *Conn) write(ctx context.Context, line []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.socket.SetWriteDeadline(time.Unix(1, 0)) // fails only on a closed socket
		close(interrupted)
	})
	n, _ := c.socket.Write(line)
	if !stop() {
		<-interrupted
		_ = c.socket.SetWriteDeadline(time.Time{})
	}
	if n > 0 && n < len(line) {
		c.socket.Close()
	}
}

func (c *Conn) judge(m message) (message, error) {
	if m.Fault != nil {
		return message{}, &NodeError{c.Name, m.Fault.Text}
	}
	return m, nil
}

// read takes what the node says until its connection closes.
func (c *Conn) read() {
	defer close(c.done)
	defer c.socket.Close()
	for {
		var m message
		if err := c.decoder.Decode(&m); err != nil {
			c.mu.Lock()
			stopped := c.stopped
			c.mu.Unlock()
			if c.err == nil && !stopped {
				c.err = &NodeError{c.Name, "it closed its control connection without a word: it was killed or has crashed"}
			}
			return
		}
		if m.Fault != nil && m.Fault.Fatal && c.err == nil {
			c.err = &NodeError{c.Name, m.Fault.Text}
		}
		switch {
		case m.ID != 0:
			c.mu.Lock()
			answer := c.waiting[m.ID]
			c.mu.Unlock()
			if answer != nil {
				answer <- m // capacity 1, answered once
			}
		case m.Fault != nil && m.Fault.Fatal:
			return // whoever waits learns it now, not when the node has cleaned up
		case m.Fault != nil && c.watch.Fault != nil:
			c.watch.Fault(c.Name, &NodeError{c.Name, m.Fault.Text})
		case m.Progress != nil && c.watch.Progress != nil:
			c.watch.Progress(c.Name, *m.Progress)
		}
	}
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
