package replay

import (
	"fmt"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/video"
)

// Shots are the pictures a task captures, loaded. Shot i is the i-th picture of a directory or a scene, or the i-th frame of a
// video.
type Shots struct {
	jpegs         [][]byte
	frames        *video.Frames
	height, width int
}

// Load makes, reads or maps the pictures for a network that takes h × w pixels.
func (p Pictures) Load(h, w int) (*Shots, error) {
	if p.Reel != nil {
		if p.Reel.Height != h || p.Reel.Width != w {
			return nil, fmt.Errorf("a reel of %d×%d pixels for a network of %d×%d", p.Reel.Height, p.Reel.Width, h, w)
		}
		frames, err := p.Reel.Open()
		return &Shots{frames: frames, height: h, width: w}, err
	}
	if p.Count < 1 {
		return nil, fmt.Errorf("%d pictures: at least one is needed", p.Count)
	}
	var jpegs [][]byte
	var err error
	if p.Directory != "" {
		jpegs, err = camera.Directory(p.Directory, h, w, p.Count)
	} else {
		jpegs, err = camera.Scene(p.Seed, h, w, p.Bytes, p.Count)
	}
	return &Shots{jpegs: jpegs, height: h, width: w}, err
}

// pad appends zeros to JPEGs, which decoders pass over, up to the largest frame's size, so that every frame from the smallest on is the
// beginning of one.
func (s *Shots) pad(smallest, largest units.Bytes) error {
	if largest > MaxPayload {
		return fmt.Errorf("a frame of %v; at most %v are sent", largest, units.Bytes(MaxPayload))
	}
	for i, jpeg := range s.jpegs {
		if units.Bytes(len(jpeg)) > smallest {
			return fmt.Errorf("picture %d has %d bytes, and a frame is to have %d", i, len(jpeg), smallest)
		}
		s.jpegs[i] = append(jpeg, make([]byte, int(largest)-len(jpeg))...)
	}
	return nil
}

// Len is the number of shots.
func (s *Shots) Len() int {
	if s.frames != nil {
		return s.frames.Len()
	}
	return len(s.jpegs)
}

// Encoded is what a camera would send of shot i: its JPEG, or the video's packet. It must not be changed.
func (s *Shots) Encoded(i int) []byte {
	if s.frames != nil {
		return s.frames.Packet(i)
	}
	return s.jpegs[i]
}

// Decode puts shot i into the tensor a network takes, see [camera.Decode].
func (s *Shots) Decode(i int, dst []float32) error {
	if s.frames != nil {
		return s.frames.Picture(i, dst)
	}
	return camera.Decode(s.jpegs[i], s.height, s.width, dst)
}
