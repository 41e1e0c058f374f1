package delayline

import (
	"container/heap"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
)

const (
	// burst bounds what is read from one way before others get their turn, and before what has become due is sent.
	burst = 32
	// beat is how often the thread wakes up at least: how late it then is tells whether it could run, also while no packet
	// is under way.
	beat = 5 * time.Millisecond
)

// way is one direction of a link that packets pass on.
type way struct {
	index   int // in the set-up
	pair    int // of ends, see Way
	in, out int // TUN devices, non-blocking
	law     *law
	packets fifo
	place   int   // on the agenda
	due     int64 // of the first packet

	count Count
	gone  bool // the device was removed
}

// line is a thread that moves the packets of some ways, and all that belongs to it. Nobody else touches it; others post
// functions to it.
type line struct {
	epoll, wake int
	posted      chan func()
	ways        []*way
	agenda      agenda
	pool        pool
	stopping    bool

	origin time.Time // when the clock read base
	base   int64

	since  int64     // start of what follows
	late   histogram // how late packets went on
	stalls histogram // how long the thread could not run
	fault  error     // the last write that failed

	priority string
	ended    chan struct{}
	err      error // of run, once ended is closed
}

// newLine takes over the ways' descriptors, which stay the caller's to close once the line has ended.
func newLine(ways []*way) (*line, error) {
	l := &line{ways: ways, posted: make(chan func(), 16), ended: make(chan struct{}), origin: time.Now(), base: clock.Now()}
	l.since = l.base
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("make an event: %w", err), unix.Close(l.epoll))
	}
	err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1})
	for i, w := range ways {
		w.packets.pool = &l.pool
		if err == nil {
			err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, w.in, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch the devices: %w", err), l.release())
	}
	return l, nil
}

func (l *line) release() error { return errors.Join(unix.Close(l.epoll), unix.Close(l.wake)) }

// start lets the thread run until stop.
func (l *line) start() {
	started := make(chan struct{})
	go func() {
		defer close(l.ended)
		runtime.LockOSThread() // never unlocked: the priority ends with the thread
		l.priority = clock.RealTime()
		close(started)
		l.err = l.run()
	}()
	<-started
}

// stop ends the thread and waits for it.
func (l *line) stop() error {
	if err := l.call(func() { l.stopping = true }); err != nil {
		return err
	}
	<-l.ended
	return errors.Join(l.err, l.release())
}

var errStopped = errors.New("the delay line has stopped")

// call runs f on the thread and waits for it.
func (l *line) call(f func()) error {
	done := make(chan struct{})
	l.posted <- func() { f(); close(done) }
	if _, err := unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil && err != unix.EAGAIN {
		return fmt.Errorf("wake the delay line: %w", err)
	}
	select {
	case <-done:
		return nil
	case <-l.ended:
		select {
		case <-done: // and then the thread has ended, as f may have had it do
			return nil
		default:
			return errors.Join(errStopped, l.err)
		}
	}
}

// now reads the clock without a system call: Go's monotonic time is CLOCK_MONOTONIC, read in user space.
func (l *line) now() int64 { return l.base + int64(time.Since(l.origin)) }

func (l *line) run() error {
	events := make([]unix.EpollEvent, len(l.ways)+1)
	last := l.now()
	next := last + int64(beat)
	for !l.stopping {
		expected := next
		if len(l.agenda) > 0 {
			expected = min(expected, l.agenda[0].due)
		}
		n, err := wait(l.epoll, events, expected-l.now())
		if err != nil {
			return fmt.Errorf("wait for packets: %w", err)
		}
		now := l.now()
		if late := now - max(expected, last); late > 0 {
			l.stalls.add(late)
		}
		if last = now; now >= next {
			next = now + int64(beat)
		}
		// What is due goes before what has come.
		l.sendDue()
		for _, e := range events[:n] {
			if e.Fd < 0 {
				l.obey()
				continue
			}
			l.receive(l.ways[e.Fd])
			l.sendDue()
		}
	}
	return nil
}

// obey runs what has been posted.
func (l *line) obey() {
	var count [8]byte
	_, _ = unix.Read(l.wake, count[:]) // nothing to read: woken for something obeyed already
	for {
		select {
		case f := <-l.posted:
			f()
		default:
			return
		}
	}
}

// receive takes what has come on a way, up to a burst: what is left is found at once. The burst counts as come when its
// reading began.
func (l *line) receive(w *way) {
	at := l.now()
	for range burst {
		room := w.packets.room()
		n, errno := transfer(unix.SYS_READ, w.in, room)
		if errno == unix.EAGAIN || errno == unix.EINTR {
			return
		}
		if errno != 0 || n == 0 {
			l.lose(w, fmt.Errorf("read from the device: %w", errno))
			return
		}
		w.count.Packets++
		packet := room[:n]
		switch w.law.copies() {
		case 0:
			w.count.Lost++
		case 1:
			l.take(w, at, packet)
		case 2:
			w.count.Duplicated++
			l.take(w, at, packet)
			l.take(w, at, room[:copy(w.packets.room(), packet)])
		}
	}
}

// take lets a packet wait that lies in the room of its way's queue, or sends it on if it need not.
func (l *line) take(w *way, at int64, packet []byte) {
	due, overtakes := w.law.due(at)
	switch limit := int(w.law.delay.Limit); {
	case overtakes:
		w.count.Reordered++
		l.send(w, packet)
	case w.packets.length == 0 && due <= at:
		l.send(w, packet)
	case limit > 0 && w.packets.length >= limit:
		w.count.Overflowed++
	default:
		w.packets.push(due, len(packet))
		if w.packets.length == 1 {
			w.due = due
			heap.Push(&l.agenda, w)
		}
	}
}

// sendDue sends every packet that is due.
func (l *line) sendDue() {
	for len(l.agenda) > 0 {
		w := l.agenda[0]
		late := l.now() - w.due
		if late < 0 {
			return
		}
		l.late.add(late)
		_, packet := w.packets.front()
		l.send(w, packet)
		w.packets.pop()
		if w.packets.length == 0 {
			heap.Pop(&l.agenda)
			continue
		}
		w.due, _ = w.packets.front()
		heap.Fix(&l.agenda, 0)
	}
}

// send hands a packet to the next hop. The kernel forwards it within the call.
func (l *line) send(w *way, packet []byte) {
	for {
		n, errno := transfer(unix.SYS_WRITE, w.out, packet)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			w.count.Failed++
			l.fault = fmt.Errorf("%s: write a packet of %d bytes: %w", w.count.Link, len(packet), errno)
		case n != len(packet):
			w.count.Failed++
			l.fault = fmt.Errorf("%s: only %d bytes of a packet of %d were taken", w.count.Link, n, len(packet))
		}
		return
	}
}

// lose gives up a way whose device is gone.
func (l *line) lose(w *way, err error) {
	w.gone = true
	l.fault = fmt.Errorf("%s: %w", w.count.Link, err)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, w.in, nil)
}

// set changes what happens to the packets of a way that come from now on.
func (l *line) set(w *way, d shape.Delay) (at int64) {
	w.law.delay = d
	return l.now()
}

// reset begins anew to count.
func (l *line) reset() {
	l.late, l.stalls, l.since = histogram{}, histogram{}, l.now()
	for _, w := range l.ways {
		w.count = Count{Link: w.count.Link}
	}
}

// transfer reads or writes one packet on a non-blocking descriptor. It does not tell Go's scheduler, which would
// take as long as the call itself.
func transfer(call uintptr, fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
