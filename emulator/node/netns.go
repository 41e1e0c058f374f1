package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// netnsPath is where ip(8) and the netns package keep named network namespaces.
func netnsPath(name string) string { return "/run/netns/" + name }

// enterNewNetNS makes a named network namespace and moves the calling thread into it. The calling goroutine must be locked to
// its thread and must end without unlocking it, so that the thread ends with it.
func enterNewNetNS(name string) error {
	ns, err := netns.NewNamed(name)
	if err != nil {
		return fmt.Errorf("make network namespace %s: %w", name, err)
	}
	return ns.Close()
}

// deleteNetNS removes a named network namespace; one that does not exist, or has only got its file, is no error.
func deleteNetNS(name string) error {
	err := netns.DeleteNamed(name)
	if errors.Is(err, unix.EINVAL) { // a file that nothing is mounted on
		err = os.Remove(netnsPath(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace %s: %w", name, err)
	}
	return nil
}
