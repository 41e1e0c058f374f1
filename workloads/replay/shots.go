package replay

import (
	"fmt"

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
