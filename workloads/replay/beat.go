package replay

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

// pulse is a timer of the I/O thread that goes off all through the replay, at even steps: how late it does is how late anything
// the thread has to do can be, frames or no frames. It belongs to the loop's thread.
type pulse struct {
	timer int
	every int64
	next  int64   // when the next beat is due
	late  []int64 // of every beat, those that were missed too
}

// mostBeats bounds what is kept of the replay; beyond it every other beat is forgotten, and from then on every other is noted.
const mostBeats = 1 << 20

// startPulse has the loop note every step of the given length, from the given time on, how late it is.
func startPulse(l *loop, from, every int64) (*pulse, error) {
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	p := &pulse{timer: timer, every: every, next: from}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(from), Interval: unix.NsecToTimespec(every)}
	if err := unix.TimerfdSettime(timer, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("set the timer: %w", err), unix.Close(timer))
	}
	if err := l.call(func() error { return l.watch(timer, unix.EPOLLIN, func(uint32) { p.beat(clock.Now()) }) }); err != nil {
		return nil, errors.Join(err, unix.Close(timer))
	}
	return p, nil
}

// beat notes every step that was due by now. A thread that was stopped for long has missed many: each was late by the time
// since it was due, as a frame due then would have been.
func (p *pulse) beat(now int64) {
	var count [8]byte
	_, _ = unix.Read(p.timer, count[:]) // only so that it does not go off again; next says what was due
	for ; p.next <= now; p.next += p.every {
		if len(p.late) == mostBeats {
			for i := range mostBeats / 2 {
				p.late[i] = p.late[2*i]
			}
			p.late = p.late[:mostBeats/2]
			p.every *= 2
		}
		p.late = append(p.late, now-p.next)
	}
}

// stop ends the pulse, with what is due by now. It runs on the loop's thread.
func (p *pulse) stop(l *loop) {
	if p.timer < 0 {
		return
	}
	p.beat(clock.Now())
	l.forget(p.timer)
	_ = unix.Close(p.timer)
	p.timer = -1
}
