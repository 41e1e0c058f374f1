package replay

import (
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
)

// HalfMaker makes the files a run's nodes open, each once: a large run asks for the same halves thousands of times. It is not
// safe for concurrent use.
type HalfMaker struct {
	store model.Store
	made  map[cutNetwork]halfFiles
}

type cutNetwork struct {
	name               string
	height, width, cut int
}

type halfFiles struct{ head, tail model.File }

// NewHalfMaker is a maker whose files lie in the store.
func NewHalfMaker(store model.Store) *HalfMaker {
	return &HalfMaker{store: store, made: map[cutNetwork]halfFiles{}}
}

// Halves returns what edge and cloud run of a network cut after layer k, prepared for the engine: the Half of the two nodes'
// Tasks. At k = 0 the head is the zero File; at the last cut the tail is the identity on the answer vector, without a Path.
func (m *HalfMaker) Halves(name string, h, w, k int) (head, tail model.File, err error) {
	key := cutNetwork{name, h, w, k}
	if made, ok := m.made[key]; ok {
		return made.head, made.tail, nil
	}
	profile, err := m.store.Describe(name, h, w)
	if err != nil {
		return head, tail, err
	}
	if k > 0 {
		if head, err = m.prepared(m.store.Head(name, h, w, k)); err != nil {
			return head, tail, err
		}
	}
	if k == profile.Cuts() {
		tail = model.File{Input: head.Output, Output: head.Output}
	} else if tail, err = m.prepared(m.store.Tail(name, h, w, k)); err != nil {
		return head, tail, err
	}
	m.made[key] = halfFiles{head, tail}
	return head, tail, nil
}

func (m *HalfMaker) prepared(f model.File, err error) (model.File, error) {
	if err != nil {
		return f, err
	}
	return engine.Prepare(m.store, f)
}
