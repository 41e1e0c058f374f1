// Package proc names processes so that a reused pid is never mistaken for the one that was meant.
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Identify names the process with this pid as "pid:starttime", the start time in clock ticks since boot
// (proc_pid_stat(5), field 22). The error wraps fs.ErrNotExist when there is no such process.
func Identify(pid int) (string, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	// Fields are counted from behind the command, which is in parentheses and may hold any character.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const startTime = 22 - 3 // the first field behind the command is number 3
	if len(fields) <= startTime {
		return "", fmt.Errorf("%s: %d fields behind the command, expected at least %d", path, len(fields), startTime+1)
	}
	return strconv.Itoa(pid) + ":" + fields[startTime], nil
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
