package camera

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/units"
)

func TestScenePicturesHaveTheBytesAskedFor(t *testing.T) {
	for _, test := range []struct {
		h, w  int
		bytes units.Bytes
	}{
		{300, 400, 116_129}, // 3.1 : 1 against raw RGB, the default encoding
		{300, 400, 12_000},  // strongly compressed
		{300, 400, 240_000}, // hardly compressed
		{224, 224, 48_557},  // 3.1 : 1
		{63, 63, 3_841},     // the smallest AlexNet takes
		{600, 800, 464_516}, // large
		{17, 1000, 16_451},  // a strip
		{1000, 17, 16_451},  // and upright
		{227, 227, 50_000},  // a round figure
	} {
		t.Run(fmt.Sprintf("%dx%d in %d", test.h, test.w, test.bytes), func(t *testing.T) {
			pictures, err := Scene(11, test.h, test.w, test.bytes, 3)
			if err != nil {
				t.Fatal(err)
			}
			for i, picture := range pictures {
				if distance(len(picture), int(test.bytes)) > 0.05 {
					t.Errorf("picture %d has %d bytes, %d were asked for", i, len(picture), test.bytes)
				}
				config, err := jpeg.DecodeConfig(bytes.NewReader(picture))
				if err != nil {
					t.Fatal(err)
				}
				if config.Height != test.h || config.Width != test.w {
					t.Errorf("picture %d is %d×%d, want %d×%d", i, config.Height, config.Width, test.h, test.w)
				}
			}
		})
	}
}

func TestSceneIsDeterminedByItsSeed(t *testing.T) {
	five, err := Scene(7, 120, 160, 18_000, 5)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Scene(7, 120, 160, 18_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range two {
		if !bytes.Equal(two[i], five[i]) {
			t.Errorf("picture %d of two differs from picture %d of five", i, i)
		}
	}
	for i := 1; i < len(five); i++ {
		if bytes.Equal(five[i-1], five[i]) {
			t.Errorf("pictures %d and %d are the same: nothing moves", i-1, i)
		}
	}
	other, err := Scene(8, 120, 160, 18_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(other[0], five[0]) {
		t.Error("seeds 7 and 8 give the same picture")
	}
}

func TestSceneRefusesWhatCannotBe(t *testing.T) {
	for _, test := range []struct {
		name   string
		h, w   int
		bytes  units.Bytes
		n      int
		isSize bool
	}{
		{"too few bytes", 300, 400, 500, 1, true},
		{"too many bytes", 32, 32, 1_000_000, 1, true},
		{"no height", 0, 400, 1000, 1, false},
		{"negative width", 10, -1, 1000, 1, false},
		{"overflowing area", math.MaxInt, math.MaxInt, 1000, 1, false},
		{"negative count", 10, 10, 1000, -1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Scene(1, test.h, test.w, test.bytes, test.n)
			if err == nil {
				t.Fatal("no error")
			}
			if errors.Is(err, ErrSize) != test.isSize {
				t.Errorf("errors.Is(%q, ErrSize) = %v, want %v", err, !test.isSize, test.isSize)
			}
		})
	}
}

func TestDecodeNormalisesIntoPlanes(t *testing.T) {
	// Left half red, right half blue, at a quality at which flat colours survive.
	picture := image.NewRGBA(image.Rect(0, 0, 32, 16))
	for y := range 16 {
		for x := range 32 {
			c := color.RGBA{R: 255, A: 255}
			if x >= 16 {
				c = color.RGBA{B: 255, A: 255}
			}
			picture.Set(x, y, c)
		}
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, picture, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []struct{ h, w int }{{16, 32}, {8, 64}} {
		t.Run(fmt.Sprintf("%dx%d", size.h, size.w), func(t *testing.T) {
			dst := make([]float32, 3*size.h*size.w)
			if err := Decode(encoded.Bytes(), size.h, size.w, dst); err != nil {
				t.Fatal(err)
			}
			plane := size.h * size.w
			row := size.h / 2 * size.w
			left, right := row+2, row+size.w-3
			for _, want := range []struct {
				name  string
				at    int
				value float32
			}{
				{"red plane, left", left, 1}, {"red plane, right", right, -1},
				{"green plane, left", plane + left, -1}, {"green plane, right", plane + right, -1},
				{"blue plane, left", 2*plane + left, -1}, {"blue plane, right", 2*plane + right, 1},
			} {
				if got := dst[want.at]; math.Abs(float64(got-want.value)) > 0.03 {
					t.Errorf("%s: %v, want %v", want.name, got, want.value)
				}
			}
		})
	}
}

// FuzzDecode is given whatever lies in somebody's directory of pictures.
func FuzzDecode(f *testing.F) {
	pictures, err := Scene(1, 32, 40, 1200, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pictures[0])
	var grey bytes.Buffer
	if err := jpeg.Encode(&grey, image.NewGray(image.Rect(0, 0, 9, 7)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(grey.Bytes())
	f.Fuzz(func(t *testing.T, picture []byte) {
		dst := make([]float32, 3*16*16)
		if err := Decode(picture, 16, 16, dst); err != nil {
			return
		}
		for i, v := range dst {
			if !(v >= -1 && v <= 1) {
				t.Fatalf("element %d is %v", i, v)
			}
		}
	})
}

func TestDecodeAgreesWithTheStandardLibrary(t *testing.T) {
	pictures, err := Scene(3, 61, 47, 4000, 1)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 3*61*47)
	if err := Decode(pictures[0], 61, 47, dst); err != nil {
		t.Fatal(err)
	}
	reference, err := jpeg.Decode(bytes.NewReader(pictures[0]))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 61 {
		for x := range 47 {
			c := color.RGBAModel.Convert(reference.At(x, y)).(color.RGBA)
			for plane, v := range []uint8{c.R, c.G, c.B} {
				if got, want := float64(dst[plane*61*47+y*47+x]), float64(v)/127.5-1; math.Abs(got-want) > 1e-6 {
					t.Fatalf("plane %d, row %d, column %d: %v, want %v", plane, y, x, got, want)
				}
			}
		}
	}
}

func TestDecodeRefusesBrokenInput(t *testing.T) {
	pictures, err := Scene(3, 32, 32, 1200, 1)
	if err != nil {
		t.Fatal(err)
	}
	// A header that claims 65535 × 65535 pixels.
	huge := bytes.Clone(pictures[0])
	at := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	for name, test := range map[string]struct {
		picture []byte
		length  int
	}{
		"empty":        {nil, 3 * 32 * 32},
		"not a JPEG":   {[]byte("GIF89a"), 3 * 32 * 32},
		"truncated":    {pictures[0][:len(pictures[0])/2], 3 * 32 * 32},
		"wrong tensor": {pictures[0], 7},
		"huge claim":   {huge, 3 * 32 * 32},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Decode(test.picture, 32, 32, make([]float32, test.length)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestDirectoryReadsJPEGFilesInOrder(t *testing.T) {
	dir := t.TempDir()
	pictures, err := Scene(5, 32, 32, 1200, 3)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"b.jpeg": pictures[1], "a.jpg": pictures[0], "c.JPG": pictures[2], "notes.txt": []byte("no picture"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "0.jpg"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 3, 9} {
		got, err := Directory(dir, 48, 48, n)
		if err != nil {
			t.Fatal(err)
		}
		want := pictures[:min(n, 3)]
		if len(got) != len(want) {
			t.Fatalf("n=%d: %d pictures, want %d", n, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("n=%d: picture %d is another file's", n, i)
			}
		}
	}
}

func TestDirectoryNamesWhatIsWrong(t *testing.T) {
	empty, broken, huge, pipe := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(huge, "huge.jpg"), nil, 0o644), os.Truncate(filepath.Join(huge, "huge.jpg"), 1<<40),
		unix.Mkfifo(filepath.Join(pipe, "pipe.jpg"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "torn.jpg"), []byte{0xff, 0xd8, 0xff}, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ dir, names string }{
		"missing":        {filepath.Join(empty, "nowhere"), "nowhere"},
		"without a JPEG": {empty, empty},
		"broken file":    {broken, "torn.jpg"},
		"huge file":      {huge, "huge.jpg"},
		"a pipe":         {pipe, "pipe.jpg"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Directory(test.dir, 32, 32, 4)
			if err == nil || !strings.Contains(err.Error(), test.names) {
				t.Errorf("error %v does not name %s", err, test.names)
			}
		})
	}
	if _, err := Directory(empty, 32, 32, 1); !errors.Is(err, ErrNoPictures) {
		t.Errorf("error %v, want ErrNoPictures", err)
	}
}

func BenchmarkScene(b *testing.B) {
	for b.Loop() {
		if _, err := Scene(1, 300, 400, 116_129, 8); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	pictures, err := Scene(1, 300, 400, 116_129, 1)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, 3*300*400)
	for b.Loop() {
		if err := Decode(pictures[0], 300, 400, dst); err != nil {
			b.Fatal(err)
		}
	}
}
