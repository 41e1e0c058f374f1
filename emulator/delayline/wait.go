package delayline

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait waits until something has come, or for a time in nanoseconds. Before Linux 5.11 epoll itself counts milliseconds only;
// there ppoll waits for the epoll instance.
func wait(epoll int, events []unix.EpollEvent, ns int64) (int, error) {
	timeout := unix.NsecToTimespec(max(ns, 0))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS:
		return waitOld(epoll, events, ns)
	default:
		return 0, errno
	}
}

func waitOld(epoll int, events []unix.EpollEvent, ns int64) (int, error) {
	timeout := unix.NsecToTimespec(max(ns, 0))
	n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(epoll), Events: unix.POLLIN}}, &timeout, nil)
	if n > 0 && err == nil {
		n, err = unix.EpollWait(epoll, events, 0)
	}
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}
