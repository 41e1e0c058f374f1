package model

import "fmt"

// operation is one element of a layer. add appends its steps to the plan, reading from in, and returns
// the tensor it makes.
//
// Operations are counted as follows, in all networks: a multiplication and an addition are one each,
// so a convolution or a fully connected layer with K inputs per output makes 2K, the bias included (it is
// what the first product is added to). An activation makes 1 per element, pooling one per element of
// its window, a residual sum 1 per element, response normalisation 2 for each channel in the sum and 4 more per
// element, softmax 5 per class. Moving data counts nothing.
type operation interface {
	add(p *planner, in spot) (spot, error)
}

// conv is a convolution with square kernels, a bias and, unless linear, a ReLU. Zero stride and zero
// groups are 1; groups of depthwise gives every input channel filters of its own.
type conv struct {
	out, kernel, stride, pad, groups int
	linear                           bool
}

const depthwise = -1

func (c conv) add(p *planner, in spot) (spot, error) {
	if err := in.picture("conv"); err != nil {
		return spot{}, err
	}
	stride, groups := max(c.stride, 1), max(c.groups, 1)
	if c.groups == depthwise {
		groups = in.shape[0]
	}
	h, w, err := slide(in, c.kernel, stride, c.pad)
	if err != nil {
		return spot{}, err
	}
	channels := in.shape[0] / groups
	if channels*groups != in.shape[0] || c.out%groups != 0 {
		return spot{}, fmt.Errorf("%d channels into %d do not fall into %d groups", in.shape[0], c.out, groups)
	}
	fan := channels * c.kernel * c.kernel
	out := p.step(step{
		op: "Conv", in: []string{in.tensor}, shape: []int{c.out, h, w},
		attrs: append(window([2]int{c.kernel, c.kernel}, [2]int{stride, stride}, [4]int{c.pad, c.pad, c.pad, c.pad}), attribute{name: "group", value: groups}),
		weights: []weightSpec{
			{role: "w", dims: []int{c.out, channels, c.kernel, c.kernel}, fanIn: fan, depthwise: groups > 1 && channels == 1},
			{role: "b", dims: []int{c.out}},
		},
		perOutput: 2 * fan,
	})
	if c.linear {
		return out, nil
	}
	return relu{}.add(p, out)
}

type relu struct{}

func (relu) add(p *planner, in spot) (spot, error) {
	return p.step(step{op: "Relu", in: []string{in.tensor}, shape: in.shape, perOutput: 1}), nil
}

// maxPool keeps the largest of every kernel×kernel window. With cover, a row or column left over at the lower or right
// edge gets a window of its own, as in Caffe, where the networks that have it come from.
type maxPool struct {
	kernel, stride, pad int
	cover               bool
}

func (m maxPool) add(p *planner, in spot) (spot, error) {
	if err := in.picture("maxPool"); err != nil {
		return spot{}, err
	}
	h, w, err := slide(in, m.kernel, m.stride, m.pad)
	if err != nil {
		return spot{}, err
	}
	// The padding below and to the right that makes room for one more window, where a row or column is left over.
	below, right := m.pad, m.pad
	if left := in.shape[1] + 2*m.pad - m.kernel - (h-1)*m.stride; m.cover && left > 0 {
		below, h = below+m.stride-left, h+1
	}
	if left := in.shape[2] + 2*m.pad - m.kernel - (w-1)*m.stride; m.cover && left > 0 {
		right, w = right+m.stride-left, w+1
	}
	return p.step(step{
		op: "MaxPool", in: []string{in.tensor}, shape: []int{in.shape[0], h, w},
		attrs:     window([2]int{m.kernel, m.kernel}, [2]int{m.stride, m.stride}, [4]int{m.pad, m.pad, below, right}),
		perOutput: m.kernel * m.kernel,
	}), nil
}

// averageTo averages down to h×w whatever the picture's size: stride in/out and a window of
// in − (out−1)·stride, so that the windows cover everything. It makes one set of weights serve
// every size.
type averageTo struct{ h, w int }

func (a averageTo) add(p *planner, in spot) (spot, error) {
	if err := in.picture("averageTo"); err != nil {
		return spot{}, err
	}
	if in.shape[1] < a.h || in.shape[2] < a.w {
		return spot{}, tooSmall(in, fmt.Sprintf("at least %d×%d", a.h, a.w))
	}
	sh, sw := in.shape[1]/a.h, in.shape[2]/a.w
	kh, kw := in.shape[1]-(a.h-1)*sh, in.shape[2]-(a.w-1)*sw
	return p.step(step{
		op: "AveragePool", in: []string{in.tensor}, shape: []int{in.shape[0], a.h, a.w},
		attrs:     window([2]int{kh, kw}, [2]int{sh, sw}, [4]int{}),
		perOutput: kh * kw,
	}), nil
}

// full is a fully connected layer with a bias and, unless linear, a ReLU. Its weights are drawn, or, where fitted is not empty, those
// of the fit in it.
type full struct {
	out    int
	linear bool
	fitted string
}

func (f full) add(p *planner, in spot) (spot, error) {
	in, err := flatten{}.add(p, in)
	if err != nil {
		return spot{}, err
	}
	fan := in.shape[0]
	out := p.step(step{
		op: "Gemm", in: []string{in.tensor}, shape: []int{f.out},
		attrs: []attribute{{name: "transB", value: 1}},
		weights: []weightSpec{
			{role: "w", dims: []int{f.out, fan}, fanIn: fan, fitted: f.fitted},
			{role: "b", dims: []int{f.out}, fitted: f.fitted},
		},
		perOutput: 2 * fan,
	})
	if f.linear {
		return out, nil
	}
	return relu{}.add(p, out)
}

// flatten makes a vector of a picture and leaves a vector as it is.
type flatten struct{}

func (flatten) add(p *planner, in spot) (spot, error) {
	if len(in.shape) == 1 {
		return in, nil
	}
	return p.step(step{
		op: "Flatten", in: []string{in.tensor}, shape: []int{in.elems()},
		attrs: []attribute{{name: "axis", value: 1}},
	}), nil
}

// normalise is response normalisation across channels (Krizhevsky et al., NIPS 2012, section 3.3): an element x becomes
// x/(2 + 0.0001·Σx²)^0.75, the sum over the element's place in five neighbouring channels. It is written with operators that ONNX Runtime
// computes with vectors, the power as two roots; its LRN calls the mathematical library once an element, which took vggf's heads longer than all
// their convolutions.
type normalise struct{}

func (normalise) add(p *planner, in spot) (spot, error) {
	if err := in.picture("normalise"); err != nil {
		return spot{}, err
	}
	const channels, alpha, bias = 5, 1e-4, 2
	binary := func(op string, a, b spot) spot {
		return p.step(step{op: op, in: []string{a.tensor, b.tensor}, shape: in.shape})
	}
	sqrt := func(a spot) spot { return p.step(step{op: "Sqrt", in: []string{a.tensor}, shape: in.shape}) }
	reshape := func(a spot, shape []int) spot {
		to := p.constant(attribute{name: "value_ints", list: append([]int{1}, shape...)})
		return p.step(step{op: "Reshape", in: []string{a.tensor, to.tensor}, shape: shape})
	}
	number := func(v float32) spot { return p.constant(attribute{name: "value_floats", reals: []float32{v}}) }

	// With channels as the depth of one volume, a window of an average pooling is a place in neighbouring channels.
	volume := reshape(binary("Mul", in, in), append([]int{1}, in.shape...))
	volume = p.step(step{op: "AveragePool", in: []string{volume.tensor}, shape: volume.shape, attrs: []attribute{
		{name: "kernel_shape", list: []int{channels, 1, 1}},
		{name: "pads", list: []int{channels / 2, 0, 0, channels / 2, 0, 0}},
		{name: "count_include_pad", value: 1},
	}})
	sum := binary("Add", binary("Mul", reshape(volume, in.shape), number(channels*alpha)), number(bias))
	root := sqrt(sum)
	return p.step(step{
		op: "Div", in: []string{in.tensor, binary("Mul", root, sqrt(root)).tensor}, shape: in.shape,
		perOutput: 2*channels + 4,
	}), nil
}

// softmax turns the last layer's numbers into the answer, one probability per class.
type softmax struct{}

func (softmax) add(p *planner, in spot) (spot, error) {
	return p.step(step{
		op: "Softmax", in: []string{in.tensor}, shape: in.shape,
		attrs:     []attribute{{name: "axis", value: 1}},
		perOutput: 5,
	}), nil
}

// residual adds what main and shortcut make of the same tensor; an empty shortcut is the tensor itself.
type residual struct{ main, shortcut []operation }

func (r residual) add(p *planner, in spot) (spot, error) {
	main, err := p.chain(r.main, in)
	if err != nil {
		return spot{}, err
	}
	side, err := p.chain(r.shortcut, in)
	if err != nil {
		return spot{}, err
	}
	if fmt.Sprint(main.shape) != fmt.Sprint(side.shape) {
		return spot{}, fmt.Errorf("a residual sum of shapes %v and %v", main.shape, side.shape)
	}
	return p.step(step{op: "Add", in: []string{main.tensor, side.tensor}, shape: main.shape, perOutput: 1}), nil
}

// concat puts the channels that its branches make of the same tensor one after another.
type concat struct{ branches [][]operation }

func (c concat) add(p *planner, in spot) (spot, error) {
	joined := step{op: "Concat", attrs: []attribute{{name: "axis", value: 1}}}
	for _, branch := range c.branches {
		out, err := p.chain(branch, in)
		if err != nil {
			return spot{}, err
		}
		if err := out.picture("concat"); err != nil {
			return spot{}, err
		}
		joined.in = append(joined.in, out.tensor)
		if joined.shape == nil {
			joined.shape = []int{0, out.shape[1], out.shape[2]}
		}
		if out.shape[1] != joined.shape[1] || out.shape[2] != joined.shape[2] {
			return spot{}, fmt.Errorf("branches of %v and %v do not fit side by side", joined.shape, out.shape)
		}
		joined.shape[0] += out.shape[0]
	}
	return p.step(joined), nil
}

// slide is the height and width of a sliding window's output.
func slide(in spot, kernel, stride, pad int) (h, w int, err error) {
	room := min(in.shape[1], in.shape[2]) + 2*pad - kernel
	if room < 0 {
		return 0, 0, tooSmall(in, fmt.Sprintf("a window of %d×%d with padding %d", kernel, kernel, pad))
	}
	return (in.shape[1]+2*pad-kernel)/stride + 1, (in.shape[2]+2*pad-kernel)/stride + 1, nil
}

// window is a sliding window's attributes; pads are those above, to the left, below and to the right.
func window(kernel, strides [2]int, pads [4]int) []attribute {
	return []attribute{
		{name: "kernel_shape", list: kernel[:]},
		{name: "strides", list: strides[:]},
		{name: "pads", list: pads[:]},
	}
}
