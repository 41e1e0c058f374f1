package model

import (
	"encoding/binary"
	"hash/fnv"
	"math"
)

// weightSpec is a weight's name, shape and distribution.
type weightSpec struct {
	name, role string
	dims       []int
	fanIn      int // inputs of one output; 0 for a bias
	// depthwise: the inputs are neighbours in one channel of the picture.
	depthwise bool
	// fitted is the fit the values come from, a little-endian float32 each: those of weights, then that of the bias. Empty where they
	// are drawn.
	fitted string
}

func (w weightSpec) shape() []int64 {
	dims := make([]int64, len(w.dims))
	for i, d := range w.dims {
		dims[i] = int64(d)
	}
	return dims
}

// rows and rowLen: a row holds the weights of one output.
func (w weightSpec) rows() int { return w.dims[0] }

func (w weightSpec) rowLen() int {
	n := 1
	for _, d := range w.dims[1:] {
		n *= d
	}
	return n
}

func (w weightSpec) bytes() int64 { return 4 * int64(w.rows()) * int64(w.rowLen()) }

// The builder's Version and seed are in the name of every file it makes. Raise Version whenever a
// network, its weights or the form of its graph changes.
const (
	Version    = 3
	weightSeed = 1
)

const biasSpread = 0.1

// appendRow appends row r of the weight as little-endian float32. It is a pure function of seed, name
// and row, the same on every machine: integers from a counter, one exactly rounded operation at a
// time.
//
// Weights are uniform and scaled to their fan-in (He et al., ICCV 2015, section 2.2), with each row's
// mean taken off: what comes out of a ReLU is never negative, and in a deep network with random
// weights the common part of it would swamp what differs between pictures, until every picture got the
// same answer. A depthwise filter averages instead, with random weights that are not negative: its inputs are neighbours
// in one channel and nearly equal, so that a filter of zero sum would leave hardly anything of them, and after a few of
// those the answer would come from the biases alone.
func (w weightSpec) appendRow(to []byte, r int) []byte {
	n := w.rowLen()
	if w.fitted != "" {
		return w.appendFitted(to, r)
	}
	key := splitmix(weightSeed ^ hash(w.name))
	base := uint64(r) << 32
	draw := func(j int) int32 { // uniform in [-2^23, 2^23)
		x := splitmix(key + (base|uint64(j>>1))*golden)
		return int32(x>>(32*uint(j&1))) >> 8
	}
	spread := biasSpread
	mean := 0.0
	switch {
	case w.depthwise:
		spread = 1 / float64(w.fanIn)
		mean = -(1 << 23) // weights from 0 to 2/fanIn
	case w.fanIn > 0:
		// A row of zero sum sees the variance of its inputs, not their mean square, and a ReLU leaves
		// (1 - 1/π)/2 of a normal variable's variance.
		spread = spreadOf(2 / (1 - 1/math.Pi) / float64(w.fanIn))
		sum := int64(0)
		for j := range n {
			sum += int64(draw(j))
		}
		mean = float64(sum) / float64(n)
	}
	scale := spread / (1 << 23)
	for j := range n {
		v := float32((float64(draw(j)) - mean) * scale)
		to = binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
	}
	return to
}

// spreadOf is the a of a uniform variable on ±a with the given variance, a²/3.
func spreadOf(variance float64) float64 { return math.Sqrt(3 * variance) }

const golden = 0x9e3779b97f4a7c15

// splitmix is the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): consecutive
// multiples of golden give independent numbers.
func splitmix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// layout is each weight's offset in the weights file.
func layout(weights []weightSpec) map[string]int64 {
	places := map[string]int64{}
	at := int64(0)
	for _, w := range weights {
		places[w.name] = at
		at = alignPage(at + w.bytes())
	}
	return places
}

// layoutSize is the size of the weights file.
func layoutSize(weights []weightSpec) int64 {
	size := int64(0)
	for _, w := range weights {
		size = alignPage(size + w.bytes())
	}
	return size
}
