package replay

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/wire"
)

func TestAKilledEdgeLeavesItsLogAndTheOthersRunning(t *testing.T) {
	testutil.NeedsEngine(t)
	b := newBed(t, 2)
	b.setup([]testTask{
		{edge: 0, model: "cnn2", cut: 1, dtype: workloads.Uint8, frames: 1000, interval: 20 * time.Millisecond},
		{edge: 1, model: "cnn2", cut: 5, dtype: workloads.Float16, frames: 1000, interval: 20 * time.Millisecond},
	}, nil, nil)
	b.start()
	b.wait("answers", func() bool { return b.answered(0) >= 5 })
	if err := b.process["edge-0"].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-b.edges[0].Done()
	var failed *NodeError
	if err := b.edges[0].Err(); !errors.As(err, &failed) || failed.Node != "edge-0" {
		t.Errorf("error %v of the killed edge, want a NodeError that names it", err)
	}
	if _, err := b.edges[0].Finish(b.ctx); !errors.As(err, &failed) {
		t.Errorf("a call to the killed edge gave %v, want a NodeError", err)
	}
	frames := b.edgeLog(0).Frames
	if len(frames) < 5 || frames[0].Answered == 0 {
		t.Errorf("the killed edge's log has %d frames, the first answered at %d", len(frames), frames[0].Answered)
	}
	before := b.answered(1)
	b.wait("the other edge to go on", func() bool { return b.answered(1) > before+5 })
	if err := b.cloud.Err(); err != nil {
		t.Errorf("the cloud failed with it: %v", err)
	}
	b.expectNoFaults()
}

// TestACallToAStoppedNodeEndsWithItsContext has a node that reads nothing any more, and a message larger than its socket holds.
func TestACallToAStoppedNodeEndsWithItsContext(t *testing.T) {
	b := newBed(t, 1)
	edge := b.process["edge-0"].Process
	if err := edge.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = edge.Kill() }()
	ctx, cancel := context.WithCancel(b.ctx)
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := b.edges[0].Setup(ctx, Setup{Role: Edge, Tasks: []Task{{Captures: make([]int64, 4<<20)}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	var failed *NodeError
	if _, err := b.edges[0].Finish(b.ctx); !errors.As(err, &failed) {
		t.Errorf("after a message of which a part was sent: error %v, want a NodeError", err)
	}
}

func TestABrokenHeaderClosesOnlyItsConnection(t *testing.T) {
	testutil.NeedsEngine(t)
	b := newBed(t, 1)
	b.setup([]testTask{{model: "cnn2", cut: 1, dtype: workloads.Uint8, frames: 1000, interval: 20 * time.Millisecond}}, nil, nil)
	b.start()
	tensor := Header{Kind: FrameMessage, Head: wire.Head{Encoding: wire.Uint8, Scale: 1}, Stream: 0, Length: 8 * 48 * 80}
	for _, test := range []struct {
		name, fault string
		opening     Header
		then        []byte
	}{
		{"no header at all", "begins with", Header{}, []byte("GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n")},
		{"opened as what it is not", "opens no connection", Header{Kind: AnswerMessage}, nil},
		{"unknown stream", "stream 9 is not in the set-up", Header{Kind: OpenStream, Stream: 9}, nil},
		{"unknown flow", "flow 9 is not in the set-up", Header{Kind: OpenFlow, Stream: 9}, nil},
		{"garbage after the opening", "begins with", Header{Kind: OpenStream}, make([]byte, 100)},
		{"frame of another stream", "kind 4 of stream 3", Header{Kind: OpenStream}, change(tensor, func(h *Header) { h.Stream = 3 })},
		{"frame of another length", "7 bytes, the tensor has", Header{Kind: OpenStream}, change(tensor, func(h *Header) { h.Length = 7 })},
		{"frame in another encoding", "float32, expected uint8", Header{Kind: OpenStream}, change(tensor, func(h *Header) { h.Encoding = wire.Float32 })},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := net.Dial("tcp4", b.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if test.opening.Kind != 0 {
				if err := writeMessage(c, test.opening, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Write(test.then); err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, c); n > 0 || err != nil && !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("%d bytes and error %v from a connection that should be closed", n, err)
			}
			b.wait("the fault", func() bool {
				b.mu.Lock()
				defer b.mu.Unlock()
				return len(b.faults) > 0
			})
			b.mu.Lock()
			if !strings.Contains(b.faults[0], test.fault) || !strings.Contains(b.faults[0], "cloud") || len(b.faults) != 1 {
				t.Errorf("faults %q, want one that names the cloud and has %q", b.faults, test.fault)
			}
			b.faults = nil
			b.mu.Unlock()
		})
	}
	before := b.answered(0)
	b.wait("the task's own connection to go on", func() bool { return b.answered(0) > before+5 })
	b.finish()
	b.stop()
	b.expectNoFaults()
}

func change(h Header, f func(h *Header)) []byte {
	f(&h)
	b := h.Bytes()
	return b[:]
}

func TestALostCloudIsAFaultOfTheEdge(t *testing.T) {
	testutil.NeedsEngine(t)
	b := newBed(t, 1)
	b.setup([]testTask{{model: "cnn2", cut: 0, frames: 500, interval: 20 * time.Millisecond}}, nil, nil)
	b.start()
	b.wait("answers", func() bool { return b.answered(0) >= 2 })
	if err := b.process["cloud"].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	b.wait("the fault", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.faults) > 0
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if !strings.Contains(b.faults[0], "edge-0: task task-0: the connection to the cloud was lost") {
		t.Errorf("fault %q does not say which task of which edge lost the cloud", b.faults[0])
	}
	if _, err := b.edges[0].Finish(b.ctx); err != nil {
		t.Errorf("the edge cannot finish without the cloud: %v", err)
	}
}

func TestFramesBeyondTheQueueLimitAreRecordedAndDropped(t *testing.T) {
	testutil.NeedsEngine(t)
	for _, role := range []Role{Edge, Cloud} {
		t.Run(string(role), func(t *testing.T) {
			b := newBed(t, 1)
			b.setup([]testTask{{model: "cnn2", cut: 1, dtype: workloads.Uint8, frames: 5, interval: 20 * time.Millisecond}}, nil, func(s *Setup) {
				if s.Role == role {
					s.QueueLimit = 1000
				}
			})
			b.start()
			b.wait("all frames", func() bool {
				frames := b.edgeLog(0).Frames
				last := len(frames) == 5 && frames[4].Ready != 0
				return last && (role == Edge || len(b.cloudLog().Frames) == 5)
			})
			b.finish()
			for _, f := range b.edgeLog(0).Frames {
				if f.Dropped != (role == Edge) || f.Answered != 0 || f.Sent != 0 && role == Edge {
					t.Errorf("frame %d on the edge: dropped %v, sent %d, answered %d", f.Frame, f.Dropped, f.Sent, f.Answered)
				}
			}
			for _, f := range b.cloudLog().Frames {
				if role == Edge || !f.Skipped || f.Received == 0 || f.TailStarted != 0 {
					t.Errorf("frame %d in the cloud: skipped %v, received %d, tail started %d", f.Frame, f.Skipped, f.Received, f.TailStarted)
				}
			}
		})
	}
}

func TestSetupThatCannotWorkIsOneErrorThatNamesTheNode(t *testing.T) {
	for _, test := range []struct {
		name, text string
		change     func(s *Setup)
	}{
		{"unknown role", `unknown role "gateway"`, func(s *Setup) { s.Role = "gateway" }},
		{"log in a missing directory", "record log", func(s *Setup) { s.Log = "/nonexistent/edge.jsonl" }},
		{"unknown wire type", `unknown wire type "int4"`, func(s *Setup) {
			s.Tasks = []Task{{Name: "cam", Cut: 1, Wire: workloads.Wire{DType: "int4"}}}
		}},
		{"captures that go back", "must ascend", func(s *Setup) { s.Tasks = []Task{{Name: "cam", Captures: []int64{2, 1}}} }},
		{"no head", "the head", func(s *Setup) {
			s.Tasks = []Task{{Name: "cam", Cut: 1, Wire: workloads.Wire{DType: workloads.Uint8}, Height: 8, Width: 8}}
		}},
		{"no pictures", "at least one", func(s *Setup) { s.Tasks = []Task{{Name: "cam", Height: 8, Width: 8}} }},
		{"missing picture directory", "nowhere", func(s *Setup) {
			s.Tasks = []Task{{Name: "cam", Height: 8, Width: 8, Pictures: Pictures{Directory: "/nowhere", Count: 1}}}
		}},
		{"missing network", "absent.onnx", func(s *Setup) {
			s.Tasks = []Task{{
				Name: "cam", Cut: 1, Wire: workloads.Wire{DType: workloads.Uint8}, Height: 8, Width: 8, Pictures: Pictures{Bytes: 800, Count: 1},
				Half: model.File{Path: "/absent.onnx", Input: model.Tensor{Name: "in", Shape: []int64{1, 3, 8, 8}}},
			}}
		}},
		{"unknown congestion control", `congestion control "swift"`, func(s *Setup) {
			s.Congestion = "swift"
			s.Tasks = []Task{{Name: "cam", Height: 32, Width: 32, Pictures: Pictures{Bytes: 1500, Count: 1}}}
		}},
		{"nobody listens", "connect to the cloud", func(s *Setup) {
			s.Tasks = []Task{{Name: "cam", Height: 32, Width: 32, Pictures: Pictures{Bytes: 1500, Count: 1}}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if strings.Contains(test.name, "network") {
				testutil.NeedsEngine(t)
			}
			b := newBed(t, 1)
			s := Setup{Role: Edge, Address: b.address, Log: b.log("edge-0")}
			test.change(&s)
			_, err := b.edges[0].Setup(b.ctx, s)
			if err == nil {
				_, err = b.edges[0].Confined(b.ctx)
			}
			var failed *NodeError
			if !errors.As(err, &failed) || failed.Node != "edge-0" || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want one of edge-0 with %q", err, test.text)
			}
			<-b.edges[0].Done()
			if b.edges[0].Err() == nil {
				t.Error("the connection ended without an error")
			}
		})
	}
}

func TestCallsAtTheWrongTimeAreRefused(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, c *Conn) error{
		"start before setup": func(ctx context.Context, c *Conn) error { return c.Start(ctx, 1) },
		"verify before finish": func(ctx context.Context, c *Conn) error {
			s := Setup{Role: Edge, Log: filepath.Join(t.TempDir(), "log")}
			if _, err := c.Setup(ctx, s); err != nil {
				t.Fatal(err)
			}
			_, err := c.Verify(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 1)
			if err := call(b.ctx, b.edges[0]); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestANodeEndsWithItsHarness(t *testing.T) {
	b := newBed(t, 1)
	if err := b.hub.Close(); err != nil {
		t.Fatal(err)
	}
	for name, p := range b.process {
		if err := p.Wait(); err == nil {
			t.Errorf("%s ended as if it had been told to", name)
		}
	}
}

func TestTheHubWaitsNoLongerThanItsContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a long name ", 10)) // more than a unix address holds
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	if _, err := h.Node(ctx, "gw-a", Watch{}); !errors.Is(err, reason) || !strings.Contains(err.Error(), "gw-a") {
		t.Errorf("error %v, want one that names the node and wraps %v", err, reason)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if err := Node(t.Context(), h.Path(), "gw-a"); err == nil || !strings.Contains(err.Error(), "node gw-a") {
		t.Errorf("a node without a harness: %v", err)
	}
}
