package features

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"golang.org/x/sys/unix"
)

func TestWhatEveryRunNeedsIsFound(t *testing.T) {
	testutil.NeedsRoot(t)
	for name, probe := range map[string]func() error{
		"veth": Veth, "htb": HTB, "u32": U32, "cpu quota": CPUQuota,
	} {
		if err := probe(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whether a kernel has these is not ours to say; but a probe must find out, and must say so by ErrNotSupported alone.
func TestWhatMayBeMissingIsDecided(t *testing.T) {
	testutil.NeedsRoot(t)
	for name, probe := range map[string]func() error{"netem": Netem, "tun": Tun, "rto_min": RTOMin} {
		if err := probe(); err != nil && !errors.Is(err, ErrNotSupported) {
			t.Errorf("%s: %v, want nil or an error that wraps %q", name, err, ErrNotSupported)
		}
	}
}

func TestProbesLeaveNothing(t *testing.T) {
	testutil.NeedsRoot(t)
	if err := CPUQuota(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(cgroupRoot, "*", probeDir))
	if err != nil || len(left) > 0 {
		t.Errorf("cgroups are left: %v (%v)", left, err)
	}
	for _, dir := range []string{"/sys/class/net/probe0", "/sys/class/net/probe1"} {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a device of a probe is in the host's namespace: %s (%v)", dir, err)
		}
	}
}

func TestAMissingFeatureIsToldFromAProbeThatFailed(t *testing.T) {
	for _, c := range []struct {
		err     error
		missing bool
	}{
		{unix.ENOENT, true}, // a qdisc of an unknown kind
		{unix.EOPNOTSUPP, true},
		{unix.ENODEV, true},
		{fmt.Errorf("open: %w", fs.ErrNotExist), true},
		{unix.EPERM, false},
		{unix.ENOMEM, false},
	} {
		got := explain("x", "do this", c.err)
		if errors.Is(got, ErrNotSupported) != c.missing || !errors.Is(got, c.err) {
			t.Errorf("%v becomes %q; missing: want %v", c.err, got, c.missing)
		}
	}
	if err := explain("x", "do this", nil); err != nil {
		t.Errorf("a feature that works is reported: %v", err)
	}
}
