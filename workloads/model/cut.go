package model

import (
	"fmt"
	"slices"
)

// Cut is a place where a graph falls into two: Tensor is the only data that is alive there, that is,
// produced before and read after.
type Cut struct {
	Tensor string
	// After is the index, in the order of the file, of the last node of the head.
	After int
}

// Cuts lists the places to cut at, in order: where exactly one data tensor is alive, and not within a
// block, between a convolution and its activation, normalisation or pooling. The last node's output is no
// cut. Tensors that depend on weights only are not data: either half computes them for itself. Tensors a
// body of If, Loop or Scan captures count as read by the node.
//
// One scan suffices because Read has checked that nodes are in topological order.
func (g *Graph) Cuts() []Cut {
	const never, end = -1, 1 << 62
	lastRead := map[string]int{} // of each data tensor
	for _, v := range g.Inputs {
		lastRead[v.Name] = never
	}
	inBlock := map[string]bool{} // tensors that a node reads which belongs to the block that produced them
	readers, pooled := map[string]int{}, map[string]int{}
	for i, n := range g.nodes {
		data := false
		for _, name := range n.reads() {
			if _, ok := lastRead[name]; ok {
				lastRead[name], data = i, true
				inBlock[name] = inBlock[name] || continuesBlock(n.op)
				readers[name]++
				if n.op == "MaxPool" {
					pooled[name]++
				}
			}
		}
		if !data {
			continue
		}
		for _, name := range n.out {
			if name != "" {
				lastRead[name] = never
			}
		}
	}
	for _, v := range g.Outputs {
		if _, ok := lastRead[v.Name]; ok {
			lastRead[v.Name] = end
		}
	}
	// A pooling is part of the block before it, unless it is one of several branches.
	for name, n := range pooled {
		inBlock[name] = inBlock[name] || n == readers[name]
	}

	alive := map[string]bool{}
	for _, v := range g.Inputs {
		if lastRead[v.Name] != never {
			alive[v.Name] = true
		}
	}
	var cuts []Cut
	for i, n := range g.nodes {
		made := ""
		for _, name := range n.out {
			if last, ok := lastRead[name]; ok && last > i {
				alive[name] = true
				made = name
			}
		}
		for _, name := range n.reads() {
			if last, ok := lastRead[name]; ok && last <= i {
				delete(alive, name)
			}
		}
		if made != "" && len(alive) == 1 && alive[made] && !inBlock[made] && lastRead[made] != end {
			cuts = append(cuts, Cut{Tensor: made, After: i})
		}
	}
	return cuts
}

// continuesBlock tells whether a node belongs to the block of the node it reads from. Average pooling
// does not: it opens the fully connected part of a network.
func continuesBlock(op string) bool {
	switch op {
	case "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",
		"Gelu", "Mish", "Softplus", "Softsign", "ThresholdedRelu", "Softmax", "LogSoftmax",
		"BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "LRN",
		"Dropout", "Identity", "Cast",
		"Flatten", "Reshape", "Squeeze", "Unsqueeze":
		return true
	}
	return false
}

// Split cuts the graph at a tensor: the head computes the tensor from the graph's inputs, the tail the
// graph's outputs from the tensor. It is an error when the tensor is unknown, when its type is not in
// the file (an input must have one), or when the outputs also depend on data that does not pass
// through it.
func (g *Graph) Split(tensor string) (head, tail *Graph, err error) {
	if slices.ContainsFunc(slices.Concat(g.Inputs, g.Outputs), func(v Value) bool { return v.Name == tensor }) {
		return nil, nil, fmt.Errorf("model: a cut at %q, an end of graph %q, would leave one half empty", tensor, g.Name)
	}
	if !slices.ContainsFunc(g.nodes, func(n node) bool { return tensor != "" && slices.Contains(n.out, tensor) }) {
		return nil, nil, fmt.Errorf("model: graph %q has no tensor %q to cut at", g.Name, tensor)
	}
	i := slices.IndexFunc(g.values, func(v Value) bool { return v.Name == tensor })
	if i < 0 || !g.values[i].known {
		return nil, nil, fmt.Errorf("model: graph %q does not state the shape of %q; run ONNX shape inference on the file first", g.Name, tensor)
	}
	at := []Value{g.values[i]}
	if head, err = g.extract(g.Inputs, at); err != nil {
		return nil, nil, fmt.Errorf("model: head up to %q: %w", tensor, err)
	}
	if tail, err = g.extract(at, g.Outputs); err != nil {
		return nil, nil, fmt.Errorf("model: tail from %q: %w", tensor, err)
	}
	return head, tail, nil
}

// extract keeps what is needed to compute to from from: one scan backwards over the nodes.
func (g *Graph) extract(from, to []Value) (*Graph, error) {
	needed := map[string]bool{}
	for _, v := range to {
		needed[v.Name] = true
	}
	given := map[string]bool{"": true}
	for _, v := range from {
		given[v.Name] = true
	}
	part := &Graph{Name: g.Name, Inputs: from, Outputs: to, header: g.header, rest: g.rest}
	for _, n := range slices.Backward(g.nodes) {
		if !slices.ContainsFunc(n.out, func(s string) bool { return needed[s] && !given[s] }) {
			continue
		}
		part.nodes = append(part.nodes, n)
		for _, name := range n.reads() {
			needed[name] = true
		}
	}
	slices.Reverse(part.nodes)
	for _, v := range g.Inputs {
		if needed[v.Name] && !given[v.Name] {
			return nil, fmt.Errorf("input %q is needed as well: more than one tensor is alive there", v.Name)
		}
	}
	for _, w := range g.weights {
		if needed[w.name] {
			part.weights = append(part.weights, w)
		}
	}
	within := map[string]bool{}
	for _, n := range part.nodes {
		for _, name := range n.out {
			within[name] = true
		}
	}
	for _, v := range slices.Concat(from, to) {
		delete(within, v.Name)
	}
	for _, v := range g.values {
		if within[v.Name] {
			part.values = append(part.values, v)
		}
	}
	for _, v := range g.defaults {
		if needed[v.Name] {
			part.defaults = append(part.defaults, v)
		}
	}
	return part, nil
}

// Expose returns the graph with every tensor that a node produces as an output, so that a runtime can
// be asked for all their shapes at once.
func (g *Graph) Expose() *Graph {
	all := *g
	all.Outputs = slices.Clone(g.Outputs)
	have := map[string]bool{"": true}
	for _, v := range g.Outputs {
		have[v.Name] = true
	}
	for _, n := range g.nodes {
		for _, name := range n.out {
			if !have[name] {
				have[name] = true
				all.Outputs = append(all.Outputs, untyped(name))
			}
		}
	}
	all.values = nil
	return &all
}
