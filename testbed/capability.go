package testbed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/emulator"
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

// chooseDelay says what shall delay packets: what the experiment names, or netem where this kernel has it.
func (p *Plan) chooseDelay() (string, error) {
	switch asked := p.Experiment.Emulation.Delay; asked {
	case emulator.DelayNetem, emulator.DelayUserspace:
		return asked, nil
	}
	err := features.Netem()
	switch {
	case err == nil:
		return emulator.DelayNetem, nil
	case errors.Is(err, features.ErrNotSupported):
		return emulator.DelayUserspace, nil
	default:
		return "", err
	}
}

// checkDelays refuses a plan that asks for what this kernel cannot do to packets.
func (p *Plan) checkDelays() error {
	probe := features.Netem
	switch p.Network.Delay {
	case "":
		return nil
	case emulator.DelayUserspace:
		probe = features.Tun
	}
	if err := probe(); err != nil {
		return inputError(fmt.Errorf("%s: delay, jitter and loss (emulation.delay: %s): %w",
			strings.Join(p.Network.Delayed(), ", "), p.Experiment.Emulation.Delay, err))
	}
	return nil
}
