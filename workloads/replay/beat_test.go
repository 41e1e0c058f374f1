package replay

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

// TestAStallCountsForEveryBeatItCost has a thread miss ten beats: its lateness is that of ten, as frames due then would have been late.
func TestAStallCountsForEveryBeatItCost(t *testing.T) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p := pulse{timer: fd, every: 10, next: 1000}
	p.beat(1001)
	p.beat(1110)
	if want := []int64{1, 100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 0}; !slices.Equal(p.late, want) {
		t.Errorf("lateness %v, want %v", p.late, want)
	}
	if p.next != 1120 {
		t.Errorf("the next beat is due at %d, want 1120", p.next)
	}
}

// TestALongReplayWeighsItsBeatsAlike has more beats than are kept: of both halves of the replay every other one is.
func TestALongReplayWeighsItsBeatsAlike(t *testing.T) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p := pulse{timer: fd, every: 1}
	p.beat(mostBeats - 1)
	p.beat(mostBeats + 9)
	if len(p.late) != mostBeats/2+5 {
		t.Fatalf("%d beats are kept, want %d", len(p.late), mostBeats/2+5)
	}
	if got, want := p.late[mostBeats/2-1:], []int64{1, 9, 7, 5, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("the last beats were late by %v, want %v", got, want)
	}
}

func TestANodeTellsHowLateItsTimerWas(t *testing.T) {
	b := newBed(t, 1)
	b.setup(nil, nil, func(s *Setup) { s.Beat = int64(time.Millisecond) })
	t0 := clock.Now() + int64(100*time.Millisecond)
	b.each("start", func(c *Conn) error { return c.Start(b.ctx, t0) })
	clock.SleepUntil(t0 + int64(50*time.Millisecond))
	for _, c := range b.nodes() {
		done, err := c.Finish(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if q := done.Late; q.P50 <= 0 || q.P99 < q.P50 || q.Max < q.P99 {
			t.Errorf("%s: lateness %+v, want some of every beat", c.Name, q)
		}
	}
	b.stop()
}
