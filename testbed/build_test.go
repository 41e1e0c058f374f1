package testbed

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
)

// A monitor that is awake takes CPU time from all nodes: those have one whose quota stops them for longer than a timer may be late.
func TestTheRuntimesMonitorIsAwakeWhereAQuotaStopsANodeForLong(t *testing.T) {
	ms := func(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
	for _, c := range []struct {
		name          string
		dilation      units.Dilation
		quota, period time.Duration
		awake         bool
	}{
		{"a small quota", 1, ms(2), ms(10), true},
		{"the same, dilated", 10, ms(2), ms(10 * 10), true},
		{"a fifth of a core at dilation 2", 2, ms(2.1), ms(10), true},
		{"two thirds of a core", 1, ms(5), ms(7.5), false},
		{"more than a core, dilated to a thirtieth", 33, ms(2), ms(60), false},
		{"more than a core", 1, ms(30), ms(20), false},
		{"no quota", 1, 0, ms(100), false},
	} {
		p := &Plan{Dilation: c.dilation, Streams: []Stream{{Deadline: units.Virtual(200 * time.Millisecond)}}}
		n := emulator.Node{Name: "gw-a", CPU: &emulator.CPU{CPU: shape.CPU{Quota: c.quota, Period: c.period}}}
		if awake := strings.Contains(strings.Join(p.environment(n), " "), "schedtrace"); awake != (c.awake && runtime.NumCPU() > 1) {
			t.Errorf("%s: awake is %v, want %v", c.name, awake, c.awake)
		}
	}
	if env := (&Plan{Dilation: 1}).environment(emulator.Node{Name: "cloud"}); env != nil {
		t.Errorf("a node without a budget is started with %v, want nothing", env)
	}
}
