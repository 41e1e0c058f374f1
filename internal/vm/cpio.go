package vm

import (
	"fmt"
	"io"
)

// archive writes a cpio archive in the "newc" format, which the kernel unpacks into its first file system
// (Documentation/driver-api/early-userspace/buffer-format.rst). Parents must be written before what is in them.
type archive struct {
	w     io.Writer
	inode int
	err   error
}

// File types of a mode (stat(2)).
const (
	typeDir  = 0o040000
	typeFile = 0o100000
)

// trailer is the name of the entry that ends an archive.
const trailer = "TRAILER!!!"

func (a *archive) dir(name string) { a.entry(name, typeDir|0o755, nil) }

func (a *archive) file(name string, mode uint32, content []byte) {
	a.entry(name, typeFile|mode, content)
}

// close ends the archive and returns the first error of all that was written.
func (a *archive) close() error {
	a.inode = -1 // the trailer's is 0
	a.entry(trailer, 0, nil)
	return a.err
}

func (a *archive) entry(name string, mode uint32, content []byte) {
	if a.err == nil && uint64(len(content)) > 1<<32-1 {
		a.err = fmt.Errorf("%s has %d bytes; a file in an archive has at most 4 GiB", name, len(content))
	}
	a.inode++
	const links, device = 1, 0
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a.inode, mode, 0, 0, links, 0, len(content),
		device, device, device, device, len(name)+1, 0)
	a.write([]byte(header + name + "\x00"))
	a.pad(len(header) + len(name) + 1)
	a.write(content)
	a.pad(len(content))
}

// pad fills what n bytes leave of their last four.
func (a *archive) pad(n int) { a.write(make([]byte, -n&3)) }

func (a *archive) write(b []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(b)
	}
}
