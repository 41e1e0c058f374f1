package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/wire"
)

// Form is a way to put a tensor on the wire that changes it. Compression undoes itself, so it is not part of one.
type Form struct {
	Name string
	Wire workloads.Wire
}

// Forms are those a profile compares, coarsest first.
func Forms() []Form {
	var all []Form
	for _, w := range []workloads.Wire{
		{DType: workloads.Uint4},
		{DType: workloads.Uint4, Scale: workloads.ScaleChannel},
		{DType: workloads.Uint8},
		{DType: workloads.Uint8, Scale: workloads.ScaleChannel},
		{DType: workloads.Float16},
	} {
		all = append(all, Form{w.String(), w})
	}
	return all
}

// Agreement is what forms cost in accuracy at one cut: by the name of a form, the share of scenes to which the network
// cut there gives the class that the uncut network gives in float32.
type Agreement map[string]float64

// Agree measures the agreement at every cut k = 1..N of a network over so many synthetic scenes.
func Agree(ctx context.Context, store model.Store, p model.Profile, scenes int) ([]Agreement, error) {
	whole, err := store.Whole(p.Model, p.Height, p.Width)
	if err != nil {
		return nil, err
	}
	pictures, err := decodedScenes(p, scenes)
	if err != nil {
		return nil, err
	}
	want, err := answers(ctx, whole, pictures)
	if err != nil {
		return nil, err
	}
	var all []Agreement
	for k := 1; k <= p.Cuts(); k++ {
		a, err := agreeAt(ctx, store, p, k, pictures, want)
		if err != nil {
			return nil, fmt.Errorf("cut %d: %w", k, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// decodedScenes makes pictures of different scenes.
func decodedScenes(p model.Profile, n int) ([][]float32, error) {
	var pictures [][]float32
	for seed := range n {
		encoded, err := camera.Scene(uint64(seed)+1, p.Height, p.Width, p.InputBytes(), 1)
		if err != nil {
			return nil, err
		}
		picture := make([]float32, 3*p.Height*p.Width)
		if err := camera.Decode(encoded[0], p.Height, p.Width, picture); err != nil {
			return nil, err
		}
		pictures = append(pictures, picture)
	}
	return pictures, nil
}

func agreeAt(ctx context.Context, store model.Store, p model.Profile, k int, pictures, want [][]float32) (Agreement, error) {
	head, err := store.Head(p.Model, p.Height, p.Width, k)
	if err != nil {
		return nil, err
	}
	tensors, err := answers(ctx, head, pictures)
	if err != nil {
		return nil, err
	}
	agreement := Agreement{}
	var thread wire.Thread
	for _, form := range Forms() {
		codec, err := wire.New(form.Wire, p.Layers[k].Shape, &thread)
		if err != nil {
			return nil, err
		}
		got, err := travelled(codec, tensors)
		if err != nil {
			return nil, err
		}
		if k < p.Cuts() {
			tail, err := store.Tail(p.Model, p.Height, p.Width, k)
			if err != nil {
				return nil, err
			}
			if got, err = answers(ctx, tail, got); err != nil {
				return nil, err
			}
		}
		same := 0
		for i := range want {
			if class(got[i]) == class(want[i]) {
				same++
			}
		}
		agreement[form.Name] = float64(same) / float64(len(want))
	}
	return agreement, nil
}

// travelled is what tensors are at the other end of the wire.
func travelled(codec *wire.Codec, tensors [][]float32) ([][]float32, error) {
	payload := make([]byte, codec.Bytes())
	var all [][]float32
	for _, x := range tensors {
		head, sent, err := codec.Encode(x, payload)
		if err != nil {
			return nil, err
		}
		back := make([]float32, len(x))
		if err := codec.Decode(head, sent, back); err != nil {
			return nil, err
		}
		all = append(all, back)
	}
	return all, nil
}

// answers runs a file on inputs.
func answers(ctx context.Context, f model.File, inputs [][]float32) (all [][]float32, err error) {
	s, err := Open(f, Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, input := range inputs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		copy(s.Input(), input)
		if err := s.Run(); err != nil {
			return nil, err
		}
		all = append(all, append([]float32(nil), s.Output()...))
	}
	return all, nil
}

// class is the index of the largest value.
func class(output []float32) int {
	best := 0
	for i, v := range output {
		if v > output[best] {
			best = i
		}
	}
	return best
}
