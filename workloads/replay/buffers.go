package replay

import "sync"

// buffers keeps byte slices for reuse: during a run the garbage collector is off, and payloads would
// fill the memory. It takes no lock that a stopped thread could hold.
type buffers struct{ pool sync.Pool }

func (b *buffers) get(n int) []byte {
	if kept, ok := b.pool.Get().(*[]byte); ok && cap(*kept) >= n {
		return (*kept)[:n]
	}
	return make([]byte, n)
}

func (b *buffers) put(buffer []byte) {
	if cap(buffer) > 0 {
		b.pool.Put(&buffer)
	}
}
