package fidelity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/clock"
)

// HostReading is what the kernel counts of the host as a whole at one moment.
type HostReading struct {
	At          int64 // CLOCK_MONOTONIC, ns
	all, left   uint64
	dropped     uint64           // packets the backlog had no room for
	softirqWait map[string]int64 // ns, by ksoftirqd's process id
}

// ReadHost reads the host's counters. ksoftirqd is not seen from within a container; the reading is without it then.
func ReadHost() (HostReading, error) {
	r := HostReading{At: clock.Now(), softirqWait: map[string]int64{}}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return r, fmt.Errorf("read the host's CPU times: %w", err)
	}
	if r.all, r.left, err = parseStat(string(text)); err != nil {
		return r, err
	}
	if text, err = os.ReadFile("/proc/net/softnet_stat"); err != nil {
		return r, fmt.Errorf("read the host's packet counters: %w", err)
	}
	if r.dropped, err = parseSoftnet(string(text)); err != nil {
		return r, err
	}
	for _, dir := range softirqThreads() {
		text, err := os.ReadFile(filepath.Join(dir, "schedstat"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without CONFIG_SCHED_INFO
		}
		if err != nil {
			return r, fmt.Errorf("read how long packet processing waits: %w", err)
		}
		if fields := strings.Fields(string(text)); len(fields) >= 2 {
			if r.softirqWait[filepath.Base(dir)], err = strconv.ParseInt(fields[1], 10, 64); err != nil {
				return r, fmt.Errorf("%s/schedstat: %w", dir, err)
			}
		}
	}
	return r, nil
}

// leftSince is the share of CPU time since an earlier reading that was idle or nice.
func (r HostReading) leftSince(before HostReading) float64 {
	if r.all <= before.all {
		return 1
	}
	return float64(r.left-before.left) / float64(r.all-before.all)
}

// parseStat adds up the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)); guest times
// are in user already.
func parseStat(text string) (all, left uint64, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		all += ticks
		if i == 1 || i == 3 || i == 4 {
			left += ticks
		}
	}
	return all, left, nil
}

// parseSoftnet adds up the second column of /proc/net/softnet_stat, a line a CPU, in hexadecimal (softnet_seq_show).
func parseSoftnet(text string) (dropped uint64, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return 0, fmt.Errorf("/proc/net/softnet_stat has a line %q", line)
		}
		n, err := strconv.ParseUint(fields[1], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/net/softnet_stat: %w", err)
		}
		dropped += n
	}
	return dropped, nil
}

// softirqThreads lists the directories of the ksoftirqd threads in /proc.
func softirqThreads() []string {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil // the pattern is good
	}
	var dirs []string
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(comm), "ksoftirqd/") {
			dirs = append(dirs, filepath.Dir(name))
		}
	}
	return dirs
}
