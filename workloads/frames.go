package workloads

import (
	"bytes"
	"fmt"
	"image/jpeg"

	"github.com/splitbed/splitbed/workloads/camera"
)

// PicturesPerSource is how many different pictures a source shows in turn: the answer must vary with the content, and
// each costs memory on the edge. Of a directory it is the first ones, and their mean size is what the source is planned with.
const PicturesPerSource = 3

// survey looks at a directory's first pictures: their mean encoded size in bytes, and the first one's size in pixels.
func survey(dir string) (wish, error) {
	// The pictures are decoded into a size any will do for, to find out now if one is broken.
	pictures, err := camera.Directory(dir, sideGrain, sideGrain, PicturesPerSource)
	if err != nil {
		return wish{}, err
	}
	mean := 0.0
	for _, p := range pictures {
		mean += float64(len(p)) / float64(len(pictures))
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(pictures[0]))
	if err != nil {
		return wish{}, fmt.Errorf("the first picture of %s: %w", dir, err)
	}
	first := size{config.Height, config.Width}
	return wish{bytes: mean, encoding: channels * first.pixels() / mean, aspect: first}, nil
}
