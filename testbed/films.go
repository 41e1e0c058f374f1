package testbed

import (
	"context"
	"path/filepath"

	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/replay"
	"github.com/splitbed/splitbed/workloads/video"
)

// videoDir is where shipped videos and the decoded frames of all are kept, within what containers see of the store.
func videoDir(store model.Store) string { return filepath.Join(store.Dir, "video") }

// films makes the reels of a run's videos, each once. It is not safe for concurrent use.
type films struct {
	dir  string
	made map[film]*video.Reel
}

type film struct {
	clip          *video.Clip
	height, width int
}

func newFilms(store model.Store) *films {
	return &films{dir: videoDir(store), made: map[film]*video.Reel{}}
}

// pictures says what a stream's frames show, and decodes it if it is a video. They are no more than there are frames to show them: a
// large run has thousands of streams with one frame each.
func (f *films) pictures(ctx context.Context, s Stream) (replay.Pictures, error) {
	if s.Source.Video == nil {
		count := min(workloads.PicturesPerSource, len(s.Arrivals))
		return replay.Pictures{Directory: s.Source.Frames, Seed: s.Source.Seed, Bytes: s.Source.Picture(), Count: count}, nil
	}
	key := film{s.Source.Video, s.Height, s.Width}
	if f.made[key] == nil {
		reel, err := video.Prepare(ctx, f.dir, s.Source.Video, s.Height, s.Width)
		if err != nil {
			return replay.Pictures{}, err
		}
		f.made[key] = &reel
	}
	return replay.Pictures{Reel: f.made[key], Seed: s.Source.Seed}, nil
}

// shows are the pictures of a stream's frames; nil where they come in turn.
func (s Stream) shows() []int {
	if s.Source.Video == nil {
		return nil
	}
	shows := make([]int, len(s.Arrivals))
	for n := range shows {
		shows[n] = s.shown(n)
	}
	return shows
}

// picture is the one that the stream's frame n shows, of so many.
func (s Stream) picture(n, pictures int) int {
	if s.Source.Video != nil {
		return s.shown(n) % pictures
	}
	return (s.First + n) % pictures
}
