package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// group is the quota group of one node: the threads in it share one quota and one account.
type group interface {
	add(tid int) error // tid as the host sees it
	setCPU(CPU) error
	usage() (Usage, error)
}

// topWeight is the weight of the directory all nodes of all runs lie under, in units of a new group's (1024 cpu.shares, 100
// cpu.weight). The scheduler divides a group's weight among the CPUs it is busy on, so with one unit for each CPU a compute
// thread weighs against what else runs on its CPU what it would weigh without groups. With less the budgets are not granted on a host
// that does anything else; with more the compute threads hold up ksoftirqd, and links forward late.
func topWeight() uint64 { return min(uint64(runtime.NumCPU()), 100) } // cpu.weight ends at 10000

// makeGroup makes the groups at p.
func (h hierarchy) makeGroup(p place) (group, error) {
	if !h.isNative(p) {
		// The library makes parents too, but the group of a container that has just ended must not come back.
		for _, dir := range h.dirs(p.own) {
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, fmt.Errorf("make cgroup: %w", err)
			}
		}
		return h.openGroup(p)
	}
	// Another node that stops at the same moment may find the parents empty and remove them in between.
	var g group
	var err error
	for range 100 {
		if g, err = h.openGroup(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return g, err
}

func (h hierarchy) openGroup(p place) (group, error) {
	if h.version == 1 {
		return makeV1(h, p)
	}
	return makeV2(h, p)
}

// removeGroup removes the groups at dir and then the parents of this package that have become empty. What still runs in
// a container's group is moved up to the container; what runs in a native node's group belongs to a process that is being
// killed. It waits until the kernel lets go of threads that are still exiting. A group that does not exist is no error.
func (h hierarchy) removeGroup(ctx context.Context, dir string) error {
	kind, point := h.classify(dir)
	if kind == ofOthers {
		return fmt.Errorf("cgroup %s is left alone: %w", dir, ErrNotOurs)
	}
	outside := filepath.Dir(dir)
	if kind == ofNative {
		outside = point
	}
	for {
		err := h.tryRemove(dir, outside, kind)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			break
		}
		if !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("remove cgroup: %w", err)
		}
		// Neither version tells when the last thread of a group has gone in a way that rmdir agrees with.
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove cgroup: %w: threads %s are still in it", err, strings.Join(threadsIn(dir), " "))
		case <-time.After(2 * time.Millisecond):
		}
	}
	if kind == ofNative {
		prune(filepath.Dir(dir), point)
	}
	return nil
}

// tryRemove empties the group as far as can be done and removes its directories. The library's Delete does not move threads out
// and its Kill waits for processes that are not its own, so this part is written against the files.
func (h hierarchy) tryRemove(dir, outside string, kind owner) error {
	groups := []string{dir}
	tasks := "tasks"
	if h.version == 2 {
		tasks = "cgroup.threads"
	}
	if h.version == 2 && kind == ofNative {
		err := os.WriteFile(path.Join(dir, "cgroup.kill"), []byte("1"), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) { // no such file before Linux 5.14
			return err
		}
		groups = []string{path.Join(dir, leaf), dir}
	} else {
		for _, tid := range threadsIn(dir) {
			err := os.WriteFile(path.Join(outside, tasks), []byte(tid), 0)
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended meanwhile
				return fmt.Errorf("move thread %s to %s: %w", tid, outside, err)
			}
		}
	}
	for _, g := range groups {
		if err := unix.Rmdir(g); err != nil && err != unix.ENOENT {
			return &fs.PathError{Op: "rmdir", Path: g, Err: err}
		}
	}
	return nil
}

// threadsIn lists the threads of a group of either version, none if it does not exist.
func threadsIn(dir string) []string {
	for _, file := range []string{"tasks", "cgroup.threads"} {
		if b, err := os.ReadFile(path.Join(dir, file)); err == nil {
			return strings.Fields(string(b))
		}
	}
	return nil
}

// prune removes dir and its parents up to the mount point while they are empty.
func prune(dir, point string) {
	for ; dir != point; dir = filepath.Dir(dir) {
		if unix.Rmdir(dir) != nil {
			return
		}
	}
}
