package camera

import (
	"math"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
)

func TestPicturesOfTheLeastPixelsCanBeEncoded(t *testing.T) {
	for _, encoding := range []float64{3.1, 10, 30} {
		height := int(math.Ceil(math.Sqrt(LeastPixels(encoding) * 3 / 4)))
		width := (4*height + 2) / 3
		for seed := range uint64(20) {
			size := units.Bytes(math.Round(float64(3*height*width) / encoding))
			if _, err := Scene(seed, height, width, size, 1); err != nil {
				t.Errorf("encoding %v: %v", encoding, err)
			}
		}
	}
	if got := LeastPixels(150); !math.IsInf(got, 1) {
		t.Errorf("encoding 150: %v pixels, want +Inf", got)
	}
}
