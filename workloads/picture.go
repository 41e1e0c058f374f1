package workloads

import (
	"cmp"
	"math"
	"slices"
)

const (
	// maxSizes is the most picture sizes one network runs at, since each costs the engine a session of its own.
	maxSizes = 8
	// sideGrain: sides are multiples of four pixels, which every network's first layers divide evenly.
	sideGrain = 4
	channels  = 3
)

// size is a picture's height and width in pixels.
type size struct{ height, width int }

func (s size) pixels() float64 { return float64(s.height) * float64(s.width) }

// encoded is the size of the file in bytes when raw 8-bit RGB is that many times larger.
func (s size) encoded(encoding float64) float64 { return channels * s.pixels() / encoding }

// fourToThree is the aspect of synthetic pictures, width to height.
func fourToThree() size { return size{3, 4} }

// scaled is the picture of the same aspect as s with about so many pixels, sides rounded.
func (s size) scaled(pixels float64) size {
	f := math.Sqrt(pixels / s.pixels())
	return size{roundSide(float64(s.height) * f), roundSide(float64(s.width) * f)}
}

func roundSide(v float64) int {
	return max(sideGrain, int(math.Round(v/sideGrain))*sideGrain)
}

// atLeast is the smallest picture of about the same aspect as s that a network with the given smallest input takes.
func (s size) atLeast(smallest size) size {
	f := max(float64(smallest.height)/float64(s.height), float64(smallest.width)/float64(s.width))
	up := func(v float64, least int) int {
		return max(roundSide(v), (least+sideGrain-1)/sideGrain*sideGrain)
	}
	return size{up(f*float64(s.height), smallest.height), up(f*float64(s.width), smallest.width)}
}

// holds says whether a network with the given smallest input takes a picture of size s.
func (s size) holds(smallest size) bool {
	return s.height >= smallest.height && s.width >= smallest.width
}

// choose picks at most maxSizes of the wanted sizes: all where they are that few, else those nearest to a geometric grid of
// pixel counts from the smallest to the largest.
func choose(wanted []size) []size {
	sorted := slices.Clone(wanted)
	slices.SortFunc(sorted, func(a, b size) int {
		return cmp.Or(cmp.Compare(a.pixels(), b.pixels()), cmp.Compare(a.height, b.height))
	})
	sorted = slices.Compact(sorted)
	if len(sorted) <= maxSizes {
		return sorted
	}
	low, high := sorted[0].pixels(), sorted[len(sorted)-1].pixels()
	var grid []size
	for i := range maxSizes {
		grid = append(grid, nearest(sorted, low*math.Pow(high/low, float64(i)/(maxSizes-1))))
	}
	return slices.Compact(grid)
}

// nearest is the size whose number of pixels is closest by ratio.
func nearest(sizes []size, pixels float64) size {
	return slices.MinFunc(sizes, func(a, b size) int {
		return cmp.Compare(math.Abs(math.Log(a.pixels()/pixels)), math.Abs(math.Log(b.pixels()/pixels)))
	})
}
