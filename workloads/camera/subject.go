package camera

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Subject is what a scene is about: one of two kinds of animal, which differ in outline and coat, not in colour, size or place.
type Subject int

// The subjects, in the order of the classes of a network that tells them apart.
const (
	Cat Subject = iota // pointed ears above a round head, a striped coat
	Dog                // hanging ears beside a long head, a spotted coat
)

// String is the subject's name, "cat" or "dog".
func (s Subject) String() string {
	if s == Dog {
		return "dog"
	}
	return "cat"
}

// Footage is what a fixed camera sees of a subject that moves about in a scene: the background, light, noise and bystanders
// of [Scene]. It is used by one goroutine.
type Footage struct {
	scene  *scene
	animal *animal
	next   int
	rgb    []byte
}

// noiseOfFootage is the standard deviation of a frame's noise, in steps of 1/255: that of a camera in good light, which a video
// encoder has bits for.
const noiseOfFootage = 1.5

// NewFootage is the scene drawn from seed, h × w pixels. The same arguments give the same frames on every machine.
func NewFootage(seed uint64, h, w int, subject Subject) (*Footage, error) {
	if h < 1 || w < 1 || h > MaxPixels/w {
		return nil, fmt.Errorf("footage of %d×%d pixels: height and width must be at least 1 and their product at most %d", h, w, MaxPixels)
	}
	f := &Footage{scene: newScene(seed, h, w), rgb: make([]byte, 3*h*w)}
	// A stream of its own, in which both subjects draw the same: colour, size and path tell nothing about which it is.
	f.animal = newAnimal(rand.New(rand.NewPCG(seed, 0x616e696d)), subject)
	return f, nil
}

// Next is the next frame as rows of interleaved 8-bit RGB, 3·h·w bytes, good until the next call.
func (f *Footage) Next() []byte {
	s := f.scene
	s.render(f.next)
	f.animal.paint(s, f.next)
	f.next++
	scale := int(math.Round(noiseOfFootage / grainDeviation * 1024))
	for i, v := range s.clean {
		f.rgb[i] = uint8(max(0, min(255, int(v)+(int(s.grain[i])*scale+512)>>10)))
	}
	return f.rgb
}

// animal is a subject on its way. Lengths are fractions of the picture's height.
type animal struct {
	subject        Subject
	x, y, dx, dy   float64 // centre of the head as fractions of width and height, and movement per frame
	size           float64 // radius of the head
	colour, marks  [3]float64
	angle          float64 // of the stripes
	spots          [][2]float64
	stripesPerHead float64
}

func newAnimal(r *rand.Rand, subject Subject) *animal {
	a := &animal{
		subject: subject, x: 0.35 + 0.3*r.Float64(), y: 0.45 + 0.15*r.Float64(),
		dx: 0.008 * (r.Float64() - 0.5), dy: 0.004 * (r.Float64() - 0.5), size: 0.22 + 0.08*r.Float64(),
		angle: math.Pi * r.Float64(), stripesPerHead: 5 + 3*r.Float64(),
	}
	for c := range 3 {
		a.colour[c] = 70 + 160*r.Float64()
	}
	for c := range 3 {
		a.marks[c] = a.colour[c] * 0.4
	}
	for range 40 {
		a.spots = append(a.spots, [2]float64{2.6*r.Float64() - 1.3, 2.6*r.Float64() - 1.3})
	}
	return a
}

// paint draws the animal into the scene's picture i. u and v are coordinates in units of the head's radius.
func (a *animal) paint(s *scene, i int) {
	h, w := float64(s.h), float64(s.w)
	cx, cy := (a.x+a.dx*float64(i))*w, (a.y+a.dy*float64(i))*h
	radius := a.size * h
	sin, cos := math.Sincos(a.angle)
	for y := max(0, int(cy-2*radius)); y < min(s.h, int(cy+2*radius)); y++ {
		for x := max(0, int(cx-2*radius)); x < min(s.w, int(cx+2*radius)); x++ {
			u, v := (float64(x)-cx)/radius, (float64(y)-cy)/radius
			if !a.covers(u, v) {
				continue
			}
			colour := a.colour
			if a.marked(u, v, sin, cos) {
				colour = a.marks
			}
			shade := 0.9 - 0.15*v
			p := s.clean[3*(y*s.w+x):]
			for c := range 3 {
				p[c] = clamp(colour[c] * shade)
			}
		}
	}
}

// covers tells whether a place belongs to the head or an ear.
func (a *animal) covers(u, v float64) bool {
	side := math.Abs(u)
	if a.subject == Cat {
		ear := v > -1.6 && v < -0.3 && math.Abs(side-0.6) < 0.4*(v+1.6)/1.3
		return u*u+v*v < 1 || ear
	}
	head := u*u/(0.85*0.85)+v*v/(1.18*1.18) < 1
	ear := (side-1.05)*(side-1.05)/(0.3*0.3)+(v-0.1)*(v-0.1)/(0.8*0.8) < 1
	return head || ear
}

// marked tells whether a place is of the darker colour: about four tenths of the coat of either.
func (a *animal) marked(u, v, sin, cos float64) bool {
	if a.subject == Cat {
		along := a.stripesPerHead * (u*cos + v*sin) / 2
		return along-math.Floor(along) < 0.42
	}
	const spot = 0.165
	for _, at := range a.spots {
		if (u-at[0])*(u-at[0])+(v-at[1])*(v-at[1]) < spot*spot {
			return true
		}
	}
	return false
}
