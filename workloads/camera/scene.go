package camera

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"

	"github.com/splitbed/splitbed/internal/units"
)

// MaxPixels bounds a picture's height × width, so that a slip in a workload file cannot ask for
// gigabytes.
const MaxPixels = 1 << 26

// Scene returns n JPEG pictures, h × w pixels each and within 5 % of size bytes, that a fixed camera takes one
// after the other of the synthetic scene drawn from seed. Picture i does not depend on n.
//
// A size no JPEG encoder setting reaches at h × w pixels is an error that names the nearest one that can be had.
func Scene(seed uint64, h, w int, size units.Bytes, n int) ([][]byte, error) {
	if h < 1 || w < 1 || h > MaxPixels/w {
		return nil, fmt.Errorf("camera scene of %d×%d pixels: height and width must be at least 1 and their product at most %d", h, w, MaxPixels)
	}
	if n < 0 {
		return nil, fmt.Errorf("camera scene of %d pictures: the count must not be negative", n)
	}
	s := newScene(seed, h, w)
	pictures := make([][]byte, n)
	setting := encoding{quality: 90, noise: sensorNoise}
	for i := range pictures {
		s.render(i)
		picture, used, err := s.compress(int(size), setting)
		if err != nil {
			return nil, fmt.Errorf("camera scene of %d×%d pixels, picture %d: %w", h, w, i, err)
		}
		pictures[i], setting = picture, used
	}
	return pictures, nil
}

// scene is a fixed camera's view. It is used by one goroutine.
type scene struct {
	h, w       int
	random     *rand.Rand
	background []uint8 // h×w×3, interleaved RGB
	objects    []object
	period     float64 // pictures in one cycle of the light

	clean []uint8     // the current picture without noise, h×w×3
	grain []int8      // its noise at unit amplitude, h×w×3, standard deviation grainDeviation
	frame *image.RGBA // what is handed to the encoder
}

// object is a thing that crosses the view and turns up again on the other side.
type object struct {
	x, y, dx, dy   float64 // centre and movement per picture, as fractions of width and height
	rx, ry         float64 // half axes, likewise
	colour         [3]float64
	stripes, angle float64 // stripes across the object and their direction in radians
	round          bool
}

func newScene(seed uint64, h, w int) *scene {
	s := &scene{
		h: h, w: w,
		random:     rand.New(rand.NewPCG(seed, 0x73636e65)),
		background: make([]uint8, h*w*3),
		clean:      make([]uint8, h*w*3),
		grain:      make([]int8, h*w*3),
		frame:      image.NewRGBA(image.Rect(0, 0, w, h)),
	}
	r := s.random
	s.period = 20 + 40*r.Float64()
	s.paintBackground()
	for range 3 + r.IntN(5) {
		s.objects = append(s.objects, object{
			x: r.Float64(), y: 0.3 + 0.6*r.Float64(),
			dx: 0.06 * (r.Float64() - 0.5), dy: 0.02 * (r.Float64() - 0.5),
			rx: 0.03 + 0.12*r.Float64(), ry: 0.03 + 0.15*r.Float64(),
			colour:  [3]float64{255 * r.Float64(), 255 * r.Float64(), 255 * r.Float64()},
			stripes: 2 + 10*r.Float64(), angle: math.Pi * r.Float64(),
			round: r.IntN(2) == 0,
		})
	}
	return s
}

// paintBackground draws sky above a horizon, ground below it, and two octaves of texture on both.
func (s *scene) paintBackground() {
	r := s.random
	horizon := 0.25 + 0.3*r.Float64()
	var sky, ground [3]float64
	for c := range 3 {
		sky[c] = 130 + 90*r.Float64()
		ground[c] = 40 + 110*r.Float64()
	}
	coarse, fine := newTexture(r, 8), newTexture(r, 64)
	for y := range s.h {
		v := float64(y) / float64(s.h)
		base, depth, rough := sky, 1-0.3*v/horizon, 12.0
		if v > horizon {
			base, depth, rough = ground, 0.6+0.4*(v-horizon)/(1-horizon), 45.0
		}
		for x := range s.w {
			u := float64(x) / float64(s.w)
			t := rough * (coarse.at(u, v) + 0.5*fine.at(u, v))
			p := s.background[3*(y*s.w+x):]
			for c := range 3 {
				p[c] = clamp(base[c]*depth + t)
			}
		}
	}
}

// render draws picture i, the next in time, without noise, and draws its grain.
func (s *scene) render(i int) {
	light := 1 + 0.15*math.Sin(2*math.Pi*float64(i)/s.period)
	var lit [256]uint8
	for v := range lit {
		lit[v] = clamp(light * float64(v))
	}
	for j, v := range s.background {
		s.clean[j] = lit[v]
	}
	for j := range s.objects {
		o := &s.objects[j]
		s.paint(o, light)
		o.x, o.y = wrap(o.x+o.dx), wrap(o.y+o.dy)
	}
	// Eight sums of two uniform bytes come from one draw of two words: close enough to a normal
	// distribution for grain, and cheaper than any exact one.
	for j := 0; j < len(s.grain); j += 8 {
		a, b := s.random.Uint64(), s.random.Uint64()
		for k := j; k < min(j+8, len(s.grain)); k++ {
			s.grain[k] = int8((int(a&0xff) + int(b&0xff) - 255) / 2)
			a >>= 8
			b >>= 8
		}
	}
}

func (s *scene) paint(o *object, light float64) {
	w, h := float64(s.w), float64(s.h)
	sin, cos := math.Sincos(o.angle)
	for y := max(0, int((o.y-o.ry)*h)); y < min(s.h, int((o.y+o.ry)*h)+1); y++ {
		for x := max(0, int((o.x-o.rx)*w)); x < min(s.w, int((o.x+o.rx)*w)+1); x++ {
			u, v := (float64(x)/w-o.x)/o.rx, (float64(y)/h-o.y)/o.ry
			if o.round && u*u+v*v > 1 {
				continue
			}
			shade := light * (0.75 - 0.25*v)
			if math.Mod(math.Abs(o.stripes*(u*cos+v*sin)), 2) > 1 {
				shade *= 0.6
			}
			p := s.clean[3*(y*s.w+x):]
			for c := range 3 {
				p[c] = clamp(o.colour[c] * shade)
			}
		}
	}
}

// texture is smooth noise in [-1, 1] over the unit square: values on a grid, interpolated.
type texture struct {
	cells  int
	values []float64
}

func newTexture(r *rand.Rand, cells int) texture {
	t := texture{cells: cells, values: make([]float64, (cells+1)*(cells+1))}
	for i := range t.values {
		t.values[i] = 2*r.Float64() - 1
	}
	return t
}

func (t texture) at(u, v float64) float64 {
	u, v = u*float64(t.cells), v*float64(t.cells)
	x, y := int(u), int(v)
	u, v = u-float64(x), v-float64(y)
	row := t.values[y*(t.cells+1)+x:]
	next := t.values[(y+1)*(t.cells+1)+x:]
	return (1-v)*((1-u)*row[0]+u*row[1]) + v*((1-u)*next[0]+u*next[1])
}

func wrap(v float64) float64 {
	switch {
	case v < -0.2:
		return v + 1.4
	case v > 1.2:
		return v - 1.4
	}
	return v
}

func clamp(v float64) uint8 { return uint8(max(0, min(255, v))) }
