package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/splitbed/splitbed/emulator/object"
)

// Runtime starts nodes. Start may be called concurrently.
type Runtime interface {
	// Start makes a node and returns as soon as its process runs. On error nothing of it is left.
	Start(ctx context.Context, s Spec) (Node, error)
	// Close releases the runtime itself, not the nodes it has started.
	Close() error
}

// Node is one running node. Its methods may be called concurrently.
type Node interface {
	Name() string
	// PID is the node's process as the host sees it.
	PID() int
	// NetNS is the path of the node's network namespace. It is valid until Stop; in a container only while the process lives.
	NetNS() string
	// Confine puts threads under the node's quota. Thread ids are as the node itself sees them (gettid).
	// The other threads, and threads a confined one has made before, are not touched.
	Confine(tids []int) error
	// SetCPU sets the quota of the confined threads together. It may be called at any time.
	SetCPU(CPU) error
	// Usage reads what the confined threads have used since the node was started.
	Usage() (Usage, error)
	// Exited is closed when the process has ended, by itself or through Stop.
	Exited() <-chan struct{}
	// Err is an *ExitError once the process has ended by itself, with status 0 too, and nil before that and after Stop.
	Err() error
	// Kill ends the process at once and leaves everything else as it is, as a power cut would. Exited is closed when it has ended.
	Kill() error
	// Stop kills the process and removes everything that was made for the node. A node that should end in good order is
	// told so over its control connection beforehand. Stop may be called again, and continues where it failed.
	Stop(ctx context.Context) error
}

// Spec says what to run as a node.
type Spec struct {
	Run, Name string   // of the run and of the node: letters, digits, '.', '_' and '-'
	Binary    string   // host path; the docker runtime runs the binary its image was made of, which must be the same
	Args      []string // without the program's name
	Env       []string // KEY=VALUE, on top of the harness's environment (native) or the image's (docker)
	Dir       string   // working directory, absolute
	Mounts    []string // host directories a container sees at the same absolute path, besides Dir
	Log       string   // file that standard output and error are appended to
}

// Usage is what the confined threads of a node have used, in wall time.
type Usage struct {
	CPU           time.Duration // CPU time of all threads together
	Periods       uint64        // quota periods in which a confined thread wanted to run
	Throttled     uint64        // of these, periods in which the quota ran out
	ThrottledTime time.Duration // how long runnable threads were kept waiting, summed over CPUs
}

// ExitError says how a node's process ended although nobody had stopped it.
type ExitError struct {
	Node   string
	Status string // "exit status 1", "signal: killed"
	Code   int    // exit status, 128 + n after signal n
	Log    string // the last lines the process wrote, "" if none
}

func (e *ExitError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("node %s ended by itself (%s) and wrote nothing to its log", e.Node, e.Status)
	}
	return fmt.Sprintf("node %s ended by itself (%s); the last lines of its log:\n%s", e.Node, e.Status, e.Log)
}

// objectName is what the namespace, the process and the container of a node are called.
func objectName(run, name string) string { return "sb-" + run + "-" + name }

func (s Spec) validate() error {
	for what, name := range map[string]string{"run": s.Run, "node": s.Name} {
		if err := checkName(name); err != nil {
			return fmt.Errorf("%s name %q: %w", what, name, err)
		}
	}
	for what, path := range map[string]string{"binary": s.Binary, "working directory": s.Dir, "log": s.Log} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("node %s: %s %q must be an absolute path", s.Name, what, path)
		}
	}
	return nil
}

// checkName refuses what could leave the directory a name is made part of, or that Docker does not take.
func checkName(name string) error {
	if name == "" {
		return errors.New("must not be empty")
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return errors.New("must begin with a letter or a digit")
	}
	for _, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (r < '0' || r > '9') && !strings.ContainsRune("._-", r) {
			return fmt.Errorf("must not contain %q: only letters, digits, '.', '_' and '-' are allowed", r)
		}
	}
	return nil
}

// record journals objects of one kind.
func record(j object.Journal, kind string, names ...string) error {
	for _, name := range names {
		if err := j.Add(object.Object{Kind: kind, Name: name}); err != nil {
			return fmt.Errorf("journal %s %s: %w", kind, name, err)
		}
	}
	return nil
}

// cleanup is the context for undoing something whose own context may have ended.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}
