package testbed

import (
	"slices"
	"sync"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/workloads/replay"
)

// heard is what nodes have said unasked during a run. It is safe for concurrent use; the zero value is ready.
type heard struct {
	mu     sync.Mutex
	nodes  map[string]replay.Progress
	faults []error // that their nodes outlived
	killed []string
	caused []error // faults that follow from a kill
}

func (h *heard) progress(node string, p replay.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nodes == nil {
		h.nodes = map[string]replay.Progress{}
	}
	h.nodes[node] = p
}

// fault notes a fault. What a node says of connections to one that was killed on purpose is no fault of the testbed's.
func (h *heard) fault(node string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.killed) > 0 && (node == emulator.CloudName || slices.Contains(h.killed, emulator.CloudName)) {
		h.caused = append(h.caused, err)
		return
	}
	h.faults = append(h.faults, err)
}

// expectSilence says that a node is about to be killed.
func (h *heard) expectSilence(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.killed = append(h.killed, node)
}

// silent tells whether a node was killed on purpose.
func (h *heard) silent(node string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.killed, node)
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

// survived lists the faults heard so far, and apart from them those that follow from a kill.
func (h *heard) survived() (faults, caused []error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.faults), slices.Clone(h.caused)
}
