package model

import "github.com/splitbed/splitbed/internal/units"

// EncodingRatio is how much smaller an encoded picture is than its raw 8-bit RGB form, unless a
// workload says otherwise.
const EncodingRatio = 3.1

// A network's input is float32, NCHW, one frame: [1,3,H,W], channels in the order R, G, B. A pixel's
// channel of 0..255 becomes p·NormaliseScale + NormaliseOffset, which lies in [-1, 1].
const (
	NormaliseScale  = 1 / 127.5
	NormaliseOffset = -1
)

// Layer is the tensor after layer K of a network, and what it took to get there.
type Layer struct {
	K    int
	Name string
	// Shape is C,H,W or n: one frame, without the batch.
	Shape []int
	Elems int64
	// FLOPs counts the operations of layers 1..K for one frame; see operation for what counts.
	FLOPs float64
}

// Profile is what a cut after each layer of a network means for one picture size. Layers[k] is cut k;
// Layers[0] is the picture itself.
type Profile struct {
	Model         string
	Height, Width int
	// Digest tells one content of an ONNX file from another; empty for a built-in network.
	Digest string
	Layers []Layer
}

// Describe returns a built-in network's profile for pictures of h×w pixels. It computes shapes only:
// no file, no weight, no engine.
func Describe(name string, h, w int) (Profile, error) {
	p, err := planned(name, h, w)
	if err != nil {
		return Profile{}, err
	}
	return p.profile(), nil
}

// Description is a built-in network at the picture size it was made for, as `splitbed model list --json` prints it.
type Description struct {
	Model      string `json:"model"`
	Height     int    `json:"height"`
	Width      int    `json:"width"`
	Parameters int64  `json:"parameters"`
	// InputBytes is the size of the encoded picture.
	InputBytes units.Bytes        `json:"input_bytes"`
	Layers     []LayerDescription `json:"layers"` // k = 1..N
}

// LayerDescription is a cut after layer K: C,H,W or n of one frame, the bytes of the default wire type, r and l of the
// paper, and the operations of layers 1..K.
type LayerDescription struct {
	K        int         `json:"k"`
	Name     string      `json:"name"`
	Shape    []int       `json:"shape"`
	Bytes    units.Bytes `json:"bytes"`
	Ratio    float64     `json:"ratio"`
	FLOPs    float64     `json:"flops"`
	Overhead float64     `json:"overhead"`
}

// DescribeUsual describes a built-in network at its [UsualSize].
func DescribeUsual(name string) (Description, error) {
	n, err := find(name)
	if err != nil {
		return Description{}, err
	}
	plan, err := n.plan(n.height, n.width)
	if err != nil {
		return Description{}, err
	}
	p := plan.profile()
	d := Description{Model: name, Height: p.Height, Width: p.Width, InputBytes: p.InputBytes()}
	for _, w := range plan.weights() {
		d.Parameters += w.bytes() / 4
	}
	for k, l := range p.Layers[1:] {
		k++
		d.Layers = append(d.Layers, LayerDescription{
			K: k, Name: l.Name, Shape: l.Shape, Bytes: p.Bytes(k), Ratio: p.Ratio(k), FLOPs: l.FLOPs, Overhead: p.Overhead(k),
		})
	}
	return d, nil
}

func (p *plan) profile() Profile {
	out := Profile{Model: p.network.name, Height: p.h, Width: p.w}
	for k, end := range p.ends {
		out.Layers = append(out.Layers, Layer{
			K: k, Name: end.name, Shape: end.spot.shape, Elems: int64(end.spot.elems()), FLOPs: end.flops,
		})
	}
	return out
}

// Cuts is N, the number of layers: cuts are 0..N.
func (p Profile) Cuts() int { return len(p.Layers) - 1 }

// InputBytes is the size of the encoded picture at the default encoding ratio.
func (p Profile) InputBytes() units.Bytes {
	return units.Bytes(float64(p.Height*p.Width*3)/EncodingRatio + 0.5)
}

// Bytes is what cut k sends per frame in the default wire type, one byte an element, without any
// framing; cut 0 sends the encoded picture.
func (p Profile) Bytes(k int) units.Bytes {
	if k == 0 {
		return p.InputBytes()
	}
	return units.Bytes(p.Layers[k].Elems)
}

// Ratio is r_jk of the paper: bytes sent after layer k ÷ bytes of encoded input; 1 for k = 0.
func (p Profile) Ratio(k int) float64 { return float64(p.Bytes(k)) / float64(p.InputBytes()) }

// Overhead is l_jk of the paper: operations of layers 1..k per byte of encoded input.
func (p Profile) Overhead(k int) float64 { return p.Layers[k].FLOPs / float64(p.InputBytes()) }
