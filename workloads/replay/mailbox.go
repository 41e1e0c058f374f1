package replay

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// mailbox hands values to one reader from any number of threads, in order and without bound.
//
// It takes no lock: the compute thread is stopped for milliseconds by its CPU quota, at any
// instruction, and must not hold anything then that the I/O thread could come to wait for. The eventfd
// wakes the reader's thread directly, without a turn through the Go scheduler.
type mailbox[T any] struct {
	newest atomic.Pointer[letter[T]]
	wake   int // eventfd, non-blocking
}

type letter[T any] struct {
	value T
	older *letter[T]
}

func newMailbox[T any]() (*mailbox[T], error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	return &mailbox[T]{wake: fd}, nil
}

// post adds a value and wakes the reader. It never blocks. It must not be called after close.
func (m *mailbox[T]) post(v T) {
	l := &letter[T]{value: v}
	for {
		l.older = m.newest.Load()
		if m.newest.CompareAndSwap(l.older, l) {
			break
		}
	}
	one := [8]byte{1}
	// The counter cannot overflow, so the write cannot fail for a descriptor that is open.
	_, _ = unix.Write(m.wake, one[:])
}

// take returns what was posted since the last call, oldest first. Only the reader may call it.
func (m *mailbox[T]) take() []T {
	// The counter is reset before the letters are taken: a letter posted in between wakes once
	// too often, not once too rarely.
	var count [8]byte
	_, _ = unix.Read(m.wake, count[:]) // EAGAIN: nothing was posted
	n := 0
	first := m.newest.Swap(nil)
	for l := first; l != nil; l = l.older {
		n++
	}
	values := make([]T, n)
	for l := first; l != nil; l = l.older {
		n--
		values[n] = l.value
	}
	return values
}

// wait blocks the calling thread until something has been posted since the last take.
func (m *mailbox[T]) wait() error {
	for {
		fds := []unix.PollFd{{Fd: int32(m.wake), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("wait for an eventfd: %w", err)
		}
	}
}

// close releases the eventfd. No thread may post or wait any more.
func (m *mailbox[T]) close() { _ = unix.Close(m.wake) }
