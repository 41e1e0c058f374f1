package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/testutil"
)

// TestNoThreadStaysBehind makes so many namespaces at once that every thread of the process, the first one
// included, has its turn.
func TestNoThreadStaysBehind(t *testing.T) {
	testutil.NeedsRoot(t)
	home, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	const many = 64
	made := make(chan error, many)
	name := func(i int) string { return fmt.Sprintf("sb-netns-test-%d-%d", os.Getpid(), i) }
	for i := range many {
		t.Cleanup(func() {
			if err := Remove(name(i)); err != nil {
				t.Error(err)
			}
		})
		go func() { made <- Make(name(i)) }()
	}
	for range many {
		if err := <-made; err != nil {
			t.Error(err)
		}
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		// A thread that has ended meanwhile has no namespace.
		if ns, err := os.Readlink("/proc/self/task/" + thread.Name() + "/ns/net"); err == nil && ns != home {
			t.Errorf("thread %s is in %s, the process belongs in %s", thread.Name(), ns, home)
		}
	}
}

// TestANamespaceCanBeRemovedAfterIPHasMadeOne goes through what happens on a host where nobody has made a namespace before, in a
// mount namespace of its own with an empty directory in the place of the host's.
func TestANamespaceCanBeRemovedAfterIPHasMadeOne(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsCommand(t, "ip")
	const inside = "SPLITBED_TEST_EMPTY_RUN"
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""), unix.Mount("none", "/run", "tmpfs", 0, "")); err != nil {
		t.Fatal(err)
	}
	names := []string{"sb-netns-test-ours", "sb-netns-test-ips"}
	if err := Make(names[0]); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ip", "netns", "add", names[1]).CombinedOutput(); err != nil {
		t.Fatalf("ip netns add: %v: %s", err, out)
	}
	for _, name := range names {
		if err := Remove(name); err != nil {
			t.Error(err)
		}
	}
	if left, err := filepath.Glob(Path("*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
