package model

import (
	_ "embed"
	"encoding/binary"
	"math"
)

// catDogFit is what `splitbed model fit --out` wrote: the [Fit] of alexnet2.
//
//go:embed alexnet2.fit
var catDogFit string

// Fit is the last layer of a network with two answers: an affine function of what comes before it, above 0 for the second
// answer. The layer's two outputs are −f and f, which softmax turns into probabilities.
type Fit struct {
	Weights []float32
	Bias    float32
}

// Encode is the fit as it is kept: little-endian float32, weights, then bias.
func (f Fit) Encode() []byte {
	var out []byte
	for _, v := range append(f.Weights[:len(f.Weights):len(f.Weights)], f.Bias) {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// appendFitted is appendRow of a fitted weight: row 0 is the negative of what the fit holds, row 1 itself.
func (w weightSpec) appendFitted(to []byte, r int) []byte {
	values := w.fitted[:len(w.fitted)-4]
	if w.role == "b" {
		values = w.fitted[len(w.fitted)-4:]
	}
	const sign = 1 << 7 // of a little-endian float32, in its last byte
	for i := range len(values) {
		b := values[i]
		if r == 0 && i%4 == 3 {
			b ^= sign
		}
		to = append(to, b)
	}
	return to
}
