package video

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/camera"
)

const (
	// longestClip is how much of a video is replayed at most, and largestReel how many bytes its decoded frames may take: half a
	// minute of 720p at 24 frames a second.
	longestClip = 60 * units.Virtual(1e9)
	largestReel = 2_000_000_000
	// mostListing bounds what ffprobe writes, about 200 bytes a packet.
	mostListing = 64 << 20
	// largestPacket is what one message carries.
	largestPacket = camera.MaxBytes
	// mostFPS is what a task may have.
	mostFPS = 1000
)

var (
	errNoVideo  = errors.New("it has no video stream")
	errNoFrames = errors.New("its video stream has no frames")
)

// Probe reads which frames a video has: a file, or the name of a shipped one, which is made in dir if it is not there. It is
// cut where a minute is over or the decoded frames would take two gigabytes.
func Probe(ctx context.Context, dir, fileOrName string, keyframes bool) (*Clip, error) {
	path := fileOrName
	if IsShipped(fileOrName) {
		var err error
		if path, err = makeShipped(ctx, dir, fileOrName); err != nil {
			return nil, fmt.Errorf("video %s: %w", fileOrName, err)
		}
	}
	clip, err := probe(ctx, path)
	if err == nil && keyframes {
		err = clip.keepKeyframes()
	}
	if err != nil {
		return nil, fmt.Errorf("video %s: %w", fileOrName, err)
	}
	return clip, nil
}

// quiet has a program say nothing but errors, ask nothing, and open nothing but the one file.
func quiet(args ...string) []string {
	return append([]string{"-v", "error", "-protocol_whitelist", "file,pipe"}, args...)
}

// input is a path as an argument that cannot be taken for an option or a protocol.
func input(path string) string { return "file:" + path }

func probe(ctx context.Context, path string) (*Clip, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	var listing bytes.Buffer
	err = run(ctx, nil, &listing, mostListing, "ffprobe", quiet("-select_streams", "V:0", "-show_packets", "-show_streams",
		"-show_entries", "packet=pts_time,duration_time,size,flags:stream=width,height,avg_frame_rate",
		"-read_intervals", fmt.Sprintf("%%+%g", longestClip.Seconds()), "-of", "json", input(path))...)
	if errors.Is(err, ErrNoFFmpeg) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("it cannot be read as a video: %w", err)
	}
	clip, err := parse(listing.Bytes())
	if err != nil {
		return nil, err
	}
	clip.Path, clip.Stamp = path, fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano())
	return clip, nil
}

// listing is what ffprobe says.
type listing struct {
	Packets []struct {
		Time     string `json:"pts_time"` // seconds
		Duration string `json:"duration_time"`
		Size     string `json:"size"`
		Flags    string `json:"flags"` // K: a key frame, D: to be decoded and not shown
	} `json:"packets"`
	Streams []struct {
		Width  int    `json:"width"`
		Height int    `json:"height"`
		Rate   string `json:"avg_frame_rate"` // "24/1"
	} `json:"streams"`
}

// parse makes a clip of ffprobe's listing.
func parse(text []byte) (*Clip, error) {
	var l listing
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("ffprobe's listing: %w", err)
	}
	if len(l.Streams) == 0 {
		return nil, errNoVideo
	}
	clip := &Clip{Height: l.Streams[0].Height, Width: l.Streams[0].Width}
	if clip.Height < 1 || clip.Width < 1 || clip.Height > camera.MaxPixels/clip.Width {
		return nil, fmt.Errorf("its frames have %d×%d pixels (width×height); 1 to %d are taken", clip.Width, clip.Height, camera.MaxPixels)
	}
	last := units.Virtual(0) // duration of the last frame
	for i, p := range l.Packets {
		size, err := strconv.ParseInt(p.Size, 10, 64)
		if err != nil || size < 1 || size > largestPacket {
			return nil, fmt.Errorf("packet %d: %.20q is no size in bytes from 1 to %d", i, p.Size, int64(largestPacket))
		}
		clip.packets = append(clip.packets, units.Bytes(size))
		if strings.Contains(p.Flags, "D") {
			continue
		}
		at, err := seconds(p.Time)
		if err != nil {
			return nil, fmt.Errorf("packet %d has no time to be shown at (%.20q); put the stream into a container that has times, such as mp4", i, p.Time)
		}
		clip.Frames = append(clip.Frames, Frame{At: at, Bytes: units.Bytes(size), Key: strings.Contains(p.Flags, "K"), packet: i})
	}
	if len(clip.Frames) == 0 {
		return nil, errNoFrames
	}
	slices.SortStableFunc(clip.Frames, func(a, b Frame) int { return cmp.Compare(a.At, b.At) })
	first := clip.Frames[0].At
	for i := range clip.Frames {
		clip.Frames[i].At -= first
		if i > 0 && clip.Frames[i].At == clip.Frames[i-1].At {
			return nil, fmt.Errorf("two frames are shown at %v", clip.Frames[i].At)
		}
	}
	end := clip.Frames[len(clip.Frames)-1]
	if d, err := seconds(l.Packets[end.packet].Duration); err == nil && d > 0 {
		last = d
	} else if last, err = frameTime(l.Streams[0].Rate); err != nil {
		return nil, err
	}
	clip.Length = end.At + last
	clip.shorten()
	// Its times may be nanoseconds apart.
	if float64(len(clip.Frames)) > mostFPS*clip.Length.Seconds() {
		return nil, fmt.Errorf("%d frames in %v are more than %d a second", len(clip.Frames), clip.Length, mostFPS)
	}
	return clip, nil
}

// shorten cuts a clip where its decoded frames would take too much or it lasts too long.
func (c *Clip) shorten() {
	most := max(1, int(largestReel/(3*int64(c.Height)*int64(c.Width))))
	n := min(len(c.Frames), most)
	for n > 1 && c.Frames[n-1].At >= longestClip {
		n--
	}
	if n < len(c.Frames) {
		c.Length = c.Frames[n].At
		c.Frames = c.Frames[:n]
	}
}

// keepKeyframes leaves out the others, whose time passes all the same.
func (c *Clip) keepKeyframes() error {
	c.Keyframes = true
	c.Frames = slices.DeleteFunc(c.Frames, func(f Frame) bool { return !f.Key })
	if len(c.Frames) == 0 {
		return errors.New("it has no key frame; use keyframes: false")
	}
	return nil
}

func seconds(text string) (units.Virtual, error) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || !(math.Abs(s) <= 1e9) {
		return 0, fmt.Errorf("%.20q is no time in seconds", text)
	}
	return units.Virtual(math.Round(s * 1e9)), nil
}

// frameTime is 1 ÷ a frame rate such as "30000/1001".
func frameTime(rate string) (units.Virtual, error) {
	a, b, ok := strings.Cut(rate, "/")
	frames, err := strconv.ParseFloat(a, 64)
	per, errPer := strconv.ParseFloat(b, 64)
	if !ok || err != nil || errPer != nil || !(frames > 0 && per > 0) || !(per/frames <= 3600) {
		return 0, fmt.Errorf("nothing says how long its last frame is shown (frame rate %.20q)", rate)
	}
	return units.Virtual(math.Round(1e9 * per / frames)), nil
}
