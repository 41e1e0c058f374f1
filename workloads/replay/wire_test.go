package replay

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
)

func TestHeaderSurvivesTheWire(t *testing.T) {
	for _, h := range []Header{
		{Kind: OpenStream},
		{Kind: FrameMessage, Encoding: EncodedUint8, Zero: 255, Scale: -0.125, Stream: math.MaxUint32, Length: MaxPayload, Frame: math.MaxUint64},
		{Kind: GoodputMessage, Encoding: EncodedFloat32, Length: 24},
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
	good := Header{Kind: FrameMessage, Encoding: EncodedUint8, Zero: 3, Scale: 0.5, Stream: 7, Length: 1000, Frame: 42}.Bytes()
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
		{Kind: GoodputMessage + 1},
		{Kind: FrameMessage, Encoding: EncodedFloat32 + 1},
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

func TestPayloadBytes(t *testing.T) {
	for _, test := range []struct {
		dtype workloads.DType
		want  units.Bytes
	}{{workloads.Uint8, 1000}, {workloads.Float16, 2000}, {workloads.Float32, 4000}, {"int4", 0}} {
		if got := PayloadBytes(test.dtype, 1000); got != test.want {
			t.Errorf("%s: %d, want %d", test.dtype, got, test.want)
		}
	}
}

// tensors are what activations look like, and what they should not.
func tensors() map[string][]float32 {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(f func() float64) []float32 {
		x := make([]float32, 4096)
		for i := range x {
			x[i] = float32(f())
		}
		return x
	}
	return map[string][]float32{
		"normal":        fill(r.NormFloat64),
		"rectified":     fill(func() float64 { return max(0, r.NormFloat64()) }),
		"all positive":  fill(func() float64 { return 5 + r.Float64() }),
		"all negative":  fill(func() float64 { return -5 - r.Float64() }),
		"lopsided":      fill(func() float64 { return -0.001 + 10*r.Float64() }),
		"lopsided down": fill(func() float64 { return 0.001 - 10*r.Float64() }),
		"probabilities": fill(func() float64 { return 1e-3 * r.Float64() }),
		"large":         fill(func() float64 { return 1e4 * r.NormFloat64() }),
		"greatest":      {math.MaxFloat32, -math.MaxFloat32, 0, 1},
		"smallest":      {math.SmallestNonzeroFloat32, 0, 3 * math.SmallestNonzeroFloat32},
		"constant":      {7, 7, 7},
		"zeros":         {0, 0, 0},
		"empty":         {},
	}
}

func roundTrip(t *testing.T, e Encoding, x []float32) (back []float32, scale float32) {
	t.Helper()
	raw := make([]byte, e.width()*len(x))
	zero, scale, err := EncodeTensor(e, x, raw)
	if err != nil {
		t.Fatal(err)
	}
	back = make([]float32, len(x))
	if err := DecodeTensor(e, zero, scale, raw, back); err != nil {
		t.Fatal(err)
	}
	return back, scale
}

func TestUint8IsWithinHalfAStep(t *testing.T) {
	for name, x := range tensors() {
		if name == "smallest" {
			continue // no step is as small as half of these
		}
		t.Run(name, func(t *testing.T) {
			back, scale := roundTrip(t, EncodedUint8, x)
			low, high := 0.0, 0.0
			for _, v := range x {
				low, high = min(low, float64(v)), max(high, float64(v))
			}
			if most := (high - low) / 255 * 255 / 254 * 1.0001; high > low && float64(scale) > most {
				t.Errorf("the step is %v, at most %v is needed", scale, most)
			}
			for i := range x {
				if diff := math.Abs(float64(back[i]) - float64(x[i])); diff > 0.5001*float64(scale) {
					t.Fatalf("element %d: %v became %v, off by %v with a step of %v", i, x[i], back[i], diff, scale)
				}
				if x[i] == 0 && back[i] != 0 {
					t.Fatalf("element %d: 0 became %v", i, back[i])
				}
			}
		})
	}
}

func TestFloat16IsTheNearest(t *testing.T) {
	for name, x := range tensors() {
		t.Run(name, func(t *testing.T) {
			back, _ := roundTrip(t, EncodedFloat16, x)
			for i, v := range x {
				// Half a unit in the last of 11 bits; half of 2⁻²⁴ below the normal numbers; 65504 above.
				want := max(-65504, min(65504, float64(v)))
				bound := max(math.Abs(want)*0x1p-11, 0x1p-25)
				if diff := math.Abs(float64(back[i]) - want); diff > bound {
					t.Fatalf("element %d: %v became %v, off by %v, at most %v is allowed", i, v, back[i], diff, bound)
				}
			}
		})
	}
}

func TestEveryFloat16SurvivesARoundTrip(t *testing.T) {
	for b := range 1 << 16 {
		v := float16from(uint16(b))
		if v != v {
			continue
		}
		if got := float16bits(v); got != uint16(b) {
			t.Fatalf("%#04x is %v, which is %#04x", b, v, got)
		}
	}
}

func TestFloat16TiesGoToEven(t *testing.T) {
	for _, test := range []struct {
		in, want float32
	}{
		{1 + 0x1p-11, 1}, {1 + 3*0x1p-11, 1 + 0x1p-9}, {2049, 2048}, {2051, 2052},
		{0x1p-25, 0}, {3 * 0x1p-25, 0x1p-23}, {65519, 65504}, {65520, 65504}, {float32(math.Inf(1)), float32(math.Inf(1))},
	} {
		if got := float16from(float16bits(test.in)); got != test.want {
			t.Errorf("%v became %v, want %v", test.in, got, test.want)
		}
	}
}

func TestFloat32IsUntouched(t *testing.T) {
	for name, x := range tensors() {
		back, _ := roundTrip(t, EncodedFloat32, x)
		if diff := cmp.Diff(x, back); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWhatIsNoNumberDoesNotSpoilTheRest(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	back, scale := roundTrip(t, EncodedUint8, []float32{nan, inf, -inf, 0.5, -1, 1})
	for i, want := range []float32{0, 1, -1, 0.5, -1, 1} {
		if math.Abs(float64(back[i]-want)) > 1.0001*float64(scale) {
			t.Errorf("element %d: %v, want %v within a step of %v", i, back[i], want, scale)
		}
	}
	back, _ = roundTrip(t, EncodedFloat16, []float32{nan, inf, -inf})
	if back[0] == back[0] || back[1] != inf || back[2] != -inf {
		t.Errorf("float16 made %v of NaN, +Inf, -Inf", back)
	}
}

func TestTensorOfAnotherLengthIsRefused(t *testing.T) {
	for _, e := range []Encoding{EncodedRaw, EncodedUint8, EncodedFloat16, EncodedFloat32} {
		t.Run(fmt.Sprint(e), func(t *testing.T) {
			if _, _, err := EncodeTensor(e, make([]float32, 3), make([]byte, 5)); err == nil {
				t.Error("encoding 3 elements into 5 bytes: no error")
			}
			if err := DecodeTensor(e, 0, 1, make([]byte, 5), make([]float32, 3)); err == nil {
				t.Error("decoding 5 bytes into 3 elements: no error")
			}
		})
	}
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

func BenchmarkEncodeUint8(b *testing.B) {
	x := tensors()["normal"]
	raw := make([]byte, len(x))
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		if _, _, err := EncodeTensor(EncodedUint8, x, raw); err != nil {
			b.Fatal(err)
		}
	}
}
