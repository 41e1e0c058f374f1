package node

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/containerd/cgroups/v3"
)

// top is the directory all groups of native nodes lie under, leaf the group of the compute threads below a
// group that belongs to the node's process.
const (
	top  = "splitbed"
	leaf = "cnn"
)

// mount is one mounted cgroup hierarchy.
type mount struct {
	controller string // "cpu", "cpuacct"; "" for v2
	point      string // where it is mounted
	root       string // the group that is mounted there, "/" unless only a part of the hierarchy is visible
}

// hierarchy is where this host keeps its CPU quotas.
type hierarchy struct {
	version     int      // of the cpu controller: 1 or 2
	mounts      []mount  // v1: cpu and cpuacct; v2: the one there is
	controllers []string // v2: what has to be enabled on the way down to a quota group
}

// readHierarchy looks at this process's mounts.
func readHierarchy() (hierarchy, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchy{}, err
	}
	return parseHierarchy(string(b))
}

// parseHierarchy decides from the text of /proc/<pid>/mountinfo (proc_pid_mountinfo(5)) which version controls the CPU. On a hybrid
// host both are mounted and a controller belongs to exactly one: where v1 has cpu, v2 does not.
func parseHierarchy(mountinfo string) (hierarchy, error) {
	var unified []mount
	v1 := map[string]mount{}
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		at, what := strings.Fields(left), strings.Fields(right)
		if !ok || len(at) < 5 || len(what) < 3 {
			continue
		}
		m := mount{root: at[3], point: at[4]}
		switch what[0] {
		case "cgroup2":
			unified = append(unified, m)
		case "cgroup":
			for _, c := range strings.Split(what[2], ",") {
				if c == "cpu" || c == "cpuacct" {
					m.controller = c
					// cpu,cpuacct has a link for each of its names beside it, and the library goes by these.
					m.point = path.Join(path.Dir(at[4]), c)
					v1[c] = m
				}
			}
		}
	}
	cpu, hasCPU := v1["cpu"]
	acct, hasAcct := v1["cpuacct"]
	switch {
	case hasCPU && hasAcct:
		return hierarchy{version: 1, mounts: []mount{cpu, acct}}, nil
	case hasCPU:
		return hierarchy{}, errors.New("cgroup v1 has the cpu controller mounted but not cpuacct, which counts CPU time; mount it: " +
			"mkdir /sys/fs/cgroup/cpuacct && mount -t cgroup -o cpuacct cgroup /sys/fs/cgroup/cpuacct")
	case len(unified) > 0:
		return hierarchy{version: 2, mounts: unified[:1], controllers: []string{"cpu"}}, nil
	default:
		return hierarchy{}, errors.New("no cgroup hierarchy with a cpu controller is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup")
	}
}

// place says where the groups of one node are: by controller ("" on v2) the group as a path below the mount point.
type place struct {
	own   map[string]string // what is made for the node and removed with it
	quota map[string]string // the group the compute threads go to: own itself or a child of it
}

// nativePlace is where a native node's groups go.
func (h hierarchy) nativePlace(run, name string) place {
	p := place{own: map[string]string{}, quota: map[string]string{}}
	for _, m := range h.mounts {
		p.own[m.controller] = path.Join("/", top, run, name)
		p.quota[m.controller] = p.own[m.controller]
		if h.version == 2 {
			p.quota[m.controller] = path.Join(p.own[m.controller], leaf)
		}
	}
	return p
}

// containerPlace is where the quota group of a container goes: below the container's own group, which is found in the text of
// /proc/<pid>/cgroup of its process.
func (h hierarchy) containerPlace(cgroupFile, id string) (place, error) {
	paths, err := h.groupsOf(cgroupFile)
	if err != nil {
		return place{}, err
	}
	p := place{own: map[string]string{}}
	for controller, group := range paths {
		if !strings.Contains(group, id) {
			return place{}, fmt.Errorf("the process is in group %q, which is not that of container %.12s: "+
				"the Docker daemon does not run on this kernel (Docker Desktop, a virtual machine); use the native runtime", group, id)
		}
		p.own[controller] = path.Join(group, leaf)
	}
	p.quota = p.own
	return p, nil
}

// groupsOf reads /proc/<pid>/cgroup: by controller the group, as a path below the mount point.
func (h hierarchy) groupsOf(cgroupFile string) (map[string]string, error) {
	v1, unified, err := cgroups.ParseCgroupFromReaderUnified(strings.NewReader(cgroupFile))
	if err != nil {
		return nil, err
	}
	v1[""] = unified
	groups := map[string]string{}
	for _, m := range h.mounts {
		group := v1[m.controller]
		rest, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
		if group == "" || !ok || rest != "" && rest[0] != '/' {
			return nil, fmt.Errorf("group %q cannot be seen under %s, where %q is mounted", group, m.point, m.root)
		}
		groups[m.controller] = path.Join("/", rest)
	}
	return groups, nil
}

// dirs returns the directories of the groups, in the order of the mounts.
func (h hierarchy) dirs(groups map[string]string) []string {
	var dirs []string
	for _, m := range h.mounts {
		dirs = append(dirs, path.Join(m.point, groups[m.controller]))
	}
	return dirs
}

// owner tells which kind of group a directory below a mount point is.
type owner int

const (
	ofOthers    owner = iota // not made by this package
	ofNative                 // splitbed/<run>/<node>
	ofContainer              // …<container id>…/cnn
)

// classify says whose group dir is and which mount point it lies under. Only what is recognised is ever removed.
func (h hierarchy) classify(dir string) (owner, string) {
	for _, m := range h.mounts {
		rest, ok := strings.CutPrefix(dir, m.point+"/")
		if !ok || path.Clean(dir) != dir {
			continue
		}
		parts := strings.Split(rest, "/")
		switch n := len(parts); {
		case n == 3 && parts[0] == top && checkName(parts[1]) == nil && checkName(parts[2]) == nil:
			return ofNative, m.point
		case n >= 2 && parts[n-1] == leaf && isContainerGroup(parts[n-2]):
			return ofContainer, m.point
		}
	}
	return ofOthers, ""
}

// isContainerGroup recognises the two names Docker gives a container's group: the container's id (cgroupfs driver) and
// docker-<id>.scope (systemd driver).
func isContainerGroup(base string) bool {
	if scope, ok := strings.CutPrefix(base, "docker-"); ok {
		if base, ok = strings.CutSuffix(scope, ".scope"); !ok {
			return false
		}
	}
	return len(base) == 64 && strings.Trim(base, "0123456789abcdef") == ""
}

// isNative says whether p is the place of a native node, whose parent directories this package makes as well.
func (h hierarchy) isNative(p place) bool {
	kind, _ := h.classify(h.dirs(p.own)[0])
	return kind == ofNative
}
