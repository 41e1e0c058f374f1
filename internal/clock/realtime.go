package clock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// realTimePriority is low among real-time priorities: above every ordinary thread, below the kernel's own.
const realTimePriority = 5

// RealTime makes the calling OS thread a real-time one (SCHED_FIFO, not inherited by what it forks) with
// the finest timers. Where the kernel refuses, as it does in a cgroup without a real-time budget, the
// thread gets nice −20 instead and the error says why. The caller must hold runtime.LockOSThread and let
// the goroutine end locked, so that the thread is not used for other work.
func RealTime() error {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // an older kernel keeps its 50 µs
	const schedFIFO, resetOnFork = 1, 0x40000000
	param := struct{ priority int32 }{realTimePriority}
	_, _, errno := unix.Syscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedFIFO|resetOnFork, uintptr(unsafe.Pointer(&param)))
	if errno == 0 {
		return nil
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	return errno
}
