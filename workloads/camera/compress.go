package camera

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"math"
)

// ErrSize is wrapped by errors about a picture size that cannot be had.
var ErrSize = errors.New("picture size out of reach")

const (
	// sensorNoise is the standard deviation a camera's noise starts from, in steps of 1/255.
	sensorNoise = 2.5
	// mostNoise is where the search stops: beyond it pixels saturate and pictures stop growing.
	mostNoise = 100
	// grainDeviation is the standard deviation of scene.grain: half the sum of two uniform bytes.
	grainDeviation = 52.0
	// accepted is how far from the asked size the search stops, against the 5 % that are promised.
	accepted = 0.03
)

const (
	// jpegHeader is what a colour JPEG's tables take in bytes, whatever its pixels, and leastPerPixel what every pixel adds at
	// the lowest quality: measured on scenes of 12×16 to 480×640 pixels.
	jpegHeader    = 620.0
	leastPerPixel = 0.03
)

// LeastPixels is how many pixels a picture needs to be encoded to 1/encoding of its raw 8-bit RGB bytes: of smaller ones the
// tables alone are larger. It is +Inf where no number is enough, because even the lowest quality takes more for a pixel.
func LeastPixels(encoding float64) float64 {
	perPixel := 3/encoding - leastPerPixel
	if perPixel <= 0 {
		return math.Inf(1)
	}
	return jpegHeader / perPixel
}

// LeastBytes is what a picture of h × w pixels encodes to at least.
func LeastBytes(h, w int) float64 { return jpegHeader + leastPerPixel*float64(h)*float64(w) }

// encoding is how a picture is turned into a JPEG: its quality (1–100) and the noise added
// before (standard deviation, in steps of 1/255).
type encoding struct {
	quality int
	noise   float64
}

// compress encodes the current picture into size bytes, beginning the search at first, and
// returns what it settled on: the next picture of a scene nearly always takes the same.
func (s *scene) compress(size int, first encoding) ([]byte, encoding, error) {
	picture, err := s.encode(first)
	if err != nil || near(len(picture), size) {
		return picture, first, err
	}
	e := encoding{noise: sensorNoise}
	if e.quality, err = s.searchQuality(size); err != nil {
		return nil, e, err
	}
	return s.searchNoise(size, e)
}

// searchQuality finds the highest quality whose picture, with ordinary noise, is no larger than size;
// 1 if there is none.
func (s *scene) searchQuality(size int) (int, error) {
	low, high := 1, 100
	for low < high {
		middle := (low + high + 1) / 2
		picture, err := s.encode(encoding{quality: middle, noise: sensorNoise})
		if err != nil {
			return 0, err
		}
		if len(picture) <= size {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// searchNoise finds the noise that makes a picture of e's quality size bytes large. More noise
// never makes a picture smaller by more than chance, so it closes in on size between two bounds.
func (s *scene) searchNoise(size int, e encoding) ([]byte, encoding, error) {
	low, high := 0.0, float64(mostNoise)
	var best []byte
	chosen := e
	for range 24 {
		picture, err := s.encode(e)
		if err != nil {
			return nil, e, err
		}
		if best == nil || distance(len(picture), size) < distance(len(best), size) {
			best, chosen = picture, e
		}
		if near(len(picture), size) {
			break
		}
		if len(picture) < size {
			low = e.noise
		} else {
			high = e.noise
		}
		// The square root weights the steps towards little noise, where the size changes fastest.
		middle := (math.Sqrt(low) + math.Sqrt(high)) / 2
		e.noise = middle * middle
	}
	if distance(len(best), size) <= 0.05 {
		return best, chosen, nil
	}
	return nil, chosen, fmt.Errorf("%w: %d bytes were asked for and %d is the nearest a JPEG of these pixels comes; change the input's size or its encoding ratio",
		ErrSize, size, len(best))
}

func (s *scene) encode(e encoding) ([]byte, error) {
	scale := int(math.Round(e.noise / grainDeviation * 1024))
	pixels := s.frame.Pix
	for i, j := 0, 0; i < len(s.clean); i, j = i+3, j+4 {
		for c := range 3 {
			v := int(s.clean[i+c]) + (int(s.grain[i+c])*scale+512)>>10
			pixels[j+c] = uint8(max(0, min(255, v)))
		}
		pixels[j+3] = 255
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, s.frame, &jpeg.Options{Quality: e.quality}); err != nil {
		return nil, fmt.Errorf("encode JPEG: %w", err)
	}
	return out.Bytes(), nil
}

func near(n, size int) bool { return distance(n, size) <= accepted }

// distance is how far n is from size, relative to size.
func distance(n, size int) float64 { return math.Abs(float64(n-size)) / math.Max(1, float64(size)) }
