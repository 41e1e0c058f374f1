package features

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// probeDir is what a cgroup made by a probe is called.
	probeDir = "splitbed-probe-*"
)

// CPUQuota probes CPU quotas. On cgroup v2 the cpu controller only has to be available at the root: whoever makes groups
// enables it for them.
func CPUQuota() error {
	unified, err := isCgroup2(cgroupRoot)
	if err != nil {
		return explain("cpu quota", "mount cgroups on "+cgroupRoot, err)
	}
	if unified {
		return explain("cpu quota (cgroup v2)", "the kernel needs CFS_BANDWIDTH", cpuController())
	}
	return explain("cpu quota (cgroup v1)", "mount the cpu controller on "+cgroupRoot+"/cpu", writeV1Quota())
}

func isCgroup2(dir string) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return false, err
	}
	return fs.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

func cpuController() error {
	controllers, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(controllers)) {
		if c == "cpu" {
			return nil
		}
	}
	return fmt.Errorf("no cpu controller among %q: %w", strings.TrimSpace(string(controllers)), fs.ErrNotExist)
}

func writeV1Quota() (err error) {
	dir, err := os.MkdirTemp(filepath.Join(cgroupRoot, "cpu"), probeDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(dir)) }()
	return os.WriteFile(filepath.Join(dir, "cpu.cfs_quota_us"), []byte("50000"), 0)
}
