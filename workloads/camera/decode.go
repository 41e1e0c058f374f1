package camera

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"

	"golang.org/x/image/draw"

	"github.com/splitbed/splitbed/workloads/model"
)

// Decode turns a JPEG picture into the tensor a network takes, [1,3,h,w] in NCHW order (planes red, green,
// blue): dst, of length 3·h·w, receives p·model.NormaliseScale + model.NormaliseOffset for each 8-bit value p,
// so −1 is black and 1 is white. A picture of another size is scaled to h × w bilinearly, without keeping its proportions.
func Decode(picture []byte, h, w int, dst []float32) error {
	if h < 1 || w < 1 || len(dst) != 3*h*w {
		return fmt.Errorf("decode picture into %d×%d pixels: the tensor has %d elements, 3·h·w is %d", h, w, len(dst), 3*h*w)
	}
	// The header is looked at first: a few bytes can claim a picture that would take gigabytes.
	config, err := jpeg.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("decode picture: %w", err)
	}
	if config.Width < 1 || config.Height < 1 || config.Height > MaxPixels/config.Width {
		return fmt.Errorf("decode picture of %d×%d pixels: at most %d pixels are taken", config.Height, config.Width, MaxPixels)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("decode picture: %w", err)
	}
	bounds := decoded.Bounds()
	if bounds.Dx() == w && bounds.Dy() == h {
		if ycbcr, ok := decoded.(*image.YCbCr); ok {
			normaliseYCbCr(ycbcr, dst)
			return nil
		}
	}
	scaled := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(scaled, scaled.Bounds(), decoded, bounds, draw.Src, nil)
	plane := h * w
	for i := range plane {
		p := scaled.Pix[4*i : 4*i+3]
		dst[i], dst[plane+i], dst[2*plane+i] = normalise(p[0]), normalise(p[1]), normalise(p[2])
	}
	return nil
}

// normaliseYCbCr is the ordinary case, a colour JPEG of the right size, without an image in between.
func normaliseYCbCr(p *image.YCbCr, dst []float32) {
	plane := p.Rect.Dx() * p.Rect.Dy()
	i := 0
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		for x := p.Rect.Min.X; x < p.Rect.Max.X; x++ {
			luma, chroma := p.YOffset(x, y), p.COffset(x, y)
			r, g, b := color.YCbCrToRGB(p.Y[luma], p.Cb[chroma], p.Cr[chroma])
			dst[i], dst[plane+i], dst[2*plane+i] = normalise(r), normalise(g), normalise(b)
			i++
		}
	}
}

func normalise(p uint8) float32 { return float32(p)*model.NormaliseScale + model.NormaliseOffset }

// Normalise is Decode of a picture that is decoded already: h rows of w interleaved 8-bit RGB pixels.
func Normalise(rgb []byte, h, w int, dst []float32) error {
	if h < 1 || w < 1 || len(dst) != 3*h*w || len(rgb) != 3*h*w {
		return fmt.Errorf("normalise a picture of %d×%d pixels: %d bytes and a tensor of %d elements, 3·h·w is %d", h, w, len(rgb), len(dst), 3*h*w)
	}
	var table [256]float32
	for v := range table {
		table[v] = normalise(uint8(v))
	}
	plane := h * w
	red, green, blue := dst[:plane], dst[plane:2*plane], dst[2*plane:]
	for i := range plane {
		p := rgb[3*i : 3*i+3]
		red[i], green[i], blue[i] = table[p[0]], table[p[1]], table[p[2]]
	}
	return nil
}
