package model

import (
	"errors"
	"fmt"
	"slices"
)

// maxSide is the largest picture side accepted, in pixels: far above any camera, and small enough
// that no count overflows.
const maxSide = 16384

// plan is a network at one picture size, down to the last operation, without any weight's value.
type plan struct {
	network *network
	h, w    int
	steps   []step
	// ends[k] is the tensor after layer k; ends[0] is the picture.
	ends []layerEnd
}

type layerEnd struct {
	name  string
	spot  spot
	flops float64 // of layers 1..k
}

// step is one ONNX node; its name is also that of the tensor it makes.
type step struct {
	op, name  string
	in        []string
	attrs     []attribute
	weights   []weightSpec
	shape     []int // C,H,W or n; the batch of 1 in front is left out; nil for a constant, whose type is that of its attribute
	perOutput int   // operations per element of the output
}

// spot is a tensor between two operations.
type spot struct {
	tensor string
	shape  []int
}

func (s spot) elems() int {
	n := 1
	for _, d := range s.shape {
		n *= d
	}
	return n
}

// batch is the shape as ONNX has it: one frame at a time.
func (s spot) batch() []int64 {
	dims := []int64{1}
	for _, d := range s.shape {
		dims = append(dims, int64(d))
	}
	return dims
}

func (s spot) picture(op string) error {
	if len(s.shape) != 3 {
		return fmt.Errorf("%s needs channels, height and width, not shape %v", op, s.shape)
	}
	return nil
}

// errTooSmall is the one way a picture's size can be wrong for a network.
var errTooSmall = errors.New("the picture is too small")

func tooSmall(in spot, want string) error {
	return fmt.Errorf("%w: %d×%d is left where %s is needed", errTooSmall, in.shape[1], in.shape[2], want)
}

const inputName = "input"

// plan expands the network for pictures of h×w pixels.
func (n *network) plan(h, w int) (*plan, error) {
	p := &planner{plan: plan{network: n, h: h, w: w}}
	at := spot{tensor: inputName, shape: []int{3, h, w}}
	p.ends = []layerEnd{{name: inputName, spot: at}}
	for _, l := range n.layers {
		p.layer, p.used = l.name, map[string]int{}
		var err error
		if at, err = p.chain(l.ops, at); err != nil {
			return nil, fmt.Errorf("%s, layer %s: %w", n.name, l.name, err)
		}
		p.ends = append(p.ends, layerEnd{name: l.name, spot: at, flops: p.flops})
	}
	return &p.plan, nil
}

// planner appends to a plan.
type planner struct {
	plan
	layer string
	used  map[string]int // operators of the layer so far, for names
	flops float64
}

func (p *planner) chain(ops []operation, at spot) (spot, error) {
	var err error
	for _, op := range ops {
		if at, err = op.add(p, at); err != nil {
			return spot{}, err
		}
	}
	return at, nil
}

func (p *planner) step(s step) spot {
	p.used[s.op]++
	s.name = fmt.Sprintf("%s.%s", p.layer, s.op)
	if n := p.used[s.op]; n > 1 {
		s.name += fmt.Sprint(n)
	}
	for i := range s.weights {
		s.weights[i].name = s.name + "." + s.weights[i].role
	}
	out := spot{tensor: s.name, shape: s.shape}
	p.flops += float64(s.perOutput) * float64(out.elems())
	p.steps = append(p.steps, s)
	return out
}

// constant is a list of numbers or integers that a step reads.
func (p *planner) constant(value attribute) spot {
	return p.step(step{op: "Constant", attrs: []attribute{value}})
}

// weights lists the network's weights in the order of the weights file. It does not depend on the
// picture's size.
func (p *plan) weights() []weightSpec {
	var all []weightSpec
	for _, s := range p.steps {
		all = append(all, s.weights...)
	}
	return all
}

// graph is the plan as ONNX, its weights in the file location beside it. Every tensor's type but that of constants is
// stated, so that the graph can be split anywhere.
func (p *plan) graph(location string) *Graph {
	first, last := p.ends[0].spot, p.ends[len(p.ends)-1].spot
	g := &Graph{
		Name:    p.network.name,
		Inputs:  []Value{newValue(first.tensor, first.batch())},
		Outputs: []Value{newValue(last.tensor, last.batch())},
		header:  newHeader(),
	}
	places := layout(p.weights())
	for _, s := range p.steps {
		in := slices.Clone(s.in)
		for _, w := range s.weights {
			in = append(in, w.name)
			place := external{location: location, offset: places[w.name], length: w.bytes()}
			g.weights = append(g.weights, newExternalWeight(w.name, w.shape(), elemFloat, place))
		}
		g.nodes = append(g.nodes, newNode(s.op, s.name, in, s.name, s.attrs))
		if s.name != last.tensor && s.shape != nil {
			g.values = append(g.values, newValue(s.name, spot{shape: s.shape}.batch()))
		}
	}
	return g
}
