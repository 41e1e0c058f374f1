package clock

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// How the kernel favours a time-critical thread, best first.
const (
	PriorityFIFO   = "fifo"     // SCHED_FIFO
	PriorityNice   = "nice -20" // the ordinary scheduler, at its highest weight
	PriorityNormal = "normal"   // nothing is allowed or of use: timers will be late on a busy host
)

// realTimePriority is low among real-time priorities: above every ordinary thread, below the kernel's own.
const realTimePriority = 10

// OnThread calls f on an OS thread of its own and returns what it does. The thread ends with f, so that no other work inherits
// what f does to it.
func OnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked
		done <- f()
	}()
	return <-done
}

// OnRealTimeThread is OnThread with [RealTime]. Where that is not allowed, lateness shows in what f measures.
func OnRealTimeThread(f func() error) error {
	return OnThread(func() error {
		RealTime()
		return f()
	})
}

// RealTime gives the calling OS thread the finest timers and the best priority it may have, and says which
// that is. A cgroup without a real-time budget does not allow SCHED_FIFO. The priority is reset on fork, so
// that threads the Go runtime happens to start from here do not inherit it. The caller must hold
// runtime.LockOSThread and let its goroutine end locked, so that the thread is not used for other work.
//
// Where there is one processor only, priorities do harm and none is set. At the end of a system call the Go runtime may
// have to wait for its monitor thread and does so by yielding the processor; but a thread with a priority yields to
// those of its own only, and the monitor, an ordinary thread, does not come to run until the kernel throttles real-time
// threads, 950 ms later.
func RealTime() string {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // an older kernel keeps its 50 µs
	if runtime.NumCPU() == 1 {
		return PriorityNormal
	}
	switch {
	case prefer(0, realTimePriority, unix.SCHED_FLAG_RESET_ON_FORK):
		return PriorityFIFO
	case prefer(0, 0, unix.SCHED_FLAG_RESET_ON_FORK):
		return PriorityNice
	default:
		return PriorityNormal
	}
}

// Assist gives a thread of this process, and the threads that it will start, the priority just below that of RealTime, where that is
// allowed and of use: one that a time-critical thread may have to wait for and that does little.
func Assist(tid int) {
	if runtime.NumCPU() > 1 && !prefer(tid, realTimePriority-1, 0) {
		_ = prefer(tid, 0, 0)
	}
}

// prefer gives a thread a real-time priority, or the lowest nice value for 0.
func prefer(tid, priority int, flags uint64) bool {
	a := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: flags, Priority: uint32(priority)}
	if priority == 0 {
		a.Policy, a.Nice = unix.SCHED_NORMAL, -20
	}
	return unix.SchedSetAttr(tid, &a, 0) == nil
}
