package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	bind "github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/internal/proc"
)

// ErrNoDocker is wrapped by errors that come from a Docker daemon that cannot be reached or used.
var ErrNoDocker = errors.New("no usable Docker daemon")

type dockerRuntime struct {
	docker  *client.Client
	journal object.Journal
	h       hierarchy
	image   ImageSpec

	mu  sync.Mutex // held while the image is made
	ref string
}

// Docker returns the runtime that makes nodes out of containers, after making their image where the daemon does not have it yet.
// It needs root and a daemon on this kernel; without one the error wraps ErrNoDocker.
func Docker(ctx context.Context, journal object.Journal, image ImageSpec) (Runtime, error) {
	h, err := readHierarchy()
	if err != nil {
		return nil, fmt.Errorf("docker runtime: %w", err)
	}
	docker, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	ref, err := ensureImage(ctx, docker, image)
	if err != nil {
		docker.Close()
		return nil, fmt.Errorf("docker runtime: %w", err)
	}
	return &dockerRuntime{docker: docker, journal: journal, h: h, image: image, ref: ref}, nil
}

// connect returns a client of the local daemon, at $DOCKER_HOST or its usual socket.
func connect(ctx context.Context) (*client.Client, error) {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	if !strings.HasPrefix(docker.DaemonHost(), "unix://") {
		docker.Close()
		return nil, fmt.Errorf("%w: DOCKER_HOST is %s, but links and quotas can only be made for containers on this host; unset it",
			ErrNoDocker, docker.DaemonHost())
	}
	if _, err := docker.Ping(ctx); err != nil {
		docker.Close()
		return nil, fmt.Errorf("%w at %s: %w; start one (systemctl start docker, or dockerd) or use the native runtime",
			ErrNoDocker, docker.DaemonHost(), err)
	}
	return docker, nil
}

func (r *dockerRuntime) Close() error { return r.docker.Close() }

func (r *dockerRuntime) Start(ctx context.Context, s Spec) (Node, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if s.Binary != r.image.Binary {
		return nil, fmt.Errorf("node %s: binary %s is not the one the image was made of, %s", s.Name, s.Binary, r.image.Binary)
	}
	n := &dockerNode{
		docker: r.docker,
		spec:   s,
		object: objectName(s.Run, s.Name),
		h:      r.h,
		exited: make(chan struct{}),
	}
	if err := record(r.journal, object.Container, n.object); err != nil {
		return nil, fmt.Errorf("node %s: %w", s.Name, err)
	}
	if err := r.create(ctx, n); err != nil {
		return nil, fmt.Errorf("node %s: create container %s: %w", s.Name, n.object, err)
	}
	if err := n.start(ctx, r.journal); err != nil {
		undo, cancel := cleanup(ctx)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("node %s: %w", s.Name, err), n.Stop(undo))
	}
	return n, nil
}

// create creates the container. Another harness may have removed the image since it was looked up, if it was about to use
// other content and found this one unused; then it is made again.
func (r *dockerRuntime) create(ctx context.Context, n *dockerNode) error {
	config, host := n.spec.container()
	for attempt := 0; ; attempt++ {
		r.mu.Lock()
		config.Image = r.ref
		r.mu.Unlock()
		// An interruption must not leave it open whether the daemon has made the container.
		making, cancel := cleanup(ctx)
		created, err := r.docker.ContainerCreate(making, config, host, nil, nil, n.object)
		cancel()
		if err == nil {
			n.id = created.ID
			return nil
		}
		if !cerrdefs.IsNotFound(err) || attempt == 3 {
			return err
		}
		r.mu.Lock()
		r.ref, err = ensureImage(ctx, r.docker, r.image)
		r.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// container translates a spec for the engine's API.
func (s Spec) container() (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Entrypoint:   append([]string{imageBinary}, s.Args...),
		Env:          s.Env,
		WorkingDir:   s.Dir,
		Labels:       map[string]string{labelRun: s.Run, labelNode: s.Name},
		AttachStdout: true,
		AttachStderr: true,
	}
	host := &container.HostConfig{
		NetworkMode:    "none",
		CapAdd:         []string{"SYS_NICE"}, // SCHED_FIFO and negative nice values for the timing thread
		ReadonlyRootfs: true,
		LogConfig:      container.LogConfig{Type: "none"}, // the harness reads the output itself
	}
	for _, dir := range s.mounts() {
		host.Mounts = append(host.Mounts, bind.Mount{Type: bind.TypeBind, Source: dir, Target: dir})
	}
	return config, host
}

// mounts are the directories to mount: Dir and Mounts, without those that lie within another.
func (s Spec) mounts() []string {
	var dirs []string
	all := append([]string{s.Dir}, s.Mounts...)
	for i, dir := range all {
		covered := false
		for j, other := range all {
			rel, err := filepath.Rel(other, dir)
			within := err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
			covered = covered || within && (rel != "." || j < i)
		}
		if !covered {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

type dockerNode struct {
	docker *client.Client
	spec   Spec
	object string // the container's name
	id     string
	pid    int
	h      hierarchy
	place  place
	group  group

	watched bool // whether a goroutine will close exited
	unwatch context.CancelFunc
	exited  chan struct{}

	mu      sync.Mutex
	stopped bool
	err     error
}

// start starts the created container and makes the quota group below the container's own.
func (n *dockerNode) start(ctx context.Context, journal object.Journal) error {
	if err := n.watch(ctx); err != nil {
		return err
	}
	if err := n.docker.ContainerStart(ctx, n.id, container.StartOptions{}); err != nil {
		return fmt.Errorf("start container: %w", err)
	}
	info, err := n.docker.ContainerInspect(ctx, n.id)
	if err != nil {
		return err
	}
	n.pid = info.State.Pid
	if err := n.confineContainer(journal); err != nil {
		if hasEnded(n.pid) {
			return n.reasonForExit(ctx)
		}
		return err
	}
	return nil
}

// watch follows the container's output and its end. It begins before the container runs, so nothing is missed.
func (n *dockerNode) watch(ctx context.Context) error {
	log, err := openLog(n.spec.Log)
	if err != nil {
		return err
	}
	var logged int64
	if info, err := log.Stat(); err == nil {
		logged = info.Size()
	}
	output, err := n.docker.ContainerAttach(ctx, n.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		log.Close()
		return fmt.Errorf("attach to container: %w", err)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended, failed := n.docker.ContainerWait(life, n.id, container.WaitConditionNextExit)
	n.unwatch = func() {
		cancel()
		output.Close()
	}
	n.watched = true
	go func() {
		defer close(n.exited)
		defer log.Close()
		defer n.unwatch()
		copied := copyOutput(log, output)
		var status string
		code := -1
		select {
		case end := <-ended:
			code = int(end.StatusCode)
			status = "exit status " + strconv.Itoa(code)
			<-copied
		case err := <-failed:
			status = "lost sight of it: " + err.Error()
			output.Close()
			<-copied
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.stopped {
			n.err = &ExitError{Node: n.spec.Name, Status: status, Code: code, Log: logTail(n.spec.Log, logged)}
		}
	}()
	return nil
}

// copyOutput appends the container's output to the log; the channel is closed at its end.
func copyOutput(log io.Writer, output types.HijackedResponse) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = stdcopy.StdCopy(log, log, output.Reader) // a full disk loses log lines, not the node
	}()
	return done
}

// confineContainer finds the container's group and makes the quota group below it.
func (n *dockerNode) confineContainer(journal object.Journal) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", n.pid))
	if err != nil {
		return err
	}
	place, err := n.h.containerPlace(string(b), n.id)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	if err := record(journal, object.Cgroup, n.h.dirs(place.own)...); err != nil {
		return err
	}
	n.place = place
	if n.group, err = n.h.makeGroup(place); err != nil {
		return err
	}
	return n.allowRealTime()
}

// allowRealTime moves the process to the cpu group of the harness where the container's own may not run real-time threads: on
// v1 with RT_GROUP_SCHED a new group has a real-time budget of 0. A budget would have to be cut out of one for all
// of Docker's containers, which is not ours to change, and a thread that exceeds its budget waits for up to a second. The process
// stays in the container's other groups, and the compute threads go below the container's cpu group all the same.
func (n *dockerNode) allowRealTime() error {
	if n.h.version != 1 {
		return nil
	}
	cnn := n.h.dirs(n.place.own)[0]
	budget, err := os.ReadFile(path.Join(path.Dir(cnn), "cpu.rt_runtime_us"))
	if errors.Is(err, os.ErrNotExist) || err == nil && strings.TrimSpace(string(budget)) != "0" {
		return nil
	}
	if err != nil {
		return err
	}
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	groups, err := n.h.groupsOf(string(self))
	if err != nil {
		return err
	}
	procs := path.Join(n.h.dirs(groups)[0], "cgroup.procs")
	if err := os.WriteFile(procs, []byte(strconv.Itoa(n.pid)), 0); err != nil {
		return fmt.Errorf("move process %d to the harness's cpu group: %w", n.pid, err)
	}
	return nil
}

// reasonForExit waits until the daemon has noticed the end of a process that cannot be found any more.
func (n *dockerNode) reasonForExit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-n.exited:
		return n.Err()
	case <-ctx.Done():
		return fmt.Errorf("%w: it says that container %s runs as process %d, but there is no such process: the daemon does not run "+
			"on this kernel (Docker Desktop, a virtual machine); use the native runtime", ErrNoDocker, n.object, n.pid)
	}
}

// hasEnded says whether a process is gone or waits to be reaped.
func hasEnded(pid int) bool {
	state, err := proc.State(pid)
	return err != nil || state == 'Z' || state == 'X'
}

func (n *dockerNode) Name() string            { return n.spec.Name }
func (n *dockerNode) PID() int                { return n.pid }
func (n *dockerNode) NetNS() string           { return fmt.Sprintf("/proc/%d/ns/net", n.pid) }
func (n *dockerNode) Exited() <-chan struct{} { return n.exited }

func (n *dockerNode) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

func (n *dockerNode) Confine(tids []int) error { return confine(n.spec.Name, n.pid, n.group, tids) }
func (n *dockerNode) SetCPU(c CPU) error       { return setCPU(n.spec.Name, n.group, c) }
func (n *dockerNode) Usage() (Usage, error)    { return usage(n.spec.Name, n.group) }

func (n *dockerNode) Kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	err := n.docker.ContainerKill(ctx, n.id, "SIGKILL")
	if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) { // gone, or not running any more
		return fmt.Errorf("kill node %s: %w", n.spec.Name, err)
	}
	return nil
}

// killTime bounds the wait for the daemon to kill a container.
const killTime = 10 * time.Second

func (n *dockerNode) Stop(ctx context.Context) error {
	n.mu.Lock()
	n.stopped, n.err = true, nil
	n.mu.Unlock()
	var errs []error
	for _, dir := range n.h.dirs(n.place.own) {
		if n.group == nil {
			break
		}
		errs = append(errs, n.h.removeGroup(ctx, dir))
	}
	errs = append(errs, removeContainer(ctx, n.docker, n.id))
	if n.watched {
		n.unwatch()
		<-n.exited
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop node %s: %w", n.spec.Name, err)
	}
	return nil
}

// removeContainer kills and removes a container. A removal that the daemon has already begun for someone else is waited for.
func removeContainer(ctx context.Context, docker *client.Client, id string) error {
	err := docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
	if cerrdefs.IsConflict(err) {
		gone, failed := docker.ContainerWait(ctx, id, container.WaitConditionRemoved)
		select {
		case <-gone:
			return nil
		case err = <-failed:
		}
	}
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}
