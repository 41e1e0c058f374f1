package emulator

import (
	"fmt"
	"io"

	"github.com/splitbed/splitbed/topologies"
)

// WriteCommands writes a shell script of the ip and tc commands that make a topology's network, for reading and for doing it by hand.
// What a run names by its id is named by the topology. netem delays packets, and nothing limits CPUs. Errors are those of [NewPlan].
func WriteCommands(w io.Writer, topo *topologies.Topology, opt Options) error {
	opt.Delay = DelayNetem
	if opt.Dilation == 0 {
		opt.Dilation = 1
	}
	congestion, err := congestionControl(opt)
	if err != nil {
		return err
	}
	if topo, err = topo.Expand(); err != nil {
		return err
	}
	net, err := network(topo.Name, topo, opt, congestion)
	if err != nil {
		return fmt.Errorf("topology %s: %w", topo.Name, err)
	}
	if _, err := fmt.Fprintf(w, "#!/bin/sh\n# The network of %s, at dilation %v. To remove it:\n", topo.Name, opt.Dilation); err != nil {
		return err
	}
	for _, n := range net.Namespaces {
		if _, err := fmt.Fprintf(w, "#     ip netns delete %s\n", n.Name); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "set -e\n"); err != nil {
		return err
	}
	return net.WriteCommands(w)
}
