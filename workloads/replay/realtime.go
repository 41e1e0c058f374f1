package replay

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// How the kernel favours a node's I/O thread, best first.
const (
	PriorityFIFO   = "fifo"     // SCHED_FIFO
	PriorityNice   = "nice -20" // the ordinary scheduler, at its highest weight
	PriorityNormal = "normal"   // nothing is allowed: timers will be late on a busy host
)

// favour gives the calling thread the best priority it may have and says which that is. The priority is
// reset on fork, so that threads the Go runtime happens to start from here do not inherit it.
func favour() string {
	tid := unix.Gettid()
	fifo := unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_FIFO,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: 10,
	}
	if unix.SchedSetAttr(tid, &fifo, 0) == nil {
		return PriorityFIFO
	}
	nice := unix.SchedAttr{
		Size:   unix.SizeofSchedAttr,
		Policy: unix.SCHED_NORMAL,
		Flags:  unix.SCHED_FLAG_RESET_ON_FORK,
		Nice:   -20,
	}
	if unix.SchedSetAttr(tid, &nice, 0) == nil {
		return PriorityNice
	}
	return PriorityNormal
}

// beNice makes the calling thread, and the threads it will start, nicer by n.
func beNice(n int) error {
	if n == 0 {
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), n); err != nil {
		return fmt.Errorf("set nice value %d of the compute thread: %w", n, err)
	}
	return nil
}

// threadCPU is the CPU time the calling thread has used, in nanoseconds.
func threadCPU() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return ts.Nano()
}
