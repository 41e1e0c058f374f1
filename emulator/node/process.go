package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/splitbed/splitbed/emulator/object"
	"golang.org/x/sys/unix"
)

// mark is set in the environment of every native node. The kernel keeps a process's first environment in
// /proc/<pid>/environ, and children inherit it, so the mark finds the whole family of a node, and nothing else, whatever
// pids it has and however often pids have been reused since.
func mark(name string) string { return object.Mark(name) }

// marked returns the pids of the living processes that carry the mark.
func marked(name string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if carries(pid, name) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// carries says whether the process has the mark; a process that has ended has no environment.
func carries(pid int, name string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	want := []byte(mark(name))
	for variable := range bytes.SplitSeq(b, []byte{0}) {
		if bytes.Equal(variable, want) {
			return true
		}
	}
	return false
}

// killMarked kills every process that carries the mark and waits until they have ended. It goes round until it finds none,
// because a process may fork while it is being looked for.
func killMarked(ctx context.Context, name string) error {
	for {
		pids, err := marked(name)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := killIf(ctx, pid, func() bool { return carries(pid, name) }); err != nil {
				return fmt.Errorf("kill process %d of %s: %w", pid, name, err)
			}
		}
	}
}

// killIf kills a process, if it is still the one meant once its pid can no longer be reused, and waits for its end.
func killIf(ctx context.Context, pid int, meant func() bool) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !meant() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int((100 * time.Millisecond).Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// hostThreads translates thread ids from a process's own PID namespace to the host's, and so makes sure that they are threads of
// that process. The line NSpid of /proc/<pid>/task/<tid>/status has the id in every namespace, outermost first (proc_pid_status(5)).
func hostThreads(pid int, tids []int) ([]int, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return nil, err
	}
	host := make(map[int]int, len(entries))
	for _, e := range entries {
		status, err := os.ReadFile(tasks + "/" + e.Name() + "/status")
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return nil, err
		}
		outer, inner, err := parseNSpid(string(status))
		if err != nil {
			return nil, fmt.Errorf("%s/%s/status: %w", tasks, e.Name(), err)
		}
		host[inner] = outer
	}
	out := make([]int, len(tids))
	for i, tid := range tids {
		if out[i] = host[tid]; out[i] == 0 {
			return nil, fmt.Errorf("the process has no thread %d", tid)
		}
	}
	return out, nil
}

func parseNSpid(status string) (outer, inner int, err error) {
	for line := range strings.Lines(status) {
		ids, ok := strings.CutPrefix(line, "NSpid:")
		if !ok {
			continue
		}
		fields := strings.Fields(ids)
		if len(fields) == 0 {
			break
		}
		if outer, err = strconv.Atoi(fields[0]); err != nil {
			return 0, 0, err
		}
		inner, err = strconv.Atoi(fields[len(fields)-1])
		return outer, inner, err
	}
	return 0, 0, errors.New("no line NSpid; Linux 4.1 or later is needed")
}
