package pcap

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// linkEthernet is LINKTYPE_ETHERNET.
const linkEthernet = 1

// Writer writes a classic capture file of Ethernet frames, with nanoseconds.
type Writer struct {
	out     *bufio.Writer
	written int64
}

// NewWriter begins a file of packets of which at most snaplen bytes are kept.
func NewWriter(w io.Writer, snaplen int) (*Writer, error) {
	out := &Writer{out: bufio.NewWriterSize(w, 1<<16)}
	head := make([]byte, 0, headerBytes)
	head = binary.LittleEndian.AppendUint32(head, magicNano)
	head = binary.LittleEndian.AppendUint16(head, 2) // version 2.4
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = binary.LittleEndian.AppendUint64(head, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(snaplen))
	head = binary.LittleEndian.AppendUint32(head, linkEthernet)
	n, err := out.out.Write(head)
	out.written = int64(n)
	return out, err
}

// Write adds a packet: its time in nanoseconds, its first bytes, and the length it had.
func (w *Writer) Write(at int64, data []byte, length int) error {
	if at < 0 || at/1e9 >= 1<<32 {
		return fmt.Errorf("a capture file has no time for %d ns", at)
	}
	head := make([]byte, 0, recordBytes)
	head = binary.LittleEndian.AppendUint32(head, uint32(at/1e9))
	head = binary.LittleEndian.AppendUint32(head, uint32(at%1e9))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(data)))
	head = binary.LittleEndian.AppendUint32(head, uint32(length))
	if _, err := w.out.Write(head); err != nil {
		return err
	}
	_, err := w.out.Write(data)
	w.written += Size(len(data))
	return err
}

// Size is what a packet takes in the file of which so many bytes are kept.
func Size(kept int) int64 { return recordBytes + int64(kept) }

// Written is the size of the file so far, what has not been flushed included.
func (w *Writer) Written() int64 { return w.written }

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.out.Flush() }
