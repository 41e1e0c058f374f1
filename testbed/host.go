package testbed

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
)

// Host is what a run has to work with: the figures `splitbed calibrate` prints and host.json keeps.
type Host struct {
	Cores int `json:"cores"`
	// GFLOPSPerCore is the rate at which ONNX Runtime computes convolutions on one core, in counted
	// operations per second of CPU time.
	GFLOPSPerCore float64 `json:"gflops_per_core"`
	// TimerP50 and TimerP99 say how late, in seconds, a sleeping thread of the harness wakes up.
	TimerP50 float64 `json:"timer_p50_s"`
	TimerP99 float64 `json:"timer_p99_s"`

	Kernel      string `json:"kernel,omitempty"`
	CPU         string `json:"cpu,omitempty"`
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
}

// FLOPSPerCore is GFLOPSPerCore as a rate.
func (h Host) FLOPSPerCore() units.FLOPS { return units.FLOPS(h.GFLOPSPerCore * 1e9) }

// Calibrate measures this host, for about a second.
func Calibrate(ctx context.Context, store model.Store) (Host, error) {
	host := Host{Cores: runtime.NumCPU(), Kernel: kernelRelease(), CPU: cpuModel(), MemoryBytes: memory()}
	if err := engine.Init(); err != nil {
		return host, err
	}
	perCore, err := engine.Calibrate(ctx, store, time.Second)
	if err != nil {
		return host, fmt.Errorf("calibrate: %w", err)
	}
	host.GFLOPSPerCore = float64(perCore) / 1e9
	late := timerLateness(200)
	host.TimerP50 = late[len(late)/2].Seconds()
	host.TimerP99 = late[len(late)*99/100].Seconds()
	return host, nil
}

// timerLateness sleeps n times for a millisecond on a thread scheduled like the replay's own and
// returns by how much each wake-up was late, sorted.
func timerLateness(n int) []time.Duration {
	late := make([]time.Duration, n)
	_ = clock.OnRealTimeThread(func() error {
		for i := range late {
			due := clock.Now() + int64(time.Millisecond)
			clock.SleepUntil(due)
			late[i] = clock.Since(due)
		}
		return nil
	})
	slices.Sort(late)
	return late
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
