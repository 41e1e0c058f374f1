package replay

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
)

// slowLink stands between edges and a cloud: it forwards each connection's uplink at no more than rate bytes a second, through
// small buffers, and the downlink as it comes. It never catches up on what it lost.
func slowLink(t *testing.T, to string, rate float64) (address string) {
	t.Helper()
	const chunk = 2048
	pause := time.Duration(chunk / rate * float64(time.Second))
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 65536)
		})
		return errors.Join(err, failed)
	}}
	l, err := small.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	forward := func(from, to *net.TCPConn, pace func(n int)) {
		buffer := make([]byte, chunk)
		for {
			n, err := from.Read(buffer)
			pace(n)
			_, failed := to.Write(buffer[:n])
			if err == io.EOF && failed == nil {
				to.CloseWrite() // the other direction may still have something to say
				return
			}
			if err != nil || failed != nil {
				from.Close()
				to.Close()
				return
			}
		}
	}
	running.Go(func() {
		for {
			edge, err := l.Accept()
			if err != nil {
				return
			}
			cloud, err := net.Dial("tcp4", to)
			if err != nil {
				edge.Close()
				continue
			}
			running.Go(func() {
				var both sync.WaitGroup
				both.Go(func() {
					forward(edge.(*net.TCPConn), cloud.(*net.TCPConn), func(n int) {
						clock.SleepUntil(clock.Now() + int64(pause)*int64(n)/chunk)
					})
				})
				both.Go(func() { forward(cloud.(*net.TCPConn), edge.(*net.TCPConn), func(int) {}) })
				both.Wait()
				edge.Close()
				cloud.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func TestABlockedSenderIsLateAndItsComputeIsNot(t *testing.T) {
	testutil.NeedsEngine(t)
	b := newBed(t, 1)
	tasks := []testTask{
		{model: "cnn2", cut: 0, frames: 24, interval: 50 * time.Millisecond},
		{model: "cnn2", cut: 1, dtype: workloads.Uint8, frames: 14, interval: 80 * time.Millisecond},
	}
	// Each connection carries half of what its task produces: frames of 15 kB every 50 ms, and of 31 kB every 80 ms.
	const rate = 160e3
	slow := slowLink(t, b.address, rate)
	b.setup(tasks, nil, func(s *Setup) {
		if s.Role == Edge {
			s.Address = slow
		}
	})
	b.start()
	last := []uint64{12, 7} // by then the backlog is clear to see
	b.wait("the first half of the frames", func() bool {
		arrived := 0
		for _, f := range b.cloudLog().Frames {
			if (f.Task == "task-0" && f.Frame == last[0] || f.Task == "task-1" && f.Frame == last[1]) && f.Received != 0 {
				arrived++
			}
		}
		return arrived == 2
	})
	b.finish()

	received := map[string]map[uint64]int64{"task-0": {}, "task-1": {}}
	for _, f := range b.cloudLog().Frames {
		received[f.Task][f.Frame] = f.Received
	}
	latencies := map[string][]int64{}
	lost := 0
	for _, f := range b.edgeLog(0).Frames {
		arrived := received[f.Task][f.Frame]
		if arrived == 0 {
			lost++
			if f.Answered != 0 {
				t.Errorf("%s, frame %d was answered and never received", f.Task, f.Frame)
			}
			continue
		}
		latency := arrived - f.Ready
		// Over this many frames the backlog grows by 300 ms and more, which no busy host takes back.
		const stretch = 6
		before := latencies[f.Task]
		if n := len(before); n >= stretch && latency <= before[n-stretch] {
			t.Errorf("%s, frame %d: transfer took %v, and %v %d frames before: the backlog hides", f.Task, f.Frame,
				time.Duration(latency), time.Duration(before[n-stretch]), stretch)
		}
		latencies[f.Task] = append(before, latency)
		// Frame n is through when n+1 frames are, at the link's rate; it was ready n intervals after the first.
		task := tasks[0]
		if f.Task == "task-1" {
			task = tasks[1]
		}
		floor := time.Duration(float64(f.Frame+1)*float64(f.WireBytes)*0.9/rate*1e9) - time.Duration(f.Frame)*task.interval
		if f.Cut == 0 && time.Duration(latency) < floor {
			t.Errorf("%s, frame %d: transfer took %v, the link needs %v", f.Task, f.Frame, time.Duration(latency), floor)
		}
		if f.Frame == last[1] && f.Cut == 1 && 2*(f.Ready-f.Captured) > latency {
			t.Errorf("frame %d was ready %v after its capture, with a transfer of %v: the head waits for the link", f.Frame,
				time.Duration(f.Ready-f.Captured), time.Duration(latency))
		}
	}
	for _, task := range []string{"task-0", "task-1"} {
		if n := len(latencies[task]); n <= 6 {
			t.Errorf("%s: %d frames arrived, too few to see anything grow", task, n)
		}
	}
	if lost == 0 {
		t.Error("every frame arrived, though the link carries half of them")
	}

	verified, err := b.edges[0].Verify(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(verified) != 2 {
		t.Errorf("verified %d tasks after an overload, want 2", len(verified))
	}
	b.stop()
	b.expectNoFaults()
}

func TestAProbeMeasuresTheLinkAndNotItsBuffers(t *testing.T) {
	b := newBed(t, 1)
	const rate = 400e3
	slow := slowLink(t, b.address, rate)
	b.setup(nil, nil, func(s *Setup) {
		if s.Role == Edge {
			s.Address = slow
		}
	})
	p := Probe{Duration: int64(500 * time.Millisecond), Skip: 20e3}
	began := clock.Now()
	r, err := b.edges[0].Probe(b.ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Bytes > r.Total-p.Skip {
		t.Errorf("%d of %d bytes were measured", r.Bytes, r.Total)
	}
	// The link's pacing can only be late on a busy host, never early.
	if got, most := r.Goodput(), units.Rate(8*rate); got > 1.02*most {
		t.Errorf("goodput %v, the link carries %v", got, most)
	}
	if took := clock.Now() - began; r.Bytes <= 0 || r.Nanoseconds <= 0 || r.Nanoseconds > took {
		t.Errorf("%d bytes in %v, the whole call took %v", r.Bytes, time.Duration(r.Nanoseconds), time.Duration(took))
	}
	if _, err := b.edges[0].Probe(b.ctx, Probe{}); err == nil {
		t.Error("a probe without an end: no error")
	}
}
