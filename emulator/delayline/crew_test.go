package delayline

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/emulator/shape"
)

// newTestCrew makes a line of so many pairs of ends, each with a way up and one down, over sockets instead of devices: a packet
// written to in comes out of out.
func newTestCrew(t *testing.T, pairs, cores int) (c *crew, in, out []int) {
	t.Helper()
	socket := func() [2]int {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
		return p
	}
	var ways []*way
	for i := range 2 * pairs {
		from, to := socket(), socket()
		in, out = append(in, from[0]), append(out, to[1])
		ways = append(ways, &way{index: i, pair: i / 2, in: from[1], out: to[0], law: newLaw(uint64(i))})
	}
	c, err := newCrew(ways, cores)
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Error(err)
		}
	})
	return c, in, out
}

func TestBothWaysBetweenTwoEndsAreOneThreads(t *testing.T) {
	for _, n := range []struct{ pairs, cores, threads int }{{1, 3, 1}, {5, 3, 2}, {5, 2, 1}, {3, 8, 3}, {2, 1, 1}} {
		c, _, _ := newTestCrew(t, n.pairs, n.cores)
		if len(c.lines) != n.threads {
			t.Errorf("%d pairs on %d cores: %d threads, want %d", n.pairs, n.cores, len(c.lines), n.threads)
		}
		thread := map[int]int{} // by pair
		seen := 0
		for at, l := range c.lines {
			for _, w := range l.ways {
				if other, known := thread[w.pair]; known && other != at {
					t.Errorf("%d pairs on %d cores: the ways of pair %d are two threads'", n.pairs, n.cores, w.pair)
				}
				thread[w.pair] = at
			}
			if seen += len(l.ways); len(l.ways) == 0 {
				t.Errorf("%d pairs on %d cores: thread %d has nothing to do", n.pairs, n.cores, at)
			}
		}
		if seen != 2*n.pairs {
			t.Errorf("%d pairs on %d cores: the threads have %d ways, want each of %d once", n.pairs, n.cores, seen, 2*n.pairs)
		}
	}
}

// TestTheReportIsThatOfAllThreads sends as many packets over each way as its number says, over the first without a delay.
func TestTheReportIsThatOfAllThreads(t *testing.T) {
	c, in, out := newTestCrew(t, 3, 3)
	delayed := 0
	for i := range in {
		if i > 0 {
			if _, err := c.set(change{i, shape.Delay{Delay: time.Millisecond}}); err != nil {
				t.Fatal(err)
			}
			delayed += i + 1
		}
		for range i + 1 {
			if _, err := unix.Write(in[i], []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, fd := range out {
		if err := unix.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
		for range i + 1 {
			var b [2]byte
			n, err := unix.Read(fd, b[:])
			for err == unix.EINTR {
				n, err = unix.Read(fd, b[:])
			}
			if n != 1 || err != nil || int(b[0]) != i {
				t.Fatalf("way %d: %d bytes, %v (%v)", i, n, b, err)
			}
		}
	}
	r, err := c.report()
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range r.Ways {
		if w.Packets != int64(i+1) {
			t.Errorf("way %d: %d packets, want %d", i, w.Packets, i+1)
		}
	}
	if int(r.Delayed) != delayed || r.Max <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
		t.Errorf("%d packets were delayed, want %d: %+v", r.Delayed, delayed, r)
	}
	if err := c.each((*line).reset); err != nil {
		t.Fatal(err)
	}
	if r, err := c.report(); err != nil || r.Delayed != 0 || r.Ways[5].Packets != 0 {
		t.Errorf("after a reset: %+v (%v)", r, err)
	}
	if _, err := c.set(change{Way: 6}); err == nil {
		t.Error("a way that is not there was changed")
	}
}
