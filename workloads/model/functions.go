package model

import "fmt"

// Functions are operators a file defines by nodes of its own. The engine puts their nodes in the place of each call, so that a few
// functions that call each other twice can stand for any number of nodes.

// maxCalls is how deep functions may call functions: exporters make one of each module around a layer.
const maxCalls = 64

// operator names what a node does: an operator of ONNX or a function of the file.
type operator struct{ domain, name, overload string }

// calls counts the nodes of a graph or function, those of its bodies included, by operator.
type calls map[operator]int

// functions are a file's functions, and how many nodes each stands for where that is known already.
type functions struct {
	calls    map[operator]calls
	expanded map[operator]int
}

// function checks a FunctionProto and adds it to all.
func (d *decoder) function(f field, all functions) error {
	message, err := f.message("function")
	if err != nil {
		return err
	}
	var own operator
	outer := d.calls
	d.calls = calls{}
	defer func() { d.calls = outer }()
	if err := d.item(); err != nil {
		return err
	}
	err = fields(message, func(f field) (err error) {
		switch f.num {
		case functionName:
			own.name, err = f.text("function name")
		case functionDomain:
			own.domain, err = f.text("domain")
		case functionOverload:
			own.overload, err = f.text("overload")
		case functionDefault:
			_, err = d.attribute(f, 0)
		case functionNode:
			if err = d.item(); err == nil {
				_, err = d.node(f, 0)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("function %q: %w", own.name, err)
	}
	if _, twice := all.calls[own]; twice {
		return malformed("function %q is defined twice", own.name)
	}
	all.calls[own] = d.calls
	return nil
}

// nodes is how many nodes these calls stand for, all functions expanded; an error where they are more than maxNodes or have no end.
func (f functions) nodes(c calls, depth int) (int, error) {
	sum := 0
	for op, times := range c {
		each := 1
		if inner, own := f.calls[op]; own {
			known, seen := f.expanded[op]
			if !seen {
				if depth == maxCalls {
					return 0, malformed("functions that call functions %d deep, such as %q", maxCalls, op.name)
				}
				var err error
				if known, err = f.nodes(inner, depth+1); err != nil {
					return 0, err
				}
				f.expanded[op] = known
			}
			each = max(1, known)
		}
		if sum += times * each; sum > maxNodes {
			return 0, malformed("more than %d nodes", maxNodes)
		}
	}
	return sum, nil
}
