// Package proc names processes so that a reused pid is never mistaken for the one that was meant.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Fields of /proc/<pid>/stat (proc_pid_stat(5)), counted from behind the command, the first of which is number 3.
const (
	state     = 0 // number 3
	startTime = 22 - 3
)

// stat reads the fields behind the command, which is in parentheses and may hold any character; there are at least those named above.
// The error wraps fs.ErrNotExist when there is no such process.
func stat(pid int) ([]string, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= startTime {
		return nil, fmt.Errorf("%s: %d fields behind the command, expected at least %d", path, len(fields), startTime+1)
	}
	return fields, nil
}

// Identify names the process with this pid as "pid:starttime", the start time in clock ticks since boot. The error wraps
// fs.ErrNotExist when there is no such process.
func Identify(pid int) (string, error) {
	fields, err := stat(pid)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(pid) + ":" + fields[startTime], nil
}

// State is a process's state as ps(1) shows it: R, S, D, T (stopped by a signal), t (by a debugger), Z or X (ended), …. The error is
// that of [Identify].
func State(pid int) (byte, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return fields[state][0], nil
}

// Pid is the pid of an identity that [Identify] gave.
func Pid(identity string) (int, error) {
	pid, _, _ := strings.Cut(identity, ":")
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a process identity (pid:starttime)", identity)
	}
	return n, nil
}

// Alive tells whether the process of this identity exists in this boot of the machine.
func Alive(identity string) bool {
	pid, err := Pid(identity)
	if err != nil {
		return false
	}
	now, err := Identify(pid)
	return err == nil && now == identity
}

// BootID tells one boot of the machine from another; empty where the kernel does not say.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
