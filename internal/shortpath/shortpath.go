// Package shortpath reaches unix sockets whose paths are longer than the 108 bytes of an address.
package shortpath

import (
	"fmt"
	"os"
	"path/filepath"
)

// Through calls use with a short path that means the same file as path as long as use runs: one through its directory's descriptor.
func Through(path string, use func(short string) error) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}
