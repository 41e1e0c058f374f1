package delayline

import (
	"bytes"
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAFifoGivesBackWhatItTook pushes and pops packets of all sizes at random, and holds every one against a plain slice.
func TestAFifoGivesBackWhatItTook(t *testing.T) {
	type packet struct {
		due  int64
		data []byte
	}
	random := rand.New(rand.NewPCG(1, 2))
	p := &pool{}
	f := &fifo{pool: p}
	var want []packet
	most := 0
	for i := range 50_000 {
		grow := random.IntN(100) < 55
		if i/10_000%2 == 1 {
			grow = random.IntN(100) < 40
		}
		if grow {
			n := 1 + random.IntN(1510)
			if random.IntN(20) == 0 {
				n = maxPacket - random.IntN(2)
			}
			data := f.room()[:n]
			if len(data) != n {
				t.Fatalf("room for %d bytes, want %d", len(data), n)
			}
			for j := range data {
				data[j] = byte(i + j)
			}
			want = append(want, packet{int64(i), bytes.Clone(data)})
			f.push(int64(i), n)
			most = max(most, f.length)
		} else if len(want) > 0 {
			due, data := f.front()
			if due != want[0].due || !bytes.Equal(data, want[0].data) {
				t.Fatalf("step %d: got a packet of %d bytes due at %d, want %d bytes due at %d", i, len(data), due, len(want[0].data), want[0].due)
			}
			f.pop()
			want = want[1:]
		}
		if f.length != len(want) {
			t.Fatalf("step %d: holds %d packets, want %d", i, f.length, len(want))
		}
	}
	if most < 100 {
		t.Errorf("only up to %d packets were held", most)
	}
	for f.length > 0 {
		f.pop()
	}
	// An empty queue holds on to one chunk at most, and another that a packet may be read into.
	if len(f.chunks) > 2 || len(p.chunks) == 0 {
		t.Errorf("an empty queue holds %d chunks, the pool %d", len(f.chunks), len(p.chunks))
	}
}

func TestTheAgendaGivesTheEarliestFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var a agenda
	for range 500 {
		heap.Push(&a, &way{due: random.Int64N(1000)})
	}
	for range 2000 {
		a[0].due += random.Int64N(300)
		heap.Fix(&a, 0)
	}
	var got []int64
	for len(a) > 0 {
		if a[0].place != 0 {
			t.Fatalf("the first thinks it is number %d", a[0].place)
		}
		got = append(got, heap.Pop(&a).(*way).due)
	}
	if !slices.IsSorted(got) || len(got) != 500 {
		t.Errorf("%d ways in the order %v", len(got), got)
	}
}
