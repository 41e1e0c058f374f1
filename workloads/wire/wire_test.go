package wire

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads"
)

// forms are all ways a workload can ask for.
func forms() []workloads.Wire {
	var all []workloads.Wire
	for _, compress := range []string{workloads.CompressNone, workloads.CompressS2, workloads.CompressZstd} {
		for _, dtype := range []workloads.DType{workloads.Uint4, workloads.Uint8, workloads.Float16, workloads.Float32} {
			all = append(all, workloads.Wire{DType: dtype, Compress: compress, Scale: workloads.ScaleTensor})
			if dtype == workloads.Uint4 || dtype == workloads.Uint8 {
				all = append(all, workloads.Wire{DType: dtype, Compress: compress, Scale: workloads.ScaleChannel})
			}
		}
	}
	return all
}

func codec(t testing.TB, w workloads.Wire, shape ...int) *Codec {
	t.Helper()
	c, err := New(w, shape, &Thread{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBytesOfAPayload(t *testing.T) {
	for _, test := range []struct {
		wire  workloads.Wire
		shape []int
		want  units.Bytes
	}{
		{workloads.Wire{DType: workloads.Uint4}, []int{3, 5, 67}, 503}, // 1005 values
		{workloads.Wire{DType: workloads.Uint8}, []int{10, 10, 10}, 1000},
		{workloads.Wire{DType: workloads.Float16}, []int{1000}, 2000},
		{workloads.Wire{DType: workloads.Float32}, []int{10, 100}, 4000},
		{workloads.Wire{DType: workloads.Uint8, Scale: workloads.ScaleChannel}, []int{10, 10, 10}, 1050},
		{workloads.Wire{DType: workloads.Uint8, Scale: workloads.ScaleChannel}, []int{1000}, 1005},
		{workloads.Wire{DType: workloads.Uint8, Compress: workloads.CompressZstd}, []int{10, 10, 10}, 1000},
		{workloads.Wire{DType: "int4"}, []int{1000}, 0},
	} {
		if got := Bytes(test.wire, test.shape); got != test.want {
			t.Errorf("%+v of shape %v: %d, want %d", test.wire, test.shape, got, test.want)
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

func roundTrip(t *testing.T, c *Codec, x []float32) (back []float32, head Head, length int) {
	t.Helper()
	head, payload, err := c.Encode(x, make([]byte, c.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Fits(head.Encoding, len(payload)); err != nil {
		t.Fatal(err)
	}
	back = make([]float32, len(x))
	if err := c.Decode(head, payload, back); err != nil {
		t.Fatal(err)
	}
	return back, head, len(payload)
}

func TestAffineTypesAreWithinHalfAStep(t *testing.T) {
	for _, test := range []struct {
		dtype workloads.DType
		top   float64
	}{{workloads.Uint8, 255}, {workloads.Uint4, 15}} {
		for name, x := range tensors() {
			if name == "smallest" {
				continue // no step is as small as half of these
			}
			t.Run(string(test.dtype)+" "+name, func(t *testing.T) {
				back, head, _ := roundTrip(t, codec(t, workloads.Wire{DType: test.dtype}, len(x)), x)
				low, high := 0.0, 0.0
				for _, v := range x {
					low, high = min(low, float64(v)), max(high, float64(v))
				}
				if most := (high - low) / (test.top - 1) * 1.0001; high > low && float64(head.Scale) > most {
					t.Errorf("the step is %v, at most %v is needed", head.Scale, most)
				}
				for i := range x {
					if diff := math.Abs(float64(back[i]) - float64(x[i])); diff > 0.5001*float64(head.Scale) {
						t.Fatalf("element %d: %v became %v, off by %v with a step of %v", i, x[i], back[i], diff, head.Scale)
					}
					if x[i] == 0 && back[i] != 0 {
						t.Fatalf("element %d: 0 became %v", i, back[i])
					}
				}
			})
		}
	}
}

// TestAScalePerChannelKeepsSmallChannels has channels a thousand times smaller than others: one scale for all makes
// nothing of them, a scale of their own keeps them.
func TestAScalePerChannelKeepsSmallChannels(t *testing.T) {
	const channels, size = 5, 7 * 11 // an odd number of values
	r := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, channels*size)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Pow(10, -float64(i/size)))
	}
	worst := func(scale string, dtype workloads.DType) (relative float64) {
		back, _, _ := roundTrip(t, codec(t, workloads.Wire{DType: dtype, Scale: scale}, channels, 7, 11), x)
		for n := range channels {
			high, off := 0.0, 0.0
			for i := n * size; i < (n+1)*size; i++ {
				high = max(high, math.Abs(float64(x[i])))
				off = max(off, math.Abs(float64(back[i]-x[i])))
			}
			relative = max(relative, off/high)
		}
		return relative
	}
	for _, test := range []struct {
		dtype workloads.DType
		steps float64
	}{{workloads.Uint8, 254}, {workloads.Uint4, 14}} {
		// The range of a channel is at most twice its largest value, and the error half a step.
		if got, most := worst(workloads.ScaleChannel, test.dtype), 1.0001/test.steps; got > most {
			t.Errorf("%s: off by %v of a channel's largest value, want at most %v", test.dtype, got, most)
		}
		if got := worst(workloads.ScaleTensor, test.dtype); got < 0.5 {
			t.Errorf("%s with one scale: off by %v only; the test wants channels that it loses", test.dtype, got)
		}
	}
}

// TestEveryFormUndoesItself holds all forms against the uncompressed, exact one of the same type.
func TestEveryFormUndoesItself(t *testing.T) {
	for _, w := range forms() {
		for name, x := range tensors() {
			shape := []int{len(x)}
			if len(x) == 4096 {
				shape = []int{16, 16, 16}
			}
			plain := w
			plain.Compress = workloads.CompressNone
			want, _, longest := roundTrip(t, codec(t, plain, shape...), x)
			got, head, length := roundTrip(t, codec(t, w, shape...), x)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v, %s: %s", w, name, diff)
			}
			if length > longest || length == longest && head.Encoding&packed != 0 {
				t.Errorf("%+v, %s: %d bytes as %v, %d uncompressed", w, name, length, head.Encoding, longest)
			}
			if w.Compress == workloads.CompressZstd && name == "rectified" && w.DType == workloads.Uint8 && length > 8*longest/10 {
				t.Errorf("%+v, %s: %d of %d bytes: half of the values are 0", w, name, length, longest)
			}
		}
	}
}

func TestFloat16IsTheNearest(t *testing.T) {
	for name, x := range tensors() {
		t.Run(name, func(t *testing.T) {
			back, _, _ := roundTrip(t, codec(t, workloads.Wire{DType: workloads.Float16}, len(x)), x)
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
		back, _, _ := roundTrip(t, codec(t, workloads.Wire{DType: workloads.Float32, Compress: workloads.CompressZstd}, len(x)), x)
		if diff := cmp.Diff(x, back); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWhatIsNoNumberDoesNotSpoilTheRest(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, dtype := range []workloads.DType{workloads.Uint8, workloads.Uint4} {
		back, head, _ := roundTrip(t, codec(t, workloads.Wire{DType: dtype}, 6), []float32{nan, inf, -inf, 0.5, -1, 1})
		for i, want := range []float32{0, 1, -1, 0.5, -1, 1} {
			if math.Abs(float64(back[i]-want)) > 1.0001*float64(head.Scale) {
				t.Errorf("%s: element %d: %v, want %v within a step of %v", dtype, i, back[i], want, head.Scale)
			}
		}
	}
	back, _, _ := roundTrip(t, codec(t, workloads.Wire{DType: workloads.Float16}, 3), []float32{nan, inf, -inf})
	if back[0] == back[0] || back[1] != inf || back[2] != -inf {
		t.Errorf("float16 made %v of NaN, +Inf, -Inf", back)
	}
}

func TestWhatIsNoPayloadIsRefused(t *testing.T) {
	x := tensors()["rectified"]
	for _, w := range forms() {
		c := codec(t, w, 16, 16, 16)
		head, payload, err := c.Encode(x, make([]byte, c.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		payload = slices.Clone(payload)
		other := head
		if other.Encoding = Float32; c.Encoding()&typeMask == Float32 {
			other.Encoding = Float16
		}
		short, inf := payload[:len(payload)-1], head
		inf.Scale = float32(math.Inf(1))
		cases := map[string]func() error{
			"a byte is missing":    func() error { return c.Decode(head, short, make([]float32, len(x))) },
			"another type":         func() error { return c.Decode(other, payload, make([]float32, len(x))) },
			"longer than any":      func() error { return c.Fits(head.Encoding, c.Bytes()+1) },
			"room for other sizes": func() error { return c.Decode(head, payload, make([]float32, 3)) },
			"an infinite scale":    func() error { return c.Decode(inf, payload, make([]float32, len(x))) },
		}
		if w.Scale != workloads.ScaleTensor || !c.Encoding().affine() {
			delete(cases, "an infinite scale")
		}
		for name, try := range cases {
			if err := try(); err == nil || name != "room for other sizes" && !errors.Is(err, ErrPayload) {
				t.Errorf("%+v, %s: error %v, want one that wraps ErrPayload", w, name, err)
			}
		}
	}
}

// TestABombIsRefused has a few bytes that decompress to far more than the tensor.
func TestABombIsRefused(t *testing.T) {
	for _, w := range forms() {
		if w.Compress == workloads.CompressNone || w.DType != workloads.Float32 {
			continue
		}
		large, small := codec(t, w, 1<<22), codec(t, w, 1<<12)
		head, payload, err := large.Encode(make([]float32, 1<<22), make([]byte, large.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := small.Fits(head.Encoding, len(payload)); err != nil {
			t.Fatalf("%v: the test wants a bomb shorter than the tensor: %v", head.Encoding, err)
		}
		x := make([]float32, 1<<12)
		if err := small.Decode(head, payload, x); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: error %v, want ErrPayload", head.Encoding, err)
		}
	}
}

func TestEncodingsThatCannotBe(t *testing.T) {
	for _, e := range []Encoding{types, Raw | Zstd, Raw | PerChannel, Float32 | PerChannel, Uint8 | S2 | Zstd, Uint8 | 1<<7} {
		if e.Valid() {
			t.Errorf("%#x is valid", uint8(e))
		}
	}
	for _, w := range forms() {
		e, err := EncodingOf(w)
		if err != nil || !e.Valid() {
			t.Errorf("%+v: %v, error %v", w, e, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	x := tensors()["rectified"][:480]
	for i, w := range forms() {
		c := codec(f, w, 5, 8, 12)
		head, payload, err := c.Encode(x, make([]byte, c.Bytes()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, uint8(head.Encoding), head.Zero, head.Scale, slices.Clone(payload))
	}
	all := forms()
	f.Fuzz(func(t *testing.T, form int, encoding, zero uint8, scale float32, payload []byte) {
		c := codec(t, all[uint(form)%uint(len(all))], 5, 8, 12)
		back := make([]float32, 480)
		err := c.Decode(Head{Encoding(encoding), zero, scale}, payload, back)
		if err != nil && !errors.Is(err, ErrPayload) {
			t.Errorf("error %v does not wrap ErrPayload", err)
		}
		if longest := c.Bytes(); cap(c.thread.plain) > longest || cap(c.thread.levels) > len(back) {
			t.Errorf("%d and %d bytes were made room for, the tensor has %d", cap(c.thread.plain), cap(c.thread.levels), longest)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	x := tensors()["rectified"]
	for _, w := range forms() {
		b.Run(fmt.Sprintf("%s-%s-%s", w.DType, w.Scale, w.Compress), func(b *testing.B) {
			c := codec(b, w, 16, 16, 16)
			raw := make([]byte, c.Bytes())
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				if _, _, err := c.Encode(x, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
