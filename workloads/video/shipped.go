package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/workloads/camera"
)

// The shipped video: what a camera at a door sees, a cat and a dog by turns, as the paper's running example has it: 720p at 24
// frames and 3000 kb/s, a key frame each second.
const (
	catDog         = "cat-dog"
	shippedVersion = 1 // raise it when the video changes
	shippedHeight  = 720
	shippedWidth   = 1280
	shippedFPS     = 24
	shippedSeconds = 6
	shippedKbps    = 2840     // of which the encoder makes 3000
	mostShipped    = 64 << 20 // bytes of the file
)

// Shipped lists the videos that can be named instead of a file.
func Shipped() []string { return []string{catDog} }

// IsShipped tells a shipped video's name from a path.
func IsShipped(name string) bool { return slices.Contains(Shipped(), name) }

// makeShipped is the path of a shipped video, which is made at its first use: ten seconds of work.
func makeShipped(ctx context.Context, dir, name string) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("%s-v%d.mp4", name, shippedVersion))
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	err := atomicfile.Write(path, func(w io.Writer) error {
		return encode(ctx, w, shippedHeight, shippedWidth, shippedSeconds, shippedKbps)
	})
	return path, err
}

// encode films a cat and a dog by turns, a second each, and writes an mp4 file. No frame refers to a later one, as in cameras.
func encode(ctx context.Context, to io.Writer, h, w, length, kbps int) error {
	frames, piped := io.Pipe()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := film(piped, h, w, length)
		return errors.Join(err, piped.CloseWithError(err)) // nil: the end
	})
	group.Go(func() error {
		rate := fmt.Sprintf("%dk", kbps)
		gop := fmt.Sprint(shippedFPS)
		err := run(ctx, frames, to, mostShipped, "ffmpeg", strings.Fields(fmt.Sprintf(
			"-v error -f rawvideo -pix_fmt rgb24 -s %dx%d -r %d -i pipe:0 -c:v libx264 -preset veryfast -threads 2 -bf 0 "+
				"-b:v %s -minrate %s -maxrate %s -bufsize %s -g %s -keyint_min %s -sc_threshold 0 -pix_fmt yuv420p "+
				"-movflags frag_keyframe+empty_moov -f mp4 pipe:1", w, h, shippedFPS, rate, rate, rate, rate, gop, gop))...)
		return errors.Join(err, frames.CloseWithError(err)) // so that filming ends, too
	})
	return group.Wait()
}

// film writes raw frames, seconds of them with one subject each.
func film(to io.Writer, h, w, length int) error {
	for second := range length {
		footage, err := camera.NewFootage(uint64(second)+1, h, w, camera.Subject(second%2))
		if err != nil {
			return err
		}
		for range shippedFPS {
			if _, err := to.Write(footage.Next()); err != nil {
				return err
			}
		}
	}
	return nil
}
