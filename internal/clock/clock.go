// Package clock reads CLOCK_MONOTONIC, which every process of a host shares: the one clock
// a run's timestamps are taken from, on the edges, in the cloud and in the harness alike.
package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now returns CLOCK_MONOTONIC in nanoseconds of wall time.
func Now() int64 { return read(unix.CLOCK_MONOTONIC) }

// ThreadCPU returns what the calling thread has computed, in nanoseconds, waiting left out. Differences mean something to a goroutine
// that has locked its thread.
func ThreadCPU() int64 { return read(unix.CLOCK_THREAD_CPUTIME_ID) }

func read(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic("clock: " + err.Error()) // the kernel always has it
	}
	return ts.Nano()
}

// SleepUntil blocks the calling thread until the clock reads t. It does not go through the Go
// scheduler's timers, whose wake-ups wander by milliseconds on a busy host.
func SleepUntil(t int64) {
	ts := unix.NsecToTimespec(t)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
	}
}

// Since returns the wall time that has passed since t.
func Since(t int64) time.Duration { return time.Duration(Now() - t) }
