package replay

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/splitbed/splitbed/internal/clock"
)

// ComputeProbe asks a node to keep its compute threads busy with its parts of networks, one after the other,
// for Duration wall nanoseconds and until each has run once.
type ComputeProbe struct {
	Duration int64 `json:"duration"`
}

// ComputeResult is what the compute threads got meanwhile, in nanoseconds: of wall time, and of CPU time, all threads together.
type ComputeResult struct {
	Wall int64 `json:"wall_ns"`
	CPU  int64 `json:"cpu_ns"`
}

// probeCompute measures what CPU the node's quota really gives. Nothing else may run in the node: where the engine has threads
// of its own beside the compute thread, the CPU time is that of the whole process.
func (n *node) probeCompute(ctx context.Context, p ComputeProbe) (ComputeResult, error) {
	var result ComputeResult
	err := n.worker.call(ctx, func() error {
		if len(n.halves.open) == 0 {
			return errors.New("this node computes nothing: there is nothing to probe it with")
		}
		used := clock.ThreadCPU
		if n.setup.Threads > 1 {
			used = processCPU
		}
		started, cpu := clock.Now(), used()
		paths := slices.Sorted(maps.Keys(n.halves.open))
		for i := 0; i < len(paths) || clock.Now() < started+p.Duration; i++ {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := n.halves.open[paths[i%len(paths)]].Run(); err != nil {
				return err
			}
		}
		result.CPU = used() - cpu // read within the span of the wall clock
		result.Wall = clock.Now() - started
		return nil
	})
	return result, err
}
