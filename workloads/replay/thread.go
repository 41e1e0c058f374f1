package replay

import (
	"fmt"

	"golang.org/x/sys/unix"
)

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

// processCPU is the CPU time all threads of the process have used, in nanoseconds.
func processCPU() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return ts.Nano()
}
