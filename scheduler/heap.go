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

func (h *heap[T]) len() int { return len(h.items) }

// least is the one that pop would take. There must be one.
func (h *heap[T]) least() *T { return &h.items[0].value }

func (h *heap[T]) before(a, b *heapItem[T]) bool {
	c := h.compare(a.value, b.value)
	return c < 0 || c == 0 && a.order < b.order
}

func (h *heap[T]) push(value T) {
	item := heapItem[T]{value, h.pushed}
	h.pushed++
	h.items = append(h.items, item)
	n := len(h.items) - 1
	for n > 0 {
		parent := (n - 1) / 2
		if !h.before(&item, &h.items[parent]) {
			break
		}
		h.items[n] = h.items[parent]
		n = parent
	}
	h.items[n] = item
}

// pop takes the least one. There must be one.
func (h *heap[T]) pop() T {
	value := h.items[0].value
	last := len(h.items) - 1
	item := h.items[last]
	h.items = h.items[:last]
	if last == 0 {
		return value
	}
	n := 0
	for {
		child := 2*n + 1
		if child >= last {
			break
		}
		if child+1 < last && h.before(&h.items[child+1], &h.items[child]) {
			child++
		}
		if !h.before(&h.items[child], &item) {
			break
		}
		h.items[n] = h.items[child]
		n = child
	}
	h.items[n] = item
	return value
}
