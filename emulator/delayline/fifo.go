package delayline

import (
	"encoding/binary"
)

const (
	// maxPacket is the largest packet of a TUN device: 64 kB and a struct virtio_net_hdr.
	maxPacket = 65536 + 10
	// recordHeader precedes every packet in a chunk: when it is due, and its length.
	recordHeader = 16
	chunkBytes   = 256 << 10
)

// chunk is a piece of memory that packets are read into one behind the other.
type chunk struct {
	bytes       []byte
	first, free int // where the first packet stands, and where the next may
}

// pool keeps chunks that are not in use. They are never given back: what was needed once may be needed again.
type pool struct{ chunks []*chunk }

func (p *pool) get() *chunk {
	if n := len(p.chunks); n > 0 {
		c := p.chunks[n-1]
		p.chunks = p.chunks[:n-1]
		return c
	}
	return &chunk{bytes: make([]byte, chunkBytes)}
}

func (p *pool) put(c *chunk) {
	c.first, c.free = 0, 0
	p.chunks = append(p.chunks, c)
}

// fifo holds the packets under way on one way, in the order in which they are due. It grows with what it holds.
type fifo struct {
	pool   *pool
	chunks []*chunk
	length int
}

// room is where the next packet may be read into: maxPacket bytes. It is valid until push.
func (f *fifo) room() []byte {
	if n := len(f.chunks); n > 0 {
		c := f.chunks[n-1]
		if at := c.free + recordHeader; at+maxPacket <= len(c.bytes) {
			return c.bytes[at : at+maxPacket]
		}
	}
	f.chunks = append(f.chunks, f.pool.get())
	return f.room()
}

// push keeps the packet that was read into the room. due is not before that of the packet pushed last.
func (f *fifo) push(due int64, length int) {
	c := f.chunks[len(f.chunks)-1]
	header := c.bytes[c.free:]
	binary.NativeEndian.PutUint64(header, uint64(due))
	binary.NativeEndian.PutUint32(header[8:], uint32(length))
	c.free += recordHeader + (length+7)&^7
	f.length++
}

// front is the first packet and when it is due. There must be one.
func (f *fifo) front() (due int64, packet []byte) {
	c := f.chunks[0]
	header := c.bytes[c.first:]
	length := int(binary.NativeEndian.Uint32(header[8:]))
	return int64(binary.NativeEndian.Uint64(header)), header[recordHeader : recordHeader+length]
}

// pop removes the first packet.
func (f *fifo) pop() {
	c := f.chunks[0]
	length := int(binary.NativeEndian.Uint32(c.bytes[c.first+8:]))
	c.first += recordHeader + (length+7)&^7
	f.length--
	if c.first < c.free {
		return
	}
	if len(f.chunks) == 1 {
		c.first, c.free = 0, 0
		return
	}
	copy(f.chunks, f.chunks[1:])
	f.chunks[len(f.chunks)-1] = nil
	f.chunks = f.chunks[:len(f.chunks)-1]
	f.pool.put(c)
}
