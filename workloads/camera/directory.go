package camera

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoPictures is wrapped by Directory's error about a directory without a JPEG file.
var ErrNoPictures = errors.New("no .jpg or .jpeg file")

// MaxBytes is more than any camera's picture encodes to.
const MaxBytes = 64_000_000

// Directory returns the first n JPEG files (.jpg, .jpeg) of a directory in the order of their names, or all of
// them if there are fewer. Other files and subdirectories are passed over. Every picture is
// decoded once into the h × w pixels the network takes, so that a broken file is an error here, with its name,
// and not in the middle of a run.
func Directory(dir string, h, w int, n int) ([][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	if h < 1 || w < 1 || h > MaxPixels/w {
		return nil, fmt.Errorf("pictures of %s at %d×%d pixels: height and width must be at least 1 and their product at most %d", dir, h, w, MaxPixels)
	}
	scratch := make([]float32, 3*h*w)
	var pictures [][]byte
	for _, entry := range entries {
		if len(pictures) >= n {
			break
		}
		switch strings.ToLower(filepath.Ext(entry.Name())) {
		case ".jpg", ".jpeg":
		default:
			continue
		}
		if entry.IsDir() {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		picture, err := readPicture(path)
		if err != nil {
			return nil, fmt.Errorf("pictures: %w", err)
		}
		if err := Decode(picture, h, w, scratch); err != nil {
			return nil, fmt.Errorf("pictures: %s: %w", path, err)
		}
		pictures = append(pictures, picture)
	}
	if len(pictures) == 0 && n > 0 {
		return nil, fmt.Errorf("pictures: %s: %w", dir, ErrNoPictures)
	}
	return pictures, nil
}

// readPicture reads a file that may be anything: endless, or one that gives nothing until somebody writes to it.
func readPicture(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > MaxBytes {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", path, MaxBytes)
	}
	return os.ReadFile(path)
}
