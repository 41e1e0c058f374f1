// Package netns makes, finds and removes named network namespaces, where ip(8) keeps them, so that one can be
// looked into with `ip netns exec` and outlives the process that made it until it is removed.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// directory is where named namespaces are kept, by this program and by ip(8).
const directory = "/run/netns"

// Path is the file of a named namespace.
func Path(name string) string { return filepath.Join(directory, name) }

// Do makes a named namespace and calls f in it, on a thread that is in it meanwhile: processes that f starts are
// born in the namespace. A namespace of that name that exists already is left alone and is an error; so is one
// that f fails in, and that one is removed again.
func Do(name string, f func() error) error {
	done := make(chan error)
	go func() {
		// A thread that cannot be brought back is not given back either: it ends with this goroutine. It must be brought
		// back where that is possible, because the process's first thread never ends and would stay behind.
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- fmt.Errorf("make network namespace %s: %w", name, err)
			return
		}
		err = create(name, f)
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		done <- errors.Join(err, home.Close())
	}()
	return <-done
}

// create makes a named namespace, moves the calling thread into it and calls f.
func create(name string, f func() error) error {
	if err := share(directory); err != nil {
		return fmt.Errorf("make network namespace %s: %w", name, err)
	}
	handle, err := netns.NewNamed(name)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("network namespace %s exists already and is not this run's", name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make network namespace %s: %w", name, err), Remove(name))
	}
	if err := errors.Join(handle.Close(), f()); err != nil {
		return errors.Join(err, Remove(name))
	}
	return nil
}

// share makes a directory a mount of its own, if it is none, and shares what is mounted in it with all mount namespaces, as
// ip-netns(8) does before it makes a namespace. If ip had to, it would put the mount over the namespaces that are there
// already, and those could not be removed any more: it does so when somebody's first `ip netns add` falls into a run.
func share(directory string) (err error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	dir, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	// ip takes the same lock: two at once would put two mounts there.
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", directory, err)
	}
	err = unix.Mount("", directory, "none", unix.MS_SHARED|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // not a mount
		if err = unix.Mount(directory, directory, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = unix.Mount("", directory, "none", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		return fmt.Errorf("share the mounts in %s: %w", directory, err)
	}
	return nil
}

// Make makes a named namespace.
func Make(name string) error { return Do(name, func() error { return nil }) }

// Remove removes a named namespace; one that is not there is no error. The kernel takes its devices down, and
// the other ends of their pairs, as soon as no process and no open file holds it any more.
func Remove(name string) error {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("remove network namespace %q: not a name", name)
	}
	err := netns.DeleteNamed(name)
	if errors.Is(err, unix.EINVAL) { // a file on which no namespace was mounted yet, or no longer
		err = os.Remove(Path(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace %s: %w", name, err)
	}
	return nil
}

// Exists tells whether a named namespace, or the file of one, is there.
func Exists(name string) (bool, error) {
	_, err := os.Lstat(Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
