package replay

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

var errLoopStopped = errors.New("the I/O thread has stopped")

// loop is a node's one I/O thread: it waits on an epoll instance for sockets, a timer and posted functions,
// and is the only thread that touches what belongs to it. It never computes and never
// blocks anywhere else, so that its timestamps are true.
//
// The timer is a timerfd with an absolute time: it has no slack, and it needs no newer kernel than epoll does.
type loop struct {
	epoll, timer int
	posted       *mailbox[func()]
	sockets      map[int32]func(events uint32)
	conns        map[*conn]struct{}
	// expired is called with the clock's reading when the timer has expired.
	expired func(now int64)

	tid      int
	priority string
	stopping bool
	err      error
	stopped  chan struct{}
}

func startLoop() (*loop, error) {
	l := &loop{epoll: -1, timer: -1, sockets: map[int32]func(uint32){}, conns: map[*conn]struct{}{}, stopped: make(chan struct{})}
	if err := l.open(); err != nil {
		l.release()
		return nil, err
	}
	started := make(chan struct{})
	go func() {
		defer close(l.stopped)
		runtime.LockOSThread() // never unlocked: the priority ends with the thread
		l.tid, l.priority = unix.Gettid(), clock.RealTime()
		close(started)
		l.err = l.run()
	}()
	<-started
	return l, nil
}

func (l *loop) open() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("make an epoll instance: %w", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return fmt.Errorf("make a timer: %w", err)
	}
	if l.posted, err = newMailbox[func()](); err != nil {
		return err
	}
	for _, fd := range []int{l.timer, l.posted.wake} {
		if err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return fmt.Errorf("watch a descriptor: %w", err)
		}
	}
	return nil
}

func (l *loop) release() {
	for _, fd := range []int{l.epoll, l.timer} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	if l.posted != nil {
		l.posted.close()
	}
}

func (l *loop) run() error {
	events := make([]unix.EpollEvent, 64)
	for !l.stopping {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for sockets: %w", err)
		}
		for _, event := range events[:n] {
			switch int(event.Fd) {
			case l.timer:
				var count [8]byte
				if _, err := unix.Read(l.timer, count[:]); err == nil && l.expired != nil {
					l.expired(clock.Now())
				}
			case l.posted.wake:
				for _, f := range l.posted.take() {
					f()
				}
			default:
				// A socket closed by an earlier event of this batch has no handler any more.
				if handle, ok := l.sockets[event.Fd]; ok {
					handle(event.Events)
				}
			}
		}
	}
	return nil
}

// post runs f on the loop's thread. It never blocks.
func (l *loop) post(f func()) { l.posted.post(f) }

// call runs f on the loop's thread and waits for it. It must not be called from that thread.
func (l *loop) call(f func() error) error {
	result := make(chan error, 1)
	l.post(func() { result <- f() })
	select {
	case err := <-result:
		return err
	case <-l.stopped:
		return errors.Join(errLoopStopped, l.err)
	}
}

// closeConns closes every connection, so that no message can start anything any more.
func (l *loop) closeConns() error {
	return l.call(func() error {
		for c := range l.conns {
			c.close(nil)
		}
		return nil
	})
}

// stop ends the thread and releases its descriptors. Nobody may post any more when it is called.
func (l *loop) stop() error {
	l.post(func() { l.stopping = true })
	<-l.stopped
	l.release()
	return l.err
}

// arm sets the timer to a time on the clock; 0 disarms it.
func (l *loop) arm(at int64) error {
	if at != 0 && at < 1 {
		at = 1
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at)}
	if err := unix.TimerfdSettime(l.timer, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("set the timer: %w", err)
	}
	return nil
}

// watch calls handle on the loop's thread when fd has one of the events.
func (l *loop) watch(fd int, events uint32, handle func(events uint32)) error {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	l.sockets[int32(fd)] = handle
	return nil
}

func (l *loop) rewatch(fd int, events uint32) error {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// forget stops watching fd. Closing it would do so too, unless it was duplicated.
func (l *loop) forget(fd int) {
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	delete(l.sockets, int32(fd))
}
