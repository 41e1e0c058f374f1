package replay

import (
	"github.com/splitbed/splitbed/workloads/model"
)

// Halves returns what edge and cloud run of a network cut after layer k, building the files in the store if need be: the Half of the two nodes'
// Tasks. At k = 0 the head is the zero File; at the last cut the tail is the identity on the answer vector, without a Path.
func Halves(store model.Store, name string, h, w, k int) (head, tail model.File, err error) {
	profile, err := model.Describe(name, h, w)
	if err != nil {
		return head, tail, err
	}
	if k > 0 {
		if head, err = store.Head(name, h, w, k); err != nil {
			return head, tail, err
		}
	}
	if k == profile.Cuts() {
		return head, model.File{Input: head.Output, Output: head.Output}, nil
	}
	tail, err = store.Tail(name, h, w, k)
	return head, tail, err
}
