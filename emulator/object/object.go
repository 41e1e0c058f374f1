// Package object names the kernel objects a run owns.
//
// It is a leaf: the runtimes that make nodes and the builder that makes links both
// write what they are about to make into a Journal, and whoever tears down or cleans
// up reads the same names back.
package object

// Kinds of objects a run makes.
const (
	NetNS     = "netns"     // a named network namespace below /run/netns
	Cgroup    = "cgroup"    // a cgroup directory, absolute path
	Process   = "process"   // the mark in the environment of every process of a node, "sb-<run>-<node>"
	Container = "container" // a docker container, by name
)

// Object is one kernel object owned by one run.
type Object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Journal records an object before it is made, so that whatever happens afterwards its
// removal can be completed. Add returns only when the record would survive a SIGKILL.
// It must be safe for concurrent use.
type Journal interface {
	Add(Object) error
}

// Mark is the variable that stands in the environment of every process journalled under a name.
func Mark(name string) string { return "SPLITBED_PROCESS=" + name }
