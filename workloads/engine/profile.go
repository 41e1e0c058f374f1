package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/wire"
)

// ModelProfile is what `splitbed model profile --json` prints.
type ModelProfile struct {
	Model  string         `json:"model"`
	Input  ProfileInput   `json:"input"`
	Layers []LayerProfile `json:"layers"` // k = 1..N
	// Parity is the largest relative difference between head + tail and the whole network, over all cuts.
	Parity float64 `json:"parity"`
}

// ProfileInput is the picture: its tensor's shape [1,3,H,W] and its encoded size.
type ProfileInput struct {
	Shape []int64 `json:"shape"`
	Bytes int64   `json:"bytes"`
}

// LayerProfile is a cut after layer k. Bytes are those of the default wire type, FLOPs those of layers
// 1..k. Head and Tail are the CPU seconds of one core of this host for layers 1..k and k+1..N, the best
// of several runs; the tail of the last layer is 0.
type LayerProfile struct {
	K        int     `json:"k"`
	Name     string  `json:"name"`
	Shape    []int64 `json:"shape"` // with the batch of 1
	Bytes    int64   `json:"bytes"`
	Ratio    float64 `json:"ratio"`
	FLOPs    float64 `json:"flops"`
	Overhead float64 `json:"overhead"`
	Head     float64 `json:"head_s"`
	Tail     float64 `json:"tail_s"`
	// Wire is the bytes of a frame's tensor by wire type, Bytes that of uint8. Parity is this cut's.
	Wire   map[string]int64 `json:"wire_bytes"`
	Parity float64          `json:"parity"`
	// GFLOPS is what the head reaches.
	GFLOPS float64 `json:"gflops"`
	// Agreement is what wire types cost in accuracy at this cut, where it was asked for.
	Agreement Agreement `json:"agreement,omitempty"`
}

// profileBudget is the time spent on each half, beyond the least number of runs.
const profileBudget = 50 * time.Millisecond

// Profile measures every cut of a network, a built-in one or an imported file, for pictures of h×w pixels. Halves are timed as
// wholes: times of single layers do not add up to them.
func Profile(ctx context.Context, store model.Store, name string, h, w int) (ModelProfile, error) {
	p, err := store.Describe(name, h, w)
	if err != nil {
		return ModelProfile{}, err
	}
	whole, err := store.Whole(name, h, w)
	if err != nil {
		return ModelProfile{}, err
	}
	out := ModelProfile{
		Model: name,
		Input: ProfileInput{Shape: whole.Input.Shape, Bytes: int64(p.InputBytes())},
	}
	picture := make([]float32, whole.Input.Elems())
	fillNoise(picture)
	want, uncut, err := measure(ctx, whole, picture, profileBudget)
	if err != nil {
		return ModelProfile{}, err
	}
	for k := 1; k <= p.Cuts(); k++ {
		l := p.Layers[k]
		row := LayerProfile{
			K: k, Name: l.Name, Bytes: int64(p.Bytes(k)), Ratio: p.Ratio(k), FLOPs: l.FLOPs, Overhead: p.Overhead(k),
			Shape: whole.Output.Shape, Head: uncut.Seconds(),
		}
		if k < p.Cuts() {
			got, err := measureCut(ctx, store, p, picture, &row)
			if err != nil {
				return ModelProfile{}, fmt.Errorf("cut %d: %w", k, err)
			}
			row.Parity = Difference(got, want)
			out.Parity = max(out.Parity, row.Parity)
		}
		row.GFLOPS = row.FLOPs / row.Head / 1e9
		row.Wire = map[string]int64{}
		for _, t := range []workloads.DType{workloads.Uint4, workloads.Uint8, workloads.Float16, workloads.Float32} {
			row.Wire[string(t)] = int64(wire.Bytes(workloads.Wire{DType: t}, l.Shape))
		}
		out.Layers = append(out.Layers, row)
	}
	return out, nil
}

// HeadTimes are the CPU times of layers 1..k for k = 1..N on one core of this host, each the best of several runs.
func HeadTimes(ctx context.Context, store model.Store, p model.Profile) ([]time.Duration, error) {
	times := make([]time.Duration, 0, p.Cuts())
	for k := 1; k <= p.Cuts(); k++ {
		head, err := store.Head(p.Model, p.Height, p.Width, k)
		if err != nil {
			return nil, err
		}
		picture := make([]float32, head.Input.Elems())
		fillNoise(picture)
		_, took, err := measure(ctx, head, picture, profileBudget)
		if err != nil {
			return nil, fmt.Errorf("layers 1 to %d of %s: %w", k, p.Model, err)
		}
		times = append(times, took)
	}
	return times, nil
}

// measureCut times both halves of cut row.K and returns the tail's answer to the head's output.
func measureCut(ctx context.Context, store model.Store, p model.Profile, picture []float32, row *LayerProfile) ([]float32, error) {
	head, err := store.Head(p.Model, p.Height, p.Width, row.K)
	if err != nil {
		return nil, err
	}
	tail, err := store.Tail(p.Model, p.Height, p.Width, row.K)
	if err != nil {
		return nil, err
	}
	tensor, below, err := measure(ctx, head, picture, profileBudget)
	if err != nil {
		return nil, err
	}
	answer, above, err := measure(ctx, tail, tensor, profileBudget)
	if err != nil {
		return nil, err
	}
	row.Shape, row.Head, row.Tail = head.Output.Shape, below.Seconds(), above.Seconds()
	return answer, nil
}

// Difference is the largest absolute difference between two answers of the same length, relative to
// the largest absolute value of want; +Inf when they cannot be compared.
func Difference(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	largest, off := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		off = max(off, math.Abs(float64(got[i])-float64(want[i])))
	}
	switch {
	case off == 0:
		return 0
	case math.IsNaN(off) || largest == 0:
		return math.Inf(1)
	}
	return off / largest
}
