package testbed

import (
	"context"
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/emulator/features"
	"github.com/splitbed/splitbed/emulator/node"
)

// The runtimes an experiment may name.
const (
	runtimeNative = "native"
	runtimeDocker = "docker"
)

// checkHost refuses a run that this host or user cannot make at all.
func (p *Plan) checkHost(ctx context.Context) error {
	if err := needRoot(); err != nil {
		return fmt.Errorf("a testbed is made of namespaces, qdiscs and cgroups, which only root can make (sudo): %w", err)
	}
	if p.Runtime == runtimeDocker {
		return node.CheckDocker(ctx)
	}
	return nil
}

// checkDelays refuses a plan that asks for what this kernel cannot do to packets.
func (p *Plan) checkDelays() error {
	links := p.Network.NeedsNetem()
	if len(links) == 0 {
		return nil
	}
	if err := features.Netem(); err != nil {
		return inputError(fmt.Errorf("%s: delay, jitter and loss need netem: %w", strings.Join(links, ", "), err))
	}
	return nil
}
