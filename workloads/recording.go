package workloads

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/camera"
)

const (
	// maxRecorded bounds the frames of a trace: nodes hold all of them.
	maxRecorded      = 1_000_000
	maxRecordedBytes = camera.MaxBytes
	// pictureSlack is how much larger than asked for a made picture may be, see [camera.Scene].
	pictureSlack = 1.05
)

// Recording is the frames of a trace in the order of their times, of which no two are the same.
type Recording struct {
	File   string
	Frames []RecordedFrame
}

// RecordedFrame is one of them.
type RecordedFrame struct {
	At units.Virtual
	// Bytes is the encoded size, 0 where the trace has none.
	Bytes units.Bytes
	Line  int // in the file, from 1
}

// Sized tells whether the frames have sizes: all do, or none.
func (r *Recording) Sized() bool { return r.Frames[0].Bytes > 0 }

// FPS is the mean number of frames a second from the first to the last; 1 where there is only one.
func (r *Recording) FPS() float64 {
	n := len(r.Frames) - 1
	if n == 0 {
		return 1
	}
	return float64(n) / (r.Frames[n].At - r.Frames[0].At).Seconds()
}

// MeanBytes is the mean encoded size.
func (r *Recording) MeanBytes() float64 {
	sum := 0.0
	for _, f := range r.Frames {
		sum += float64(f.Bytes)
	}
	return sum / float64(len(r.Frames))
}

// Smallest is the frame with the fewest bytes.
func (r *Recording) Smallest() RecordedFrame {
	return slices.MinFunc(r.Frames, func(a, b RecordedFrame) int { return cmp.Compare(a.Bytes, b.Bytes) })
}

// Times are those in [from, to), ascending.
func (r *Recording) Times(from, to units.Virtual) []units.Virtual {
	var out []units.Virtual
	for _, f := range r.Frames[r.index(from):] {
		if f.At >= to {
			break
		}
		out = append(out, f.At)
	}
	return out
}

// Bytes is the encoded size of the frame captured at a time that Times has.
func (r *Recording) Bytes(at units.Virtual) units.Bytes { return r.Frames[r.index(at)].Bytes }

// index is that of the first frame at a time or later.
func (r *Recording) index(at units.Virtual) int {
	return sort.Search(len(r.Frames), func(i int) bool { return r.Frames[i].At >= at })
}

// fits refuses sizes that a picture of so many pixels, padded, cannot have.
func (r *Recording) fits(h, w int) error {
	least := pictureSlack * camera.LeastBytes(h, w)
	if f := r.Smallest(); r.Sized() && float64(f.Bytes) < least {
		return fmt.Errorf("%s: line %d: a frame of %d bytes; the mean size asks for pictures of %d×%d pixels, and their smallest JPEG has %.0f",
			r.File, f.Line, f.Bytes, h, w, math.Ceil(least))
	}
	return nil
}

// readRecording reads lines of "seconds" or "seconds,bytes" in any order; a first line of words is their heading.
func readRecording(path string) (*Recording, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a file of times", path), err)
	}
	frames, err := recordedFrames(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("%s has no frames; write one a line, as seconds or seconds,bytes", path)
	}
	slices.SortStableFunc(frames, func(a, b RecordedFrame) int { return cmp.Compare(a.At, b.At) })
	for i := range frames[1:] {
		frames[i+1].At = max(frames[i+1].At, frames[i].At+1)
	}
	return &Recording{File: path, Frames: frames}, nil
}

func recordedFrames(in io.Reader) ([]RecordedFrame, error) {
	var frames []RecordedFrame
	err := eachLine(in, func(n int, text string) error {
		time, size, sized := strings.Cut(text, ",")
		seconds, errAt := strconv.ParseFloat(strings.TrimSpace(time), 64)
		length, errBytes := int64(0), error(nil)
		if sized {
			length, errBytes = strconv.ParseInt(strings.TrimSpace(size), 10, 64)
		}
		switch {
		case n == 1 && errAt != nil && (!sized || errBytes != nil):
			return nil // the heading
		case errAt != nil || !(math.Abs(seconds) <= maxSpan.Seconds()):
			return fmt.Errorf("%.40q does not begin with seconds from the start of the window, such as 1.5 or 1.5,20000", text)
		case sized && (errBytes != nil || length < 1 || length > maxRecordedBytes):
			return fmt.Errorf("%.40q: the size is not a number of bytes from 1 to %d", text, maxRecordedBytes)
		case len(frames) > 0 && sized != (frames[0].Bytes > 0):
			return errors.New("either every line has a size or none")
		case len(frames) == maxRecorded:
			return fmt.Errorf("more than %d frames; cut the trace shorter", maxRecorded)
		}
		frames = append(frames, RecordedFrame{At: units.Virtual(math.Round(seconds * 1e9)), Bytes: units.Bytes(length), Line: n})
		return nil
	})
	return frames, err
}
