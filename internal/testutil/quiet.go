package testutil

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// quietShare is the part of the host's CPU that must be idle for a test to measure time on it.
	quietShare = 0.5
	// quietLook is how long the host is looked at, quietPatience how long it is waited for.
	quietLook     = 500 * time.Millisecond
	quietPatience = time.Minute
)

// AwaitQuietHost waits until other work leaves half of the host's CPU idle, but for a minute at most. It is for a test that
// is about to repeat a run which called itself invalid.
func AwaitQuietHost(t testing.TB) {
	t.Helper()
	for began := time.Now(); time.Since(began) < quietPatience; {
		all, idle := cpuTicks(t)
		time.Sleep(quietLook)
		allNow, idleNow := cpuTicks(t)
		if allNow > all && float64(idleNow-idle) >= quietShare*float64(allNow-all) {
			return
		}
	}
	t.Logf("other work left less than %g of the host's CPU idle for %v", quietShare, quietPatience)
}

// cpuTicks reads the first line of /proc/stat (proc(5)).
func cpuTicks(t testing.TB) (all, idle uint64) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		ticks, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all += ticks
		if i == 3 || i == 4 {
			idle += ticks
		}
	}
	return all, idle
}
