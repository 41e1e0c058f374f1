package workloads

import (
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
)

// Pictures lists the JPEG files of a directory in alphabetical order, as absolute paths when dir is one. A
// directory without any is an error.
func Pictures(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".jpg", ".jpeg":
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("directory %s has no .jpg or .jpeg file", dir)
	}
	return files, nil
}

// survey reads a directory of pictures: the mean size of a file in bytes, and the first picture's size in pixels.
func survey(dir string) (bytes float64, first size, err error) {
	files, err := Pictures(dir)
	if err != nil {
		return 0, size{}, err
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return 0, size{}, err
		}
		bytes += float64(info.Size()) / float64(len(files))
	}
	f, err := os.Open(files[0])
	if err != nil {
		return 0, size{}, err
	}
	defer f.Close()
	config, err := jpeg.DecodeConfig(f)
	if err != nil {
		return 0, size{}, fmt.Errorf("%s is not a JPEG picture: %w", files[0], err)
	}
	first = size{config.Height, config.Width}
	if float64(channels)*first.pixels() > float64(maxPicture) {
		return 0, size{}, fmt.Errorf("%s has %d×%d pixels; at most %v of raw picture can be run", files[0], config.Width, config.Height, maxPicture)
	}
	return bytes, first, nil
}
