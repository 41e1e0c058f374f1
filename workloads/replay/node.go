package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/splitbed/splitbed/internal/shortpath"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/wire"
)

// progressEvery is how often a node tells the harness what it has counted.
const progressEvery = 500 * time.Millisecond

// ErrControlClosed is wrapped by Node's error when the harness is gone.
var ErrControlClosed = errors.New("the harness closed the control connection")

// Node is the body of `splitbed node`: it connects to the harness's control socket, introduces itself by its name and
// does what it is told, as an edge or as the cloud, until it is told to stop. It also ends when the control connection
// closes or ctx ends, with an error then.
//
// It is meant to have its process to itself, started with Environment: during a run it switches the garbage collector off,
// raises GOMAXPROCS and gives the runtime's threads a priority.
func Node(ctx context.Context, controlPath, name string) (err error) {
	var control net.Conn
	if err := shortpath.Through(controlPath, func(short string) (err error) {
		control, err = net.Dial("unix", short)
		return err
	}); err != nil {
		return fmt.Errorf("node %s: connect to the harness at %s: %w", name, controlPath, err)
	}
	defer control.Close()
	defer restoreRuntime()()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outbox, err := newMailbox[message]()
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	defer outbox.close()
	n := &node{name: name, ctx: ctx, cancel: cancel, outbox: outbox}
	n.tell(message{Call: callHello, Hello: &hello{Name: name, PID: os.Getpid()}})

	calls := make(chan message)
	var reading, writing sync.WaitGroup
	reading.Go(func() { n.readCalls(control, calls) })
	writing.Go(func() { n.writeAnswers(control) })
	err = n.obey(calls)
	cancel(err)
	err = errors.Join(err, n.shutDown())
	n.tell(message{}) // the last
	writing.Wait()
	control.Close() // ends the reader
	reading.Wait()
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return nil
}

// node is what edge and cloud have in common.
type node struct {
	name   string
	ctx    context.Context // ends with the node
	cancel context.CancelCauseFunc

	outbox *mailbox[message] // to the harness

	setup   Setup
	part    part
	loop    *loop
	worker  *worker
	halves  halves
	coding  wire.Thread // the compute thread's
	log     *logger
	pulse   *pulse // nil before the replay
	settled sync.Once
	tickers sync.WaitGroup
}

// part is what edge and cloud do each in their way.
type part interface {
	confined(ctx context.Context) (Ready, error)
	probe(ctx context.Context, p Probe) (ProbeResult, error)
	echo(ctx context.Context, p EchoProbe) (EchoResult, error)
	start(t0 int64) error
	finish(ctx context.Context) error
	verify(ctx context.Context) ([]Verified, error)
	progress() Progress
	close() error
}

func (n *node) readCalls(control io.Reader, calls chan<- message) {
	decoder := json.NewDecoder(control)
	for {
		var m message
		if err := decoder.Decode(&m); err != nil {
			n.cancel(fmt.Errorf("%w: %w", ErrControlClosed, err))
			return
		}
		select {
		case calls <- m:
		case <-n.ctx.Done():
			return
		}
	}
}

// obey answers the harness's calls, one after the other.
func (n *node) obey(calls <-chan message) error {
	for {
		select {
		case <-n.ctx.Done():
			return context.Cause(n.ctx)
		case m := <-calls:
			reply, err := n.answer(m)
			if err != nil {
				if n.ctx.Err() != nil {
					err = context.Cause(n.ctx) // the failure it led to tells less
				}
				n.tell(message{ID: m.ID, Call: m.Call, Fault: &fault{Text: err.Error(), Fatal: true}})
				return err
			}
			reply.ID, reply.Call = m.ID, m.Call
			n.tell(reply)
			if m.Call == callStop {
				return nil
			}
		}
	}
}

func (n *node) answer(m message) (reply message, err error) {
	if m.Call == callStop {
		return reply, nil
	}
	if (m.Call == callSetup) != (n.part == nil) {
		return reply, fmt.Errorf("%q was asked for at the wrong time: set-up comes first, and once", m.Call)
	}
	switch {
	case m.Call == callSetup && m.Setup != nil:
		var threads Threads
		threads, err = n.setUp(*m.Setup)
		reply.Threads = &threads
	case m.Call == callConfined:
		var ready Ready
		ready, err = n.part.confined(n.ctx)
		reply.Ready = &ready
		err = errors.Join(err, n.quietRuntime())
	case m.Call == callProbe && m.Probe != nil:
		var result ProbeResult
		result, err = n.part.probe(n.ctx, *m.Probe)
		reply.Result = &result
	case m.Call == callEcho && m.Echo != nil:
		var echoed EchoResult
		echoed, err = n.part.echo(n.ctx, *m.Echo)
		reply.Echoed = &echoed
	case m.Call == callCompute && m.Compute != nil:
		var computed ComputeResult
		computed, err = n.probeCompute(n.ctx, *m.Compute)
		reply.Computed = &computed
	case m.Call == callStart && m.Start != nil:
		if err = n.part.start(m.Start.T0); err == nil && n.setup.Beat > 0 {
			n.pulse, err = startPulse(n.loop, m.Start.T0, n.setup.Beat)
		}
	case m.Call == callFinish:
		late, stopErr := n.lateness()
		err = errors.Join(stopErr, n.part.finish(n.ctx))
		progress := n.part.progress()
		progress.Late = late
		reply.Progress = &progress
	case m.Call == callVerify:
		reply.Verified, err = n.part.verify(n.ctx)
	default:
		err = fmt.Errorf("the harness asked for %q, which this node does not know; both must be the same splitbed", m.Call)
	}
	return reply, err
}

// setUp starts the node's threads. Nothing that computes has run when it returns: the harness confines the compute thread first.
func (n *node) setUp(s Setup) (_ Threads, err error) {
	n.setup = s
	n.halves = halves{threads: s.Threads, open: map[string]half{}}
	head := logHead{Role: s.Role, Node: n.name}
	for _, t := range s.Tasks {
		head.Streams = append(head.Streams, logTask{Stream: t.Stream, Task: t.Name, Edge: t.Edge, Cut: t.Cut})
	}
	for _, f := range s.Flows {
		head.Flows = append(head.Flows, logFlow{ID: f.ID, Link: f.Link})
	}
	if n.log, err = openLog(s.Log, head, n.fail); err != nil {
		return Threads{}, err
	}
	if n.loop, err = startLoop(); err != nil {
		return Threads{}, err
	}
	if n.worker, err = startWorker(s.Nice); err != nil {
		return Threads{}, err
	}
	// A nil *edge in a part would not be a nil part.
	switch s.Role {
	case Edge:
		e, err := newEdge(n)
		if err != nil {
			return Threads{}, err
		}
		n.part = e
	case Cloud:
		c, err := newCloud(n.ctx, n)
		if err != nil {
			return Threads{}, err
		}
		n.part = c
	default:
		return Threads{}, fmt.Errorf("unknown role %q; use %s or %s", s.Role, Edge, Cloud)
	}
	n.tickers.Go(n.tellProgress)
	return Threads{Compute: []int{n.worker.tid}, IO: []int{n.loop.tid}}, nil
}

// lateness ends the pulse and tells how late its beats were.
func (n *node) lateness() (q Quantiles, err error) {
	if n.pulse == nil {
		return q, nil
	}
	err = n.loop.call(func() error {
		n.pulse.stop(n.loop)
		return nil
	})
	return QuantilesOf(n.pulse.late), err
}

func (n *node) tellProgress() {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	var last Progress
	for {
		select {
		case <-ticker.C:
			if p := n.part.progress(); p != last {
				n.tell(message{Call: callProgress, Progress: &p})
				last = p
			}
		case <-n.ctx.Done():
			return
		}
	}
}

// settle waits until what was in hand when the replay was finished has gone through both threads, then completes the log.
func (n *node) settle(ctx context.Context) (err error) {
	n.settled.Do(func() {
		nothing := func() error { return nil }
		err = errors.Join(n.worker.call(ctx, nothing), n.loop.call(nothing), n.log.close())
	})
	return err
}

// shutDown releases what setUp made, in reverse. n.ctx has ended.
func (n *node) shutDown() (err error) {
	n.tickers.Wait()
	clean := context.WithoutCancel(n.ctx)
	if n.part != nil {
		err = errors.Join(n.part.finish(clean), n.part.close())
	} else if n.log != nil {
		err = n.log.close()
	}
	if n.loop != nil {
		_, stopErr := n.lateness()
		err = errors.Join(err, stopErr, n.loop.closeConns())
	}
	if n.worker != nil {
		err = errors.Join(err, n.worker.call(clean, n.halves.close))
		n.worker.stop()
	}
	if n.loop != nil {
		err = errors.Join(err, n.loop.stop())
	}
	return err
}

// tell sends a message to the harness. It never blocks: the I/O thread may call it.
func (n *node) tell(m message) { n.outbox.post(m) }

// writeAnswers sends what is told until it is told a message about nothing. If the harness is gone there is nobody to tell; the
// reader notices and ends the node.
func (n *node) writeAnswers(control io.Writer) {
	encoder := json.NewEncoder(control)
	for n.outbox.wait() == nil {
		for _, m := range n.outbox.take() {
			if m.Call == "" {
				return
			}
			_ = encoder.Encode(m)
		}
	}
}

// notice tells the harness of something that went wrong and that the node outlives.
func (n *node) notice(err error) {
	n.tell(message{Call: callFault, Fault: &fault{Text: err.Error()}})
}

// fail ends the node with an error.
func (n *node) fail(err error) {
	n.tell(message{Call: callFault, Fault: &fault{Text: err.Error(), Fatal: true}})
	n.cancel(err)
}

func (n *node) queueLimit() units.Bytes {
	if n.setup.QueueLimit > 0 {
		return n.setup.QueueLimit
	}
	return DefaultQueueLimit
}
