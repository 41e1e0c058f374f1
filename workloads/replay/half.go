package replay

import (
	"context"
	"fmt"

	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/wire"
)

// half is one part of a network, ready to run. Input and Output are its own buffers. It is used by the compute thread only.
type half interface {
	Input() []float32
	Output() []float32
	Run() error
	Close() error
}

// identity is the tail after the last layer: the answer vector itself has travelled.
type identity []float32

func (v identity) Input() []float32  { return v }
func (v identity) Output() []float32 { return v }
func (v identity) Run() error        { return nil }
func (v identity) Close() error      { return nil }

// halves opens the parts of networks a node runs; tasks with the same part share it.
type halves struct {
	threads int
	open    map[string]half
}

// get opens a part and runs it once, which pages its weights in. It runs on the compute thread.
func (s *halves) get(f model.File) (half, error) {
	if f.Path == "" {
		return make(identity, elements(f.Output)), nil
	}
	if opened, ok := s.open[f.Path]; ok {
		return opened, nil
	}
	opened, err := engine.Open(f, engine.Options{Threads: max(1, s.threads)})
	if err != nil {
		return nil, err
	}
	s.open[f.Path] = opened
	if err := opened.Run(); err != nil {
		return nil, fmt.Errorf("warm up %s: %w", f.Path, err)
	}
	return opened, nil
}

// close closes every part; it too runs on the compute thread.
func (s *halves) close() (err error) {
	for path, h := range s.open {
		if failed := h.Close(); failed != nil && err == nil {
			err = fmt.Errorf("close %s: %w", path, failed)
		}
		delete(s.open, path)
	}
	return err
}

// openHalves opens the part of each task on the compute thread, in the order of the tasks.
func (n *node) openHalves(ctx context.Context, tasks []Task, use func(i int, h half)) error {
	return n.worker.call(ctx, func() error {
		for i, task := range tasks {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			h, err := n.halves.get(task.Half)
			if err != nil {
				return fmt.Errorf("task %s at %s, k=%d: %w", task.Name, task.Edge, task.Cut, err)
			}
			use(i, h)
		}
		return nil
	})
}

// codec makes the codec of a tensor for the compute thread.
func (n *node) codec(w workloads.Wire, t model.Tensor) (*wire.Codec, error) {
	return wire.New(w, t.Shape[min(1, len(t.Shape)):], &n.coding) // without the batch
}

// exactly is how tensors travel that are to be verified.
func exactly() workloads.Wire { return workloads.Wire{DType: workloads.Float32} }

// elements is the number of values in a tensor of known shape.
func elements(t model.Tensor) int {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return int(n)
}
