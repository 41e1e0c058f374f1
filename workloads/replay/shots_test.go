package replay

import (
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/camera"
)

func TestAPaddedFrameHasItsBytesAndShowsItsPicture(t *testing.T) {
	sizes := []units.Bytes{40_000, 16_000, 23_456, 16_001}
	pictures := Pictures{Seed: 3, Bytes: testBytes, Count: 2}
	padded := edgeTask{Task: Task{Pictures: pictures, Height: testHeight, Width: testWidth, First: 5, Sizes: sizes}}
	plain := edgeTask{Task: Task{Pictures: pictures, Height: testHeight, Width: testWidth, First: 5}}
	for _, task := range []*edgeTask{&padded, &plain} {
		if err := task.load(); err != nil {
			t.Fatal(err)
		}
	}
	var got, want [3 * testHeight * testWidth]float32
	for n, size := range sizes {
		frame := padded.picture(padded.First + uint64(n))
		if units.Bytes(len(frame)) != size {
			t.Errorf("frame %d has %d bytes, want %d", n, len(frame), size)
		}
		if err := camera.Decode(frame, testHeight, testWidth, got[:]); err != nil {
			t.Fatal(err)
		}
		if err := camera.Decode(plain.picture(plain.First+uint64(n)), testHeight, testWidth, want[:]); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[:], want[:]) {
			t.Errorf("frame %d shows another picture when it is padded", n)
		}
	}
	padded.Sizes[1] = 5_000
	if err := padded.load(); err == nil || !strings.Contains(err.Error(), "a frame is to have 5000") {
		t.Errorf("a frame smaller than its picture: %v", err)
	}
}
