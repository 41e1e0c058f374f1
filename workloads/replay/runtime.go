package replay

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
)

// A node's I/O thread must never wait for a thread that has no CPU time: for the compute thread, which its quota stops for many
// milliseconds at any instruction, and for ordinary threads that other nodes keep from a processor. This package
// sees to it for its own data; what is here does so for what the threads share without a choice, the Go runtime.

// AwakeMonitor returns the environment of a node whose quota stops its compute thread for long, given its parent's value of GODEBUG.
//
// The Go runtime's monitor thread falls asleep when all of the process's processors are idle, as they are while the compute
// thread is in the engine and nothing arrives. The compute thread wakes it when it returns from there, in a system call made
// under the scheduler's lock; that is where the kernel likes to stop a thread whose quota has run out, and the I/O thread
// then needed that lock to come back from its own system call: timers came late by as much as a quota's period. A monitor that
// traces the scheduler does not fall asleep. The trace itself is a line in the node's log every 25 days.
//
// The price: whenever the I/O thread has waited for ten milliseconds, the monitor takes its processor away and then looks around
// fifty times, 20 µs apart, instead of falling asleep: nodes that do something a few times a second take a hundredth of a core or two
// for that, and all nodes of a large topology so take cores from the quotas.
//
// Where there is one processor only, the monitor would take it from the I/O thread, which has no priority there (see [clock.RealTime]), and
// nothing is set.
func AwakeMonitor(godebug string) []string {
	if runtime.NumCPU() == 1 {
		return nil
	}
	trace := fmt.Sprintf("schedtrace=%d", math.MaxInt32)
	if godebug != "" {
		trace = godebug + "," + trace
	}
	return []string{"GODEBUG=" + trace}
}

// restoreRuntime raises GOMAXPROCS, so that a thread stopped by its quota while it holds a processor of the Go runtime stops nobody
// else, and returns a function that undoes this and what quietRuntime does to the collector.
func restoreRuntime() (restore func()) {
	procs := runtime.GOMAXPROCS(max(8, 2*runtime.NumCPU()+4))
	collector := debug.SetGCPercent(100)
	debug.SetGCPercent(collector)
	limit := debug.SetMemoryLimit(-1)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(collector)
		runtime.GOMAXPROCS(procs)
	}
}

// quietRuntime collects garbage one last time and keeps the collector off until memory runs out. It gives the runtime's
// own threads a priority.
func (n *node) quietRuntime() error {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys) + 2*int64(n.queueLimit()))
	debug.SetGCPercent(-1)
	return n.favourRuntime()
}

// favourRuntime gives the ordinary threads of the runtime, on which the I/O thread depends when the monitor has preempted it, the
// priority below the I/O thread's. Threads that compute keep theirs: they are nice, or confined to a cgroup of their own.
func (n *node) favourRuntime() error {
	const tasks = "/proc/self/task/"
	cgroupOf := func(tid int) ([]byte, error) { return os.ReadFile(tasks + strconv.Itoa(tid) + "/cgroup") }
	own, err := cgroupOf(n.loop.tid)
	if err != nil {
		return fmt.Errorf("find the cgroup of the I/O thread: %w", err)
	}
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return fmt.Errorf("list the node's threads: %w", err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || tid == n.worker.tid {
			continue
		}
		// A thread may end at any time; it needs no priority then.
		group, err := cgroupOf(tid)
		if err != nil || !bytes.Equal(group, own) {
			continue
		}
		if a, err := unix.SchedGetAttr(tid, 0); err == nil && a.Policy == unix.SCHED_NORMAL && a.Nice == 0 {
			clock.Assist(tid)
		}
	}
	return nil
}
