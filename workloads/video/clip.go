package video

import (
	"math"
	"sort"

	"github.com/splitbed/splitbed/internal/units"
)

// Clip is the part of a video that is replayed, again and again: its frames in the order they are shown.
type Clip struct {
	// Path is the file; Stamp tells its present contents from earlier ones.
	Path, Stamp   string
	Height, Width int // pixels
	// Keyframes says that only those that need no other to be decoded are there.
	Keyframes bool
	Frames    []Frame
	// Length is from the first frame of the video to that of the next round.
	Length units.Virtual
	// packets are the sizes of all packets of the clip in the order of the file, key frames or not.
	packets []units.Bytes
}

// Frame is an encoded picture.
type Frame struct {
	// At is when it is shown, from the beginning of the clip.
	At    units.Virtual
	Bytes units.Bytes
	Key   bool
	// packet is its place in the order of the file.
	packet int
}

// FPS is the mean number of frames a second.
func (c *Clip) FPS() float64 { return float64(len(c.Frames)) / c.Length.Seconds() }

// MeanBytes is the mean encoded size of a frame.
func (c *Clip) MeanBytes() float64 {
	sum := 0.0
	for _, f := range c.Frames {
		sum += float64(f.Bytes)
	}
	return sum / float64(len(c.Frames))
}

// Smallest and Largest are the encoded sizes of the smallest and the largest frame.
func (c *Clip) Smallest() units.Bytes {
	smallest := c.Frames[0].Bytes
	for _, f := range c.Frames {
		smallest = min(smallest, f.Bytes)
	}
	return smallest
}

// Largest is the encoded size of the largest frame.
func (c *Clip) Largest() units.Bytes {
	largest := units.Bytes(0)
	for _, f := range c.Frames {
		largest = max(largest, f.Bytes)
	}
	return largest
}

// Times are those in [from, to) at which a frame is shown, ascending, when the clip is at place at time 0 and repeats for ever.
func (c *Clip) Times(place, from, to units.Virtual) []units.Virtual {
	var out []units.Virtual
	round := units.Virtual(math.Floor(float64(from+place)/float64(c.Length))) - 1
	for start := round*c.Length - place; start < to; start += c.Length {
		for _, f := range c.Frames {
			if at := start + f.At; at >= from && at < to {
				out = append(out, at)
			}
		}
	}
	return out
}

// Shown is the index of the frame that is shown at a time, the last one before it, when the clip is at place at time 0.
func (c *Clip) Shown(place, at units.Virtual) int {
	within := (at + place) % c.Length
	if within < 0 {
		within += c.Length
	}
	next := sort.Search(len(c.Frames), func(i int) bool { return c.Frames[i].At > within })
	return (next - 1 + len(c.Frames)) % len(c.Frames)
}
