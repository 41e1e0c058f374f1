package wire

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Thread is what the codecs of one thread share: buffers and compressors, which are made when they are first needed. All work
// is done on the calling thread, so that it counts against its CPU quota. The zero value is ready.
type Thread struct {
	plain, levels, short []byte
	encoder              *zstd.Encoder
	decoder              *zstd.Decoder
}

// bytes is a buffer of a length, kept for the next time.
func (t *Thread) bytes(buffer *[]byte, n int) []byte {
	if cap(*buffer) < n {
		*buffer = make([]byte, n)
	}
	return (*buffer)[:n]
}

// compress returns plain as a block of e's format, in a buffer that the next call overwrites.
func (t *Thread) compress(e Encoding, plain []byte) ([]byte, error) {
	if e&S2 != 0 {
		longest := s2.MaxEncodedLen(len(plain))
		if longest < 0 {
			return nil, fmt.Errorf("%d bytes are more than s2 takes", len(plain))
		}
		return s2.Encode(t.bytes(&t.short, longest), plain), nil
	}
	if t.encoder == nil {
		var err error
		// The transport has its own checksums; more than one goroutine would run beside the quota.
		t.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, err
		}
	}
	t.short = t.encoder.EncodeAll(plain, t.short[:0])
	return t.short, nil
}

// decompress fills plain, whose length the block must have.
func (t *Thread) decompress(e Encoding, block, plain []byte) error {
	if e&S2 != 0 {
		n, err := s2.DecodedLen(block)
		if err != nil {
			return err
		}
		if n != len(plain) {
			return fmt.Errorf("%d bytes decompressed, the tensor has %d", n, len(plain))
		}
		_, err = s2.Decode(plain, block)
		return err
	}
	if t.decoder == nil {
		var err error
		t.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return err
		}
	}
	got, err := t.decoder.DecodeAll(block, plain[:0:len(plain)])
	if err == nil && len(got) != len(plain) {
		err = fmt.Errorf("%d bytes decompressed, the tensor has %d", len(got), len(plain))
	}
	return err
}
