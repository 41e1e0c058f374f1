package testbed

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/containernetworking/plugins/pkg/ns"
)

// Exec runs a command in the network namespace of a node of a running testbed, whatever its runtime, and waits for it. Only the
// network is the node's. An unknown node is an *InputError.
func Exec(s Standing, node string, command *exec.Cmd) error {
	var names []string
	for _, n := range s.Nodes {
		if n.Name == node {
			return execIn(n.NetNS, command)
		}
		names = append(names, n.Name)
	}
	return inputError(fmt.Errorf("run %s has no node %q; allowed: %s", s.Run, node, strings.Join(names, ", ")))
}

// execIn starts the command from a thread in the namespace: the child is born where its parent's thread is.
func execIn(path string, command *exec.Cmd) error {
	space, err := ns.GetNS(path)
	if err != nil {
		return fmt.Errorf("network namespace of the node: %w", err)
	}
	defer space.Close()
	if err := space.Do(func(ns.NetNS) error { return command.Start() }); err != nil {
		return err
	}
	return command.Wait()
}
