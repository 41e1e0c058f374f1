package replay

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
)

// TestMain lets this test binary be the nodes too: Node is meant to have its process to itself.
func TestMain(m *testing.M) {
	if control := os.Getenv("SPLITBED_TEST_CONTROL"); control != "" {
		if err := Node(context.Background(), control, os.Getenv("SPLITBED_TEST_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bed is a cloud and edges in processes of their own, connected over loopback.
type bed struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	hub     *Hub
	store   model.Store
	address string
	cloud   *Conn
	edges   []*Conn
	process map[string]*exec.Cmd

	mu     sync.Mutex
	faults []string
}

// newBed starts a cloud and edges named edge-0, edge-1, …, not yet set up.
func newBed(t *testing.T, edges int) *bed {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	b := &bed{t: t, ctx: ctx, dir: t.TempDir(), process: map[string]*exec.Cmd{}}
	b.store = testStore(t)
	var err error
	if b.hub, err = Listen(b.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.hub.Close(); err != nil {
			t.Error(err)
		}
		for _, p := range b.process {
			_ = p.Wait() // what it exits with is the tests' to judge
		}
	})
	b.address = freeAddress(t)
	b.cloud = b.launch("cloud")
	for i := range edges {
		b.edges = append(b.edges, b.launch(fmt.Sprintf("edge-%d", i)))
	}
	return b
}

// testStore keeps the networks the tests use for all of them: building weights takes longer than running them.
func testStore(t *testing.T) model.Store {
	t.Helper()
	store, err := model.DefaultStore()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (b *bed) launch(name string) *Conn {
	b.t.Helper()
	p := exec.Command("/proc/self/exe")
	p.Env = append(os.Environ(), "SPLITBED_TEST_CONTROL="+b.hub.Path(), "SPLITBED_TEST_NAME="+name)
	p.Stderr = b.t.Output()
	if err := p.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.process[name] = p
	c, err := b.hub.Node(b.ctx, name, Watch{Fault: func(_ string, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, err.Error())
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bed) nodes() []*Conn { return append([]*Conn{b.cloud}, b.edges...) }

// each calls f for all nodes at once.
func (b *bed) each(what string, f func(c *Conn) error) {
	b.t.Helper()
	var group errgroup.Group
	for _, c := range b.nodes() {
		group.Go(func() error { return f(c) })
	}
	if err := group.Wait(); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *bed) log(name string) string { return filepath.Join(b.dir, name+".jsonl") }

// setup gives every node its part: tasks are the edges', flows everybody's.
func (b *bed) setup(tasks []testTask, flows []Flow, change func(s *Setup)) {
	b.t.Helper()
	parts := map[string]*Setup{"cloud": {Role: Cloud, Listen: []string{b.address}, Flows: flows, Log: b.log("cloud")}}
	for _, e := range b.edges {
		parts[e.Name] = &Setup{Role: Edge, Address: b.address, Flows: flows, Log: b.log(e.Name)}
	}
	for i, task := range tasks {
		edge := b.edges[task.edge]
		lower, upper := task.spec(b.t, b.store, uint32(i), edge.Name)
		parts[edge.Name].Tasks = append(parts[edge.Name].Tasks, lower)
		parts["cloud"].Tasks = append(parts["cloud"].Tasks, upper)
	}
	for _, c := range b.nodes() {
		if change != nil {
			change(parts[c.Name])
		}
		threads, err := c.Setup(b.ctx, *parts[c.Name])
		if err != nil {
			b.t.Fatal(err)
		}
		if len(threads.Compute) != 1 || threads.Compute[0] == 0 || len(threads.IO) != 1 {
			b.t.Errorf("%s reports threads %+v", c.Name, threads)
		}
	}
	b.each("confined", func(c *Conn) error {
		ready, err := c.Confined(b.ctx)
		if err == nil && ready.Priority == "" {
			err = fmt.Errorf("%s: no priority in %+v", c.Name, ready)
		}
		return err
	})
}

// start begins the replay a little later than now and returns when.
func (b *bed) start() int64 {
	b.t.Helper()
	t0 := clock.Now() + int64(200*time.Millisecond)
	b.each("start", func(c *Conn) error { return c.Start(b.ctx, t0) })
	return t0
}

func (b *bed) finish() {
	b.t.Helper()
	b.each("finish", func(c *Conn) error { _, err := c.Finish(b.ctx); return err })
}

func (b *bed) stop() {
	b.t.Helper()
	b.each("stop", func(c *Conn) error { return c.Stop(b.ctx) })
}

func (b *bed) expectNoFaults() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Errorf("fault: %s", f)
	}
}

// testTask is a task on a small picture.
type testTask struct {
	edge     int
	model    string
	cut      int
	dtype    workloads.DType
	scale    string
	compress string
	frames   int
	interval time.Duration
	padded   bool // frame n to paddedBytes(n)
}

func paddedBytes(n int) units.Bytes { return 16_000 + 1777*units.Bytes(n) }

const testHeight, testWidth, testBytes = 96, 160, 15_000

func (task testTask) spec(t *testing.T, store model.Store, stream uint32, edge string) (lower, upper Task) {
	t.Helper()
	head, tail, err := NewHalfMaker(store).Halves(task.model, testHeight, testWidth, task.cut)
	if err != nil {
		t.Fatal(err)
	}
	lower = Task{
		Verify: true,
		Stream: stream, Name: fmt.Sprintf("task-%d", stream), Edge: edge, Cut: task.cut,
		Wire:   workloads.Wire{DType: task.dtype, Scale: task.scale, Compress: task.compress},
		Height: testHeight, Width: testWidth,
	}
	upper = lower
	lower.Half, upper.Half = head, tail
	lower.Pictures = Pictures{Seed: uint64(stream) + 1, Bytes: testBytes, Count: 3}
	for i := range task.frames {
		lower.Captures = append(lower.Captures, int64(i)*int64(task.interval))
		if task.padded {
			lower.Sizes = append(lower.Sizes, paddedBytes(i))
		}
	}
	return lower, upper
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// wait asks again until done says so; the tests' deadline ends it.
func (b *bed) wait(what string, done func() bool) {
	b.t.Helper()
	for !done() {
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("gave up waiting for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *bed) edgeLog(i int) EdgeLog {
	b.t.Helper()
	log, err := ReadEdgeLog(b.log(b.edges[i].Name))
	if err != nil {
		b.t.Fatal(err)
	}
	return log
}

func (b *bed) cloudLog() CloudLog {
	b.t.Helper()
	log, err := ReadCloudLog(b.log("cloud"))
	if err != nil {
		b.t.Fatal(err)
	}
	return log
}

// answered counts an edge's answered frames in its log, as it stands.
func (b *bed) answered(i int) (n int) {
	for _, f := range b.edgeLog(i).Frames {
		if f.Answered != 0 {
			n++
		}
	}
	return n
}
