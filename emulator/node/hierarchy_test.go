package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var compareHierarchies = cmp.AllowUnexported(hierarchy{}, mount{}, place{})

const (
	v1Apart = `31 25 0:27 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
32 31 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:29 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
34 31 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
	v1Together = `33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct
34 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime shared:11 - cgroup cgroup rw,cpuset
`
	v1Inside = `33 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro,relatime master:10 - cgroup cgroup rw,cpu
34 31 0:30 /docker/abc /sys/fs/cgroup/cpuacct ro,relatime master:11 - cgroup cgroup rw,cpuacct
`
	v2Only = `30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`
)

func TestParseHierarchy(t *testing.T) {
	for name, test := range map[string]struct {
		mountinfo string
		want      hierarchy
		err       string
	}{
		"v1 wins over an empty v2": {v1Apart, hierarchy{version: 1, mounts: []mount{
			{"cpu", "/sys/fs/cgroup/cpu", "/"}, {"cpuacct", "/sys/fs/cgroup/cpuacct", "/"}}}, ""},
		"v1 mounted together": {v1Together, hierarchy{version: 1, mounts: []mount{
			{"cpu", "/sys/fs/cgroup/cpu", "/"}, {"cpuacct", "/sys/fs/cgroup/cpuacct", "/"}}}, ""},
		"v1 in a container": {v1Inside, hierarchy{version: 1, mounts: []mount{
			{"cpu", "/sys/fs/cgroup/cpu", "/docker/abc"}, {"cpuacct", "/sys/fs/cgroup/cpuacct", "/docker/abc"}}}, ""},
		"v2": {v2Only, hierarchy{version: 2, mounts: []mount{{"", "/sys/fs/cgroup", "/"}}, controllers: []string{"cpu"}}, ""},
		"v1 without cpuacct": {"33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" + v2Only, hierarchy{},
			"not cpuacct"},
		"no cgroups":  {"25 1 0:1 / / rw - ext4 /dev/vda rw\n", hierarchy{}, "mount -t cgroup2"},
		"broken line": {"25 1 0:1\n - \n", hierarchy{}, "no cgroup hierarchy"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseHierarchy(test.mountinfo)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, got, compareHierarchies); err != nil || diff != "" {
				t.Errorf("error %v, difference (-want +got):\n%s", err, diff)
			}
		})
	}
}

func mustParse(t *testing.T, mountinfo string) hierarchy {
	t.Helper()
	h, err := parseHierarchy(mountinfo)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestNativePlace(t *testing.T) {
	for name, test := range map[string]struct {
		mountinfo  string
		own, quota []string
	}{
		"v1": {v1Apart,
			[]string{"/sys/fs/cgroup/cpu/splitbed/r/gw", "/sys/fs/cgroup/cpuacct/splitbed/r/gw"},
			[]string{"/sys/fs/cgroup/cpu/splitbed/r/gw", "/sys/fs/cgroup/cpuacct/splitbed/r/gw"}},
		"v2": {v2Only,
			[]string{"/sys/fs/cgroup/splitbed/r/gw"},
			[]string{"/sys/fs/cgroup/splitbed/r/gw/cnn"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := mustParse(t, test.mountinfo)
			p := h.nativePlace("r", "gw")
			if diff := cmp.Diff(test.own, h.dirs(p.own)); diff != "" {
				t.Errorf("own (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.quota, h.dirs(p.quota)); diff != "" {
				t.Errorf("quota (-want +got):\n%s", diff)
			}
			if !h.isNative(p) {
				t.Error("not recognised as native")
			}
		})
	}
}

func TestContainerPlace(t *testing.T) {
	for name, test := range map[string]struct {
		mountinfo, file string
		want            []string
		err             string
	}{
		"v1, cgroupfs driver": {v1Apart, "9:cpuset:/docker/" + id + "\n2:cpuacct:/docker/" + id + "\n1:cpu:/docker/" + id + "\n0::/\n",
			[]string{"/sys/fs/cgroup/cpu/docker/" + id + "/cnn", "/sys/fs/cgroup/cpuacct/docker/" + id + "/cnn"}, ""},
		"v1, systemd driver": {v1Together, "4:cpu,cpuacct:/system.slice/docker-" + id + ".scope\n",
			[]string{"/sys/fs/cgroup/cpu/system.slice/docker-" + id + ".scope/cnn", "/sys/fs/cgroup/cpuacct/system.slice/docker-" + id + ".scope/cnn"}, ""},
		"v1 in a container": {v1Inside, "2:cpuacct:/docker/abc/docker/" + id + "\n1:cpu:/docker/abc/docker/" + id + "\n",
			[]string{"/sys/fs/cgroup/cpu/docker/" + id + "/cnn", "/sys/fs/cgroup/cpuacct/docker/" + id + "/cnn"}, ""},
		"v2, systemd driver":    {v2Only, "0::/system.slice/docker-" + id + ".scope\n", []string{"/sys/fs/cgroup/system.slice/docker-" + id + ".scope/cnn"}, ""},
		"v2, cgroupfs driver":   {v2Only, "0::/docker/" + id + "\n", []string{"/sys/fs/cgroup/docker/" + id + "/cnn"}, ""},
		"a process of the host": {v2Only, "0::/user.slice\n", nil, "does not run on this kernel"},
		"outside of the mount":  {v1Inside, "2:cpuacct:/docker/abcd/" + id + "\n1:cpu:/docker/abcd/" + id + "\n", nil, "cannot be seen"},
		"no cpu group":          {v1Apart, "0::/docker/" + id + "\n", nil, "cannot be seen"},
	} {
		t.Run(name, func(t *testing.T) {
			h := mustParse(t, test.mountinfo)
			p, err := h.containerPlace(test.file, id)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, h.dirs(p.own)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if h.isNative(p) {
				t.Error("recognised as native")
			}
		})
	}
}

func TestOnlyOwnGroupsAreRecognised(t *testing.T) {
	for dir, want := range map[string]owner{
		"/sys/fs/cgroup/splitbed/r/gw":                                   ofNative,
		"/sys/fs/cgroup/docker/" + id + "/cnn":                           ofContainer,
		"/sys/fs/cgroup/system.slice/docker-" + id + ".scope/cnn":        ofContainer,
		"/sys/fs/cgroup/splitbed":                                        ofOthers,
		"/sys/fs/cgroup/splitbed/r":                                      ofOthers,
		"/sys/fs/cgroup/splitbed/r/gw/cnn":                               ofOthers,
		"/sys/fs/cgroup/splitbed/../docker":                              ofOthers,
		"/sys/fs/cgroup/splitbed/../../x":                                ofOthers,
		"/sys/fs/cgroup/splitbed-other/r/gw":                             ofOthers,
		"/sys/fs/cgroup/docker/" + id:                                    ofOthers,
		"/sys/fs/cgroup/docker/" + id[1:] + "/cnn":                       ofOthers,
		"/sys/fs/cgroup/system.slice/docker-" + id + ".service/cnn":      ofOthers,
		"/sys/fs/cgroup/system.slice/other.service/cnn":                  ofOthers,
		"/sys/fs/cgroup":                                                 ofOthers,
		"/home/splitbed/r/gw":                                            ofOthers,
		"splitbed/r/gw":                                                  ofOthers,
		"/sys/fs/cgroup/docker/" + strings.ToUpper(id[:63]+"a") + "/cnn": ofOthers,
	} {
		if got, _ := mustParse(t, v2Only).classify(dir); got != want {
			t.Errorf("%s: %d, want %d", dir, got, want)
		}
	}
}
