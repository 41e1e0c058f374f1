package testbed

import (
	"sync"

	"github.com/splitbed/splitbed/workloads/replay"
)

// heard is what nodes have said unasked during a run. It is safe for concurrent use; the zero value is ready.
type heard struct {
	mu     sync.Mutex
	nodes  map[string]replay.Progress
	faults []error // that their nodes outlived
}

func (h *heard) progress(node string, p replay.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nodes == nil {
		h.nodes = map[string]replay.Progress{}
	}
	h.nodes[node] = p
}

func (h *heard) fault(_ string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, err)
}

// answered counts the frames whose answers are back on their edges.
func (h *heard) answered() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := int64(0)
	for _, p := range h.nodes {
		n += p.Answered
	}
	return n
}

// survived lists the faults heard so far.
func (h *heard) survived() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.faults
}
