package link_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/stat"
)

const ms = units.Virtual(time.Millisecond)

// memoryJournal keeps what was journalled.
type memoryJournal struct {
	mu      sync.Mutex
	objects []object.Object
}

func (j *memoryJournal) Add(o object.Object) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.objects = append(j.objects, o)
	return nil
}

// lab is a network between empty namespaces that stand for nodes.
type lab struct {
	*link.Live
	plan    *emulator.Plan
	nodes   map[string]string // node → path of its namespace
	journal *memoryJournal
}

// newPlan plans a topology under a run id of its own.
func newPlan(t testing.TB, topo *topologies.Topology, opt emulator.Options) *emulator.Plan {
	t.Helper()
	opt.FLOPSPerCore = 10e9
	plan, err := emulator.NewPlan(fmt.Sprintf("test%08x", rand.Uint32()), topo, opt)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// newNodes makes the namespaces of a plan's nodes.
func newNodes(t testing.TB, plan *emulator.Plan) map[string]string {
	t.Helper()
	testutil.NeedsRoot(t)
	nodes := map[string]string{}
	for _, n := range plan.Nodes {
		name := "sb-" + plan.Run + "-" + n.Name
		if err := netns.Make(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := netns.Remove(name); err != nil {
				t.Error(err)
			}
		})
		nodes[n.Name] = filepath.Join("/run/netns", name)
	}
	return nodes
}

func newLab(t testing.TB, topo *topologies.Topology, opt emulator.Options) *lab {
	t.Helper()
	plan := newPlan(t, topo, opt)
	l := &lab{plan: plan, nodes: newNodes(t, plan), journal: &memoryJournal{}}
	live, err := link.Build(t.Context(), plan.Network, l.nodes, l.journal,
		link.WithDelayLine(delayline.Command{Binary: os.Args[0], Args: []string{"delayline"}}))
	if err != nil {
		t.Fatal(err)
	}
	l.Live = live
	t.Cleanup(func() {
		if err := live.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// edge is an edge with an uplink of this rate and the default queue.
func edge(name string, uplink units.Rate) topologies.Edge {
	return topologies.Edge{Name: name, Compute: 1e9, Uplink: topologies.Link{Rate: uplink}}
}

func topology(edges ...topologies.Edge) *topologies.Topology {
	return &topologies.Topology{Name: "test", Threshold: 1, Edges: edges}
}

// in runs a function in a node's namespace.
func (l *lab) in(t testing.TB, node string, do func() error) {
	t.Helper()
	file, err := ns.GetNS(l.nodes[node])
	if err == nil {
		err = errors.Join(file.Do(func(ns.NetNS) error { return do() }), file.Close())
	}
	if err != nil {
		t.Fatalf("in %s: %v", node, err)
	}
}

// way is the two addresses of the path from one node to another.
func (l *lab) way(t testing.TB, from, to string) (local, remote netip.Addr) {
	t.Helper()
	for _, n := range l.plan.Nodes {
		for _, p := range n.Peers {
			if n.Name == from && p.Name == to {
				return p.Local, p.Remote
			}
		}
	}
	t.Fatalf("the plan has no way from %s to %s", from, to)
	return
}

const port = 5001

func sockaddr(a netip.Addr) *unix.SockaddrInet4 { return sockaddrAt(a, port) }

func sockaddrAt(a netip.Addr, port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: a.As4()}
}

// connect opens a TCP connection over the network. Its ends are blocking sockets that are reset, not drained, at the end
// of the test.
func (l *lab) connect(t testing.TB, from, to string) (sender, receiver int) {
	t.Helper()
	return l.connectFrom(t, from, to, 0)
}

// connectFrom does so from a port of the sender; 0 is any.
func (l *lab) connectFrom(t testing.TB, from, to string, source int) (sender, receiver int) {
	t.Helper()
	local, remote := l.way(t, from, to)
	var listener int
	socket := func(at netip.Addr) (fd int, err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fd, err
		}
		return fd, errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 20}))
	}
	l.in(t, to, func() (err error) {
		if listener, err = socket(remote); err != nil {
			return err
		}
		return errors.Join(unix.Bind(listener, sockaddr(remote)), unix.Listen(listener, 16))
	})
	defer unix.Close(listener)
	l.in(t, from, func() (err error) {
		if sender, err = socket(local); err != nil {
			return err
		}
		return errors.Join(unix.Bind(sender, sockaddrAt(local, source)), unix.Connect(sender, sockaddr(remote)))
	})
	receiver, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	for err == unix.EINTR {
		receiver, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(sender); unix.Close(receiver) })
	return sender, receiver
}

// onTime runs functions side by side, each on a real-time thread of its own that ends with it.
func onTime(functions ...func() error) error {
	errs := make(chan error, len(functions))
	for _, f := range functions {
		go func() {
			runtime.LockOSThread()
			_ = clock.RealTime() // in a cgroup without a real-time budget the test is noisier, not wrong
			errs <- f()
		}()
	}
	var all []error
	for range functions {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// uninterrupted repeats a system call that a signal has ended. The kernel does so itself, except for sockets with a
// timeout, and the Go runtime sends itself signals all the time.
func uninterrupted(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

func read(fd int, buf []byte) (int, error) {
	n, err := uninterrupted(func() (int, error) { return unix.Read(fd, buf) })
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func write(fd int, buf []byte) (int, error) {
	return uninterrupted(func() (int, error) { return unix.Write(fd, buf) })
}

// bulk sends for a time and returns the receiver's goodput (wall) after the warm-up. In the guest, where no thread is late, no more than
// half of a queue is filled that holds enough: then nothing is lost, and the receiver sees the link's rate at every moment and not the
// mending of losses, whose phase is chance. A queue of 0 is filled until it overflows, as all are on a host.
func bulk(sender, receiver int, queue units.Bytes, warmup, window time.Duration) (units.Rate, error) {
	const enough = 16 * shape.Frame
	if testutil.InGuest() && queue >= enough {
		// The kernel doubles what it is asked for, and counts its own structures in it.
		if err := unix.SetsockoptInt(sender, unix.SOL_SOCKET, unix.SO_SNDBUF, int(queue)/4); err != nil {
			return 0, err
		}
	}
	start := clock.Now()
	end := start + int64(warmup+window)
	var at, bytes []float64
	err := onTime(
		func() error { return sendUntil(sender, end) },
		func() error {
			buf := make([]byte, 256<<10)
			total := 0
			for now := start; now < end; {
				n, err := read(receiver, buf)
				if err != nil {
					return err
				}
				now = clock.Now()
				total += n
				if now > start+int64(warmup) {
					at, bytes = append(at, time.Duration(now-start).Seconds()), append(bytes, float64(total))
				}
			}
			return nil
		})
	// A line through all arrivals, not the first and the last: bytes behind a lost packet arrive together with it.
	_, slope := stat.LinearRegression(at, bytes, nil, false)
	return units.Rate(8 * slope), err
}

func sendUntil(fd int, end int64) error {
	buf := make([]byte, 22*shape.MSS) // whole segments: NODELAY sends what is left of one by itself
	for clock.Now() < end {
		if _, err := write(fd, buf); err != nil {
			return err
		}
	}
	return nil
}

// transfer sends a payload and returns the time from the first byte offered to the last one read.
func transfer(t testing.TB, sender, receiver int, payload units.Bytes) time.Duration {
	t.Helper()
	var started, ended int64
	err := onTime(
		func() error {
			buf := make([]byte, payload)
			started = clock.Now()
			for len(buf) > 0 {
				n, err := write(sender, buf)
				if err != nil {
					return err
				}
				buf = buf[n:]
			}
			return nil
		},
		func() error {
			buf := make([]byte, payload)
			for got := 0; got < len(buf); {
				n, err := read(receiver, buf[got:])
				if err != nil {
					return err
				}
				got += n
			}
			ended = clock.Now()
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ended - started)
}

func median[T ~int64 | ~float64](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// within measures a figure until it is as close to the planned one as the tolerance (a share of it), and fails the test if
// it never is. The tests of all packages share this host's cores, and where others hold them, links fall
// behind; a link that is planned or built wrongly is wrong every time. In the guest nothing else goes on, and it is measured once.
func within(t testing.TB, what string, planned, tolerance float64, measure func() float64) {
	t.Helper()
	var seen []string
	for range testutil.Tolerances().Attempts {
		share := measure()/planned - 1
		seen = append(seen, fmt.Sprintf("%+.3f %%", 100*share))
		if share >= -tolerance && share <= tolerance {
			t.Logf("%s: planned %.5g, measured %v", what, planned, seen)
			return
		}
	}
	t.Errorf("%s: planned %.5g, measured %v; %.1f %% allowed", what, planned, seen, 100*tolerance)
}
