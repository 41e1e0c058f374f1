package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

func TestQuotaStepsNeverPassThroughALargerShare(t *testing.T) {
	settings := []CPU{{0, 100 * ms}, {0, 10 * ms}, {5 * ms, 20 * ms}, {30 * ms, 20 * ms}, {5 * ms, 10 * ms}, {ms, 100 * ms},
		{150 * ms, 100 * ms}, {5 * ms, 5 * ms}, {2 * ms, 20 * ms}}
	share := func(quota int64, period uint64) float64 {
		if quota < 0 {
			return 1e9
		}
		return float64(quota) / float64(period)
	}
	kernel := func(c CPU) (int64, uint64) {
		if c.Quota == 0 {
			return -1, uint64(c.Period.Microseconds())
		}
		return c.Quota.Microseconds(), uint64(c.Period.Microseconds())
	}
	for _, from := range settings {
		for _, to := range settings {
			quota, period := kernel(from)
			wantQuota, wantPeriod := kernel(to)
			limit := max(share(quota, period), share(wantQuota, wantPeriod))
			for _, s := range quotaSteps(from, to) {
				if s.period != 0 {
					period = s.period
				} else {
					quota = s.quota
				}
				if got := share(quota, period); got > limit {
					t.Errorf("%v → %v: %d µs in %d µs in between, more than either", from, to, quota, period)
				}
			}
			if quota != wantQuota || period != wantPeriod {
				t.Errorf("%v → %v ends at %d µs in %d µs", from, to, quota, period)
			}
		}
	}
}

func TestQuotasTheKernelWouldRefuse(t *testing.T) {
	for _, test := range []struct {
		cpu CPU
		err string
	}{
		{CPU{}, ""},
		{CPU{0, 20 * ms}, ""},
		{CPU{ms, ms}, ""},
		{CPU{40 * ms, 20 * ms}, ""},
		{CPU{ms, time.Second}, ""},
		{CPU{ms - time.Microsecond, 20 * ms}, "larger dilation"},
		{CPU{-ms, 20 * ms}, "larger dilation"},
		{CPU{ms, 0}, "period"},
		{CPU{ms, ms - 1}, "period"},
		{CPU{ms, time.Second + 1}, "period"},
	} {
		err := test.cpu.validate()
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%v: error %v, want one with %q", test.cpu, err, test.err)
		}
	}
}

func TestNamesThatCouldLeaveTheirPlace(t *testing.T) {
	for name, ok := range map[string]bool{
		"gw-a": true, "20261122-211500-ab12cd": true, "a.b_c": true,
		"": false, "..": false, ".": false, "a/b": false, "-a": false, "a b": false, "ä": false, "a\x00": false,
	} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSpecNeedsAbsolutePaths(t *testing.T) {
	good := Spec{Run: "r", Name: "n", Binary: "/bin/true", Dir: "/tmp", Log: "/tmp/log"}
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Spec){
		"binary": func(s *Spec) { s.Binary = "true" }, "working directory": func(s *Spec) { s.Dir = "" }, "log": func(s *Spec) { s.Log = "log" },
		"run name": func(s *Spec) { s.Run = "../r" }, "node name": func(s *Spec) { s.Name = "a/b" },
	} {
		s := good
		spoil(&s)
		if err := s.validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a bad %s: error %v", name, err)
		}
	}
}

func TestMountsWithinMountsAreLeftOut(t *testing.T) {
	for _, test := range []struct {
		dir    string
		mounts []string
		want   []string
	}{
		{"/runs/1", nil, []string{"/runs/1"}},
		{"/runs/1", []string{"/cache"}, []string{"/runs/1", "/cache"}},
		{"/runs/1", []string{"/runs"}, []string{"/runs"}},
		{"/runs/1", []string{"/runs/1", "/runs/1/"}, []string{"/runs/1"}},
		{"/runs/1", []string{"/runs/10", "/runs/1/models"}, []string{"/runs/1", "/runs/10"}},
	} {
		got := Spec{Dir: test.dir, Mounts: test.mounts}.mounts()
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s with %v (-want +got):\n%s", test.dir, test.mounts, diff)
		}
	}
}

func TestThreadIDsAreReadOutermostAndInnermost(t *testing.T) {
	for _, test := range []struct {
		status       string
		outer, inner int
		ok           bool
	}{
		{"Name:\tx\nNSpid:\t4711\nNSpgid:\t1\n", 4711, 4711, true},
		{"NSpid:\t4711\t12\t7\n", 4711, 7, true},
		{"Name:\tx\n", 0, 0, false},
		{"NSpid:\n", 0, 0, false},
		{"NSpid:\tx\n", 0, 0, false},
	} {
		outer, inner, err := parseNSpid(test.status)
		if (err == nil) != test.ok || outer != test.outer || inner != test.inner {
			t.Errorf("%q: %d, %d, %v; want %d, %d", test.status, outer, inner, err, test.outer, test.inner)
		}
	}
}

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	earlier := "of an earlier run\n"
	lines := strings.Repeat("line\n", 100) + "last\n"
	if err := os.WriteFile(path, []byte(earlier+lines), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path   string
		offset int
		want   string
	}{
		"many lines":           {path, len(earlier), strings.Repeat("line\n", tailLines-1) + "last"},
		"only what is new":     {path, len(earlier + lines), ""},
		"one line":             {path, len(earlier+lines) - len("last\n"), "last"},
		"a log that is gone":   {path + "x", 0, ""},
		"a log that was short": {path, 1 << 20, ""},
	} {
		if got := logTail(test.path, int64(test.offset)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
