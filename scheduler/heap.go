package scheduler

// heap gives the least of what was pushed first, and of equals the one that was pushed first.
type heap[T any] struct {
	compare func(a, b T) int
	items   []heapItem[T]
	pushed  int
}

type heapItem[T any] struct {
	value T
	order int
}

func (h *heap[T]) less(a, b int) bool {
	c := h.compare(h.items[a].value, h.items[b].value)
	return c < 0 || c == 0 && h.items[a].order < h.items[b].order
}

func (h *heap[T]) push(value T) {
	h.items = append(h.items, heapItem[T]{value, h.pushed})
	h.pushed++
	for n := len(h.items) - 1; n > 0; {
		parent := (n - 1) / 2
		if !h.less(n, parent) {
			return
		}
		h.items[n], h.items[parent] = h.items[parent], h.items[n]
		n = parent
	}
}

// pop takes the least one; it is false where there is none.
func (h *heap[T]) pop() (value T, ok bool) {
	if len(h.items) == 0 {
		return value, false
	}
	value = h.items[0].value
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	for n := 0; ; {
		least := n
		for child := 2*n + 1; child <= 2*n+2 && child < last; child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if least == n {
			return value, true
		}
		h.items[n], h.items[least] = h.items[least], h.items[n]
		n = least
	}
}
