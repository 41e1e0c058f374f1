package replay

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/workloads/wire"
)

func TestHeaderSurvivesTheWire(t *testing.T) {
	for _, h := range []Header{
		{Kind: OpenStream},
		{Kind: FrameMessage, Head: wire.Head{Encoding: wire.Uint8, Zero: 255, Scale: -0.125}, Stream: math.MaxUint32, Length: MaxPayload, Frame: math.MaxUint64},
		{Kind: GoodputMessage, Head: wire.Head{Encoding: wire.Uint4 | wire.PerChannel | wire.Zstd}, Length: 24},
	} {
		got, err := ParseHeader(h.Bytes())
		if err != nil {
			t.Errorf("%+v: %v", h, err)
		} else if got != h {
			t.Errorf("got %+v, want %+v", got, h)
		}
	}
}

func TestEveryFlippedBitOfAHeaderIsNoticed(t *testing.T) {
	good := Header{Kind: FrameMessage, Head: wire.Head{Encoding: wire.Uint8, Zero: 3, Scale: 0.5}, Stream: 7, Length: 1000, Frame: 42}.Bytes()
	for bit := range 8 * HeaderBytes {
		broken := good
		broken[bit/8] ^= 1 << (bit % 8)
		if _, err := ParseHeader(broken); !errors.Is(err, ErrHeader) {
			t.Errorf("bit %d of byte %d flipped: error %v, want ErrHeader", bit%8, bit/8, err)
		}
	}
}

func TestHeaderOutOfBoundsIsRefused(t *testing.T) {
	for _, h := range []Header{
		{},
		{Kind: OpenTransfer + 1},
		{Kind: FrameMessage, Head: wire.Head{Encoding: wire.Uint4 + 1}},
		{Kind: FrameMessage, Length: MaxPayload + 1},
	} {
		if _, err := ParseHeader(h.Bytes()); !errors.Is(err, ErrHeader) {
			t.Errorf("%+v: error %v, want ErrHeader", h, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	first := Header{Kind: FrameMessage, Length: 10}.Bytes()
	f.Add(first[:])
	f.Add([]byte("GET / HTTP/1.1\r\nHost: somewhere\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b [HeaderBytes]byte
		copy(b[:], data)
		h, err := ParseHeader(b)
		if err != nil {
			if !errors.Is(err, ErrHeader) {
				t.Errorf("error %v does not wrap ErrHeader", err)
			}
			return
		}
		if h.Length > MaxPayload {
			t.Errorf("a payload of %d bytes was let through", h.Length)
		}
		if again := h.Bytes(); again != b {
			t.Errorf("%x parses to %+v, which is %x", b, h, again)
		}
	})
}

func TestVectorKeepsEveryBitInJSON(t *testing.T) {
	v := Vector{1, -0.1, float32(math.Inf(-1)), math.SmallestNonzeroFloat32}
	text, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Vector
	if err := back.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, back); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{`"AAA="`, `"?"`, `7`} {
		if err := back.UnmarshalJSON([]byte(broken)); err == nil {
			t.Errorf("%s: no error", broken)
		}
	}
}
