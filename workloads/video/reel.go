package video

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/workloads/camera"
)

// Reel is a clip ready to be replayed: two files and where each frame lies in them.
type Reel struct {
	// Packets is a file of encoded packets; frame i is its Bytes[i] from At[i] on.
	Packets string  `json:"packets"`
	At      []int64 `json:"at"`
	Bytes   []int64 `json:"bytes"`
	// Pictures is a file of the decoded frames one after the other, each Height rows of Width interleaved 8-bit RGB pixels.
	Pictures string `json:"pictures"`
	Height   int    `json:"height"`
	Width    int    `json:"width"`
}

// Prepare decodes a clip into pictures of h × w pixels, ahead of a run. What is in dir already is used again; files appear
// whole, so that processes may share a directory.
func Prepare(ctx context.Context, dir string, c *Clip, h, w int) (Reel, error) {
	if h < 1 || w < 1 || h > camera.MaxPixels/w {
		return Reel{}, fmt.Errorf("video %s at %d×%d pixels: height and width must be at least 1 and their product at most %d", c.Path, h, w, camera.MaxPixels)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Reel{}, fmt.Errorf("video: %w", err)
	}
	id := sha256.Sum256([]byte(c.Path + "\x00" + c.Stamp + "\x00" + strconv.Itoa(len(c.Frames)) + strconv.FormatBool(c.Keyframes)))
	stem := filepath.Join(dir, hex.EncodeToString(id[:8]))
	r := Reel{Packets: stem + ".packets", Pictures: fmt.Sprintf("%s-%dx%d.rgb", stem, h, w), Height: h, Width: w}
	starts := make([]int64, len(c.packets)+1)
	for i, size := range c.packets {
		starts[i+1] = starts[i] + int64(size)
	}
	for _, f := range c.Frames {
		r.At, r.Bytes = append(r.At, starts[f.packet]), append(r.Bytes, int64(f.Bytes))
	}
	source := input(c.Path)
	packets := quiet("-nostdin", "-i", source, "-map", "0:V:0", "-c", "copy", "-copyinkf",
		"-frames:v", strconv.Itoa(len(c.packets)), "-f", "data", "pipe:1")
	if err := ensure(ctx, r.Packets, starts[len(c.packets)], packets); err != nil {
		return Reel{}, fmt.Errorf("video %s: taking its packets out: %w", c.Path, err)
	}
	decode := quiet("-nostdin", "-noautorotate")
	if c.Keyframes {
		decode = append(decode, "-skip_frame", "nokey")
	}
	decode = append(decode, "-i", source, "-map", "0:V:0", "-fps_mode", "passthrough", "-frames:v", strconv.Itoa(len(c.Frames)),
		"-vf", fmt.Sprintf("scale=%d:%d:flags=bilinear", w, h), "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1")
	if err := ensure(ctx, r.Pictures, int64(len(c.Frames))*r.picture(), decode); err != nil {
		return Reel{}, fmt.Errorf("video %s: decoding it: %w", c.Path, err)
	}
	return r, nil
}

// picture is the bytes of a decoded frame.
func (r Reel) picture() int64 { return 3 * int64(r.Height) * int64(r.Width) }

// ensure has ffmpeg make a file of exactly so many bytes, unless it is there.
func ensure(ctx context.Context, path string, size int64, args []string) error {
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return nil
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		counted := &counter{to: w}
		if err := run(ctx, nil, counted, size, "ffmpeg", args...); err != nil {
			return err
		}
		if counted.n != size {
			return fmt.Errorf("ffmpeg wrote %d bytes where the listed frames have %d: the file is damaged, or has frames that cannot be decoded alone; "+
				"encode it anew, as H.264 in mp4 for instance", counted.n, size)
		}
		return nil
	})
}

type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// Frames is an open reel. It may be read by any number of goroutines.
type Frames struct {
	reel              Reel
	packets, pictures []byte // mapped
}

// Open maps the files of a reel: every process that does so shares one copy in memory.
func (r Reel) Open() (*Frames, error) {
	f := &Frames{reel: r}
	var err error
	if f.packets, err = mapFile(r.Packets); err != nil {
		return nil, err
	}
	if f.pictures, err = mapFile(r.Pictures); err != nil {
		return nil, err
	}
	if int64(len(f.pictures)) < int64(len(r.At))*r.picture() || len(r.At) != len(r.Bytes) || len(r.At) == 0 {
		return nil, fmt.Errorf("video: %s has %d bytes for %d frames of %d×%d pixels", r.Pictures, len(f.pictures), len(r.At), r.Height, r.Width)
	}
	for i, at := range r.At {
		if at < 0 || r.Bytes[i] < 0 || at+r.Bytes[i] > int64(len(f.packets)) {
			return nil, fmt.Errorf("video: %s has %d bytes, frame %d would be %d from %d on", r.Packets, len(f.packets), i, r.Bytes[i], at)
		}
	}
	return f, nil
}

// mapFile maps a whole file; the mapping lasts as long as the process, which replays it to its end.
func mapFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("video: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("video: %w", err)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("video: %s is empty", path)
	}
	// Populated, so that no frame of a run waits for a page.
	mapped, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("video: mapping %s: %w", path, err)
	}
	return mapped, nil
}

// Len is the number of frames.
func (f *Frames) Len() int { return len(f.reel.At) }

// Packet is frame i as it is encoded. It must not be changed.
func (f *Frames) Packet(i int) []byte { return f.packets[f.reel.At[i]:][:f.reel.Bytes[i]] }

// Picture puts decoded frame i into a tensor as [camera.Decode] does a JPEG, [1,3,h,w].
func (f *Frames) Picture(i int, dst []float32) error {
	size := f.reel.picture()
	return camera.Normalise(f.pictures[int64(i)*size:][:size], f.reel.Height, f.reel.Width, dst)
}
