package netns

import (
	"fmt"
	"os"
	"testing"

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
