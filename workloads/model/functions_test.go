package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// functionOf is a function of the domain "own" that passes its input through operators one after the other; those called F with a
// number are functions of that domain.
func functionOf(name string, ops ...string) []byte {
	f := appendText(appendText(nil, functionName, name), functionDomain, "own")
	for i, op := range ops {
		n := newNode(op, "", []string{fmt.Sprint("t", i)}, fmt.Sprint("t", i+1), nil).raw
		if strings.HasPrefix(op, "F") {
			n = appendText(n, nodeDomain, "own")
		}
		f = appendMessage(f, functionNode, n)
	}
	return f
}

// callingF0 is a file whose one node calls the function F0.
func callingF0(t testing.TB, functions ...[]byte) []byte {
	g := graphOf(t, []string{"in"}, []string{"out"}, []string{"F0", "out", "in"})
	g.nodes[0].raw = appendText(g.nodes[0].raw, nodeDomain, "own")
	for _, f := range functions {
		g.header = appendMessage(g.header, modelFunction, f)
	}
	return g.Encode()
}

// calling makes functions F0 to Fn-1, each of which calls the next as many times; the last one is an operator.
func calling(n, times int) (functions [][]byte) {
	for i := range n {
		next := fmt.Sprint("F", i+1)
		if i == n-1 {
			next = "Abs"
		}
		functions = append(functions, functionOf(fmt.Sprint("F", i), slices.Repeat([]string{next}, times)...))
	}
	return functions
}

func TestFunctionsCannotStandForAnyNumberOfNodes(t *testing.T) {
	// Two functions of each level call both of the next: 2^60 ways through all of them.
	var lattice [][]byte
	for i := range 60 {
		for _, side := range []string{"", "a"} {
			lattice = append(lattice, functionOf(fmt.Sprint("F", i, side), fmt.Sprint("F", i+1), fmt.Sprint("F", i+1, "a")))
		}
	}
	slices.Reverse(lattice)
	constant := func(kind protowire.Number, tensor []byte) []byte {
		n := newNode("Constant", "", nil, "c", nil).raw
		n = appendMessage(n, nodeAttr, appendMessage(appendText(nil, attrName, "value"), kind, tensor))
		return appendMessage(functionOf("F0", "Abs"), functionNode, n)
	}
	outside := newExternalWeight("c", []int64{1}, elemFloat, external{location: "secrets", length: 4}).raw
	for _, tc := range []struct {
		name      string
		functions [][]byte
		want      string // "" where the file is a good one
	}{
		{"none", nil, ""}, // F0 is an operator of a domain the engine may know
		{"one", calling(1, 3), ""},
		{"as many nodes as are taken", calling(2, 100), ""},
		{"one that calls itself", [][]byte{functionOf("F0", "F0")}, "functions that call functions"},
		{"two that call each other", [][]byte{functionOf("F0", "F1"), functionOf("F1", "F0")}, "functions that call functions"},
		{"a long chain", calling(maxCalls+2, 1), "functions that call functions"},
		{"each calls the next twice", calling(40, 2), "more than 10000 nodes"},
		{"many ways", lattice, "more than 10000 nodes"},
		{"two of a name", slices.Concat(calling(1, 1), calling(1, 1)), "defined twice"},
		{"a tensor outside", [][]byte{constant(attrTensor, outside)}, "lies outside the file"},
		{"a sparse tensor", [][]byte{constant(attrSparse, nil)}, "sparse"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := Decode(callingF0(t, tc.functions...))
			if tc.want == "" {
				if err != nil || len(g.nodes) != 1 {
					t.Errorf("error %v, want a graph of one node", err)
				}
				return
			}
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that wraps ErrFormat and has %q", err, tc.want)
			}
		})
	}
}
