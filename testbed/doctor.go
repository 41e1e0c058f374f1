package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/splitbed/splitbed/emulator/features"
	"github.com/splitbed/splitbed/emulator/node"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/video"
)

// Diagnosis is what Doctor found. OK is false when something every run needs is not there.
type Diagnosis struct {
	OK     bool         `json:"ok"`
	Checks []Capability `json:"checks"`
}

// Capability is one thing a host can or cannot do.
type Capability struct {
	Name string `json:"name"`
	// Status is "ok", "missing" (not there) or "broken" (there, but it does not work).
	Status  string `json:"status"`
	Message string `json:"message"`
	// Fix says how to get it; empty when it is there.
	Fix string `json:"fix,omitempty"`
}

// examination is how doctor finds out about one capability, by trying it.
type examination struct {
	name     string
	required bool   // every run needs it
	present  string // what it means that it is there
	fix      string
	try      func(ctx context.Context) error
}

// Doctor tries everything a run may need of this host.
func Doctor(ctx context.Context) Diagnosis {
	diagnosis := Diagnosis{OK: true}
	for _, e := range examinations() {
		c := Capability{Name: e.name, Status: "ok", Message: e.present}
		if err := e.try(ctx); err != nil {
			c.Status, c.Message, c.Fix = "broken", err.Error(), e.fix
			if errors.Is(err, features.ErrNotSupported) || errors.Is(err, os.ErrNotExist) || errors.Is(err, node.ErrNoDocker) || errors.Is(err, video.ErrNoFFmpeg) {
				c.Status = "missing"
			}
			if e.required {
				diagnosis.OK = false
			}
		}
		diagnosis.Checks = append(diagnosis.Checks, c)
	}
	return diagnosis
}

// repairs are the commands that may bring a capability about, by its name. Only what changes nothing for anybody else on the
// host is among them: no packages, no kernels.
func repairs() map[string][][]string {
	return map[string][][]string{
		"namespaces": {{"modprobe", "veth"}},
		"htb":        {{"modprobe", "sch_htb"}},
		"cpu-quota":  {{"mkdir", "-p", "/sys/fs/cgroup"}, {"mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"}},
		"u32":        {{"modprobe", "cls_u32"}},
		"netem":      {{"modprobe", "sch_netem"}},
		"tun":        {{"modprobe", "tun"}},
		"docker":     {{"service", "docker", "start"}},
	}
}

// Repair tries to bring about what this host lacks, by the commands splitbed knows for it, and says through tell which it runs
// and what they answer. It needs root for most of them. What it has achieved Doctor says.
func Repair(ctx context.Context, tell func(string)) {
	repair(ctx, examinations(), repairs(), tell)
}

func repair(ctx context.Context, all []examination, known map[string][][]string, tell func(string)) {
	for _, e := range all {
		if ctx.Err() != nil || e.try(ctx) == nil {
			continue
		}
		if len(known[e.name]) == 0 {
			tell(fmt.Sprintf("%s: nothing that could be done by itself; %s", e.name, e.fix))
			continue
		}
		for _, command := range known[e.name] {
			tell(e.name + ": " + strings.Join(command, " "))
			out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
			if err != nil {
				tell(fmt.Sprintf("%s: %v %s", e.name, err, strings.TrimSpace(string(out))))
				break
			}
		}
	}
}

func examinations() []examination {
	store, storeErr := model.DefaultStore()
	kernel := func(probe func() error) func(context.Context) error {
		return func(context.Context) error { return probe() }
	}
	return []examination{
		{"root", true, "runs as root", "run splitbed as root (sudo): it makes namespaces, qdiscs and cgroups", kernel(needRoot)},
		{"namespaces", true, "network namespaces and veth pairs can be made", "use a kernel with CONFIG_NET_NS and CONFIG_VETH", kernel(features.Veth)},
		{"htb", true, "links can be shaped", "modprobe sch_htb, or a kernel with CONFIG_NET_SCH_HTB", kernel(features.HTB)},
		{"cpu-quota", true, "CPU quotas can be set", "mount a cgroup v2 (or v1 cpu) hierarchy with CONFIG_CFS_BANDWIDTH", kernel(features.CPUQuota)},
		{"engine", true, "ONNX Runtime loads", "make setup, or point ONNXRUNTIME_LIB at libonnxruntime.so", kernel(engine.Init)},
		{"cache", true, "networks can be kept in " + store.Dir, "make that directory writable or name another in SPLITBED_CACHE",
			func(context.Context) error { return errors.Join(storeErr, writable(store.Dir)) }},
		{"u32", false, "tasks can have parts of a link reserved", "modprobe cls_u32, or a kernel with CONFIG_NET_CLS_U32; sharing: shared works without", kernel(features.U32)},
		{"netem", false, "the kernel can delay and lose packets", "modprobe sch_netem (Debian: part of linux-image-amd64, not of every cloud kernel); without it a process of splitbed's does it, less exactly",
			kernel(features.Netem)},
		{"tun", false, "packets can be delayed and lost in user space", "modprobe tun; only kernels without netem need it", kernel(features.Tun)},
		{"rto-min", false, "TCP's minimum timeout can be scaled with the dilation", "a kernel with net.ipv4.tcp_rto_min_us (6.11 or later)", kernel(features.RTOMin)},
		{"docker", false, "the docker runtime can be used", "install docker.io and start it (make setup does); the native runtime works without",
			func(ctx context.Context) error { return node.CheckDocker(ctx) }},
		{"ffmpeg", false, "videos can be replayed", "install ffmpeg; only workloads with a video need it", kernel(video.Check)},
	}
}

func needRoot() error {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf("user %d is not root", uid)
	}
	return nil
}

// writable tells whether files can be made in a directory, which is made if need be.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
