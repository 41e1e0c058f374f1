package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/object"
	"golang.org/x/sys/unix"
)

type nativeRuntime struct {
	journal object.Journal
	h       hierarchy
}

// Native returns the runtime that makes nodes out of namespaces and cgroups directly. It needs root.
func Native(journal object.Journal) (Runtime, error) {
	h, err := readHierarchy()
	if err != nil {
		return nil, fmt.Errorf("native runtime: %w", err)
	}
	return &nativeRuntime{journal: journal, h: h}, nil
}

func (r *nativeRuntime) Close() error { return nil }

func (r *nativeRuntime) Start(ctx context.Context, s Spec) (Node, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := &nativeNode{
		spec:   s,
		object: objectName(s.Run, s.Name),
		h:      r.h,
		place:  r.h.nativePlace(s.Run, s.Name),
		exited: make(chan struct{}),
	}
	if err := n.free(); err != nil {
		return nil, fmt.Errorf("node %s: %w", s.Name, err)
	}
	err := errors.Join(
		record(r.journal, object.NetNS, n.object),
		record(r.journal, object.Cgroup, n.h.dirs(n.place.own)...),
		record(r.journal, object.Process, n.object),
	)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", s.Name, err)
	}
	if err := n.start(); err != nil {
		undo, cancel := cleanup(ctx)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("node %s: %w", s.Name, err), n.Stop(undo))
	}
	return n, nil
}

type nativeNode struct {
	spec   Spec
	object string // what its namespace and process are called
	h      hierarchy
	place  place
	group  group
	cmd    *exec.Cmd
	logged int64 // length of the log before the process started

	exited chan struct{}

	mu      sync.Mutex // held while a signal is sent, and while the process is reaped
	stopped bool
	reaped  bool
	err     error
}

// free makes sure that the node's names are not in use, because what is made under them will be removed.
func (n *nativeNode) free() error {
	for _, path := range append(n.h.dirs(n.place.own), netns.Path(n.object)) {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists: a node of this name is running, or was left behind and can be removed with splitbed clean", path)
		}
	}
	return nil
}

// start makes the group, then the namespace, then the process in both.
func (n *nativeNode) start() error {
	var err error
	if n.group, err = n.h.makeGroup(n.place); err != nil {
		return err
	}
	log, err := openLog(n.spec.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	if end, err := log.Stat(); err == nil {
		n.logged = end.Size()
	}
	n.cmd = exec.Command(n.spec.Binary, n.spec.Args...)
	n.cmd.Dir = n.spec.Dir
	n.cmd.Env = append(append(os.Environ(), n.spec.Env...), mark(n.object))
	n.cmd.Stdout, n.cmd.Stderr = log, log
	// A session of its own: Ctrl-C on the terminal reaches the harness alone, which stops its nodes in order.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if n.h.version == 2 {
		dir, err := os.Open(n.h.dirs(n.place.own)[0])
		if err != nil {
			return err
		}
		defer dir.Close()
		n.cmd.SysProcAttr.UseCgroupFD = true
		n.cmd.SysProcAttr.CgroupFD = int(dir.Fd())
	}
	// The process is forked from a thread in the namespace, and so is born there.
	if err := netns.Do(n.object, n.cmd.Start); err != nil {
		return err
	}
	go n.wait()
	return nil
}

// wait reaps the process when it ends. Before that it kills what the process leaves behind in its process group, whose id
// stays taken as long as its leader is not reaped.
func (n *nativeNode) wait() {
	defer close(n.exited)
	for unix.Waitid(unix.P_PID, n.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = unix.Kill(-n.PID(), unix.SIGKILL) // no such process: it left nothing behind
	err := n.cmd.Wait()
	n.reaped = true
	if n.stopped {
		return
	}
	state := n.cmd.ProcessState
	if state == nil {
		n.err = fmt.Errorf("node %s: wait for process %d: %w", n.spec.Name, n.PID(), err)
		return
	}
	code := state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	n.err = &ExitError{Node: n.spec.Name, Status: state.String(), Code: code, Log: logTail(n.spec.Log, n.logged)}
}

func (n *nativeNode) Name() string            { return n.spec.Name }
func (n *nativeNode) PID() int                { return n.cmd.Process.Pid }
func (n *nativeNode) NetNS() string           { return netns.Path(n.object) }
func (n *nativeNode) Exited() <-chan struct{} { return n.exited }

func (n *nativeNode) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

func (n *nativeNode) Confine(tids []int) error { return confine(n.spec.Name, n.PID(), n.group, tids) }
func (n *nativeNode) SetCPU(c CPU) error       { return setCPU(n.spec.Name, n.group, c) }
func (n *nativeNode) Usage() (Usage, error)    { return usage(n.spec.Name, n.group) }

func (n *nativeNode) Kill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reaped {
		return nil
	}
	if err := unix.Kill(-n.PID(), unix.SIGKILL); err != nil && err != unix.ESRCH {
		return fmt.Errorf("kill node %s: %w", n.spec.Name, err)
	}
	return nil
}

func (n *nativeNode) Stop(ctx context.Context) error {
	if err := n.kill(ctx); err != nil {
		return fmt.Errorf("stop node %s: %w", n.spec.Name, err)
	}
	var errs []error
	for _, dir := range n.h.dirs(n.place.own) {
		errs = append(errs, n.h.removeGroup(ctx, dir))
	}
	errs = append(errs, netns.Remove(n.object))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop node %s: %w", n.spec.Name, err)
	}
	return nil
}

// kill ends the process, if there is one, and waits until it has been reaped.
func (n *nativeNode) kill(ctx context.Context) error {
	if n.cmd == nil || n.cmd.Process == nil {
		return nil
	}
	n.mu.Lock()
	if !n.reaped {
		n.stopped = true
		_ = unix.Kill(-n.PID(), unix.SIGKILL) // its only error is that the process has ended already
	}
	n.err = nil
	n.mu.Unlock()
	select {
	case <-n.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("process %d does not end: %w", n.PID(), ctx.Err())
	}
}
