package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
)

// network is a row of the fitted network table: bytes after layer k ÷ bytes of the raw 8-bit picture, and
// operations of layers 1..k per byte of it, for k = 1..N.
type network struct {
	name       string
	ratio, ops []float64
}

// networks are ten small and large CNNs with 5 to 10 layers (a layer is a block: convolutions, activation
// and pooling, or a fully connected layer), activations of one byte, computed from their layer shapes. They stand in
// for the ten the paper measured and does not print.
var networks = []network{
	{"cnn1", []float64{0.3333, 0.1667, 0.06389, 0.02222, 0.0003704}, []float64{201.3, 394, 538.3, 611.9, 623.3}},
	{"cnn2", []float64{0.6667, 0.3371, 0.1749, 0.09123, 0.0008944}, []float64{402.7, 937.3, 1132, 1334, 1357}},
	{"lenet5", []float64{3.673, 1.02, 0.6378, 0.1071, 0.01276}, []float64{749.4, 4835, 5856, 5963, 5965}},
	{"cifar-quick", []float64{2.667, 0.6667, 0.3333, 0.02083, 0.003255}, []float64{1624, 5897, 8033, 8076, 8076}},
	{"nin", []float64{0.4527, 0.2799, 0.08943, 0.2329, 0.006469}, []float64{2089, 9123, 1.17e4, 1.432e4, 1.432e4}},
	{"alexnet", []float64{0.4527, 0.2799, 0.4198, 0.4198, 0.05962, 0.0265, 0.0265, 0.006469}, []float64{1368, 4268, 6202, 7653, 8621, 9109, 9326, 9379}},
	{"vggf", []float64{0.3099, 0.2874, 0.2874, 0.2874, 0.06122, 0.02721, 0.02721, 0.006643}, []float64{902.9, 4873, 6197, 7522, 8847, 9348, 9571, 9625}},
	{"vggm", []float64{1.86, 0.2874, 0.5748, 0.5748, 0.1224, 0.02721, 0.02721, 0.006643}, []float64{2244, 7765, 1.041e4, 1.571e4, 2.101e4, 2.201e4, 2.224e4, 2.229e4}},
	{"squeezenet", []float64{1.298, 2.597, 0.6492, 1.298, 0.3246, 0.4869, 0.4869, 0.6492, 0.6492, 0.006469},
		[]float64{297.2, 754.2, 1259, 1716, 2217, 2482, 2762, 3240, 3739, 5038}},
	{"vgg16", []float64{5.333, 2.667, 1.333, 0.6667, 0.1667, 0.02721, 0.02721, 0.006643}, []float64{2.575e4, 6.262e4, 1.241e5, 1.855e5, 2.039e5, 2.053e5, 2.055e5, 2.056e5}},
}

// encoding is the raw bytes of a picture to a byte of its JPEG.
const encoding = 3.1

// paperInstance is the paper's evaluation: uplinks uniform in 10 Mb/s to 1 Gb/s, edges of 290 GFLOPS,
// tasks of 100 kB to 1 MB a second, one frame a second, a deadline of 0.2 s, V = 1, and every task's input
// shared out over all edges in proportion to their uplinks.
func paperInstance(edges, tasks int, seed uint64) Instance {
	r := rand.New(rand.NewPCG(seed, 0))
	inst := Instance{Threshold: 1}
	total := 0.0
	for i := range edges {
		rate := 10e6 + r.Float64()*990e6
		total += rate
		inst.Edges = append(inst.Edges, Edge{fmt.Sprintf("e%d", i), 290e9, units.Rate(rate), -1})
	}
	tables := costTables()
	for j := range tasks {
		n := r.IntN(len(networks))
		input := 100e3 + r.Float64()*900e3
		task := Task{Name: fmt.Sprintf("t%d", j), Costs: tables[n]}
		for i, e := range inst.Edges {
			task.At = append(task.At, Place{Edge: int32(i), Input: input * float64(e.Uplink) / total})
		}
		inst.Tasks = append(inst.Tasks, task)
	}
	return inst
}

// costTables are the cost tables of the networks at a deadline of 0.2 s and one frame a second.
func costTables() [][][]Demand {
	var all [][][]Demand
	for _, net := range networks {
		costs := []Demand{{8 / 0.2, 0}}
		for k := range net.ratio {
			costs = append(costs, Demand{units.Rate(8 * net.ratio[k] * encoding / 0.2), units.FLOPS(net.ops[k] * encoding)})
		}
		all = append(all, [][]Demand{costs})
	}
	return all
}

// sizes are the numbers of edges of the paper's Fig. 4a.
var sizes = []int{20, 30, 40, 50, 60, 70, 80, 90}

// Fig. 4a of the paper: layer scheduling above every fixed cut, cut 2 the best of those, more edges more tasks.
func TestLayerReproducesTheOrderOfFig4a(t *testing.T) {
	const seeds = 5
	previous := make([]int, 6) // layer, fixed:1 … fixed:5
	for _, edges := range sizes {
		counts := make([]int, 6)
		for seed := range uint64(seeds) {
			inst := paperInstance(edges, 1000, seed)
			layer := deployed(plan(t, "layer", inst))
			counts[0] += layer
			for k := 1; k <= 5; k++ {
				fixed := deployed(plan(t, fmt.Sprintf("fixed:%d", k), inst))
				counts[k] += fixed
				if fixed >= layer {
					t.Errorf("%d edges, seed %d: fixed:%d deploys %d, layer %d; want layer above", edges, seed, k, fixed, layer)
				}
			}
		}
		t.Logf("%d edges, mean of %d seeds: layer %d, fixed:1..5 %v", edges, seeds, counts[0]/seeds, means(counts[1:], seeds))
		for _, k := range []int{1, 3, 4, 5} {
			if edges >= 50 && counts[k] >= counts[2] {
				t.Errorf("%d edges: fixed:%d deploys %d in all, fixed:2 %d; want cut 2 the best", edges, k, counts[k], counts[2])
			}
		}
		for k, n := range counts {
			if n <= previous[k] {
				t.Errorf("%d edges: %d in all (layer, then fixed: number %d of them), with ten edges fewer %d; want more", edges, n, k, previous[k])
			}
		}
		previous = counts
	}
}

// subsetInstance is the paper's evaluation with every task's input at n edges drawn at random, in proportion to their uplinks.
func subsetInstance(edges, tasks, n int, seed uint64) Instance {
	inst := paperInstance(edges, tasks, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for j := range inst.Tasks {
		t := &inst.Tasks[j]
		all, some := 0.0, 0.0
		for _, p := range t.At {
			all += p.Input
		}
		var at []Place
		for _, i := range slices.Sorted(slices.Values(r.Perm(edges)[:n])) {
			at = append(at, t.At[i])
			some += t.At[i].Input
		}
		for i := range at {
			at[i].Input *= all / some
		}
		t.At = at
	}
	return inst
}

// The gap is at least what price leaves to the optimum: for one random edge a task the optimum itself is 1.8 % below the bound.
func TestPriceComesCloseToTheBound(t *testing.T) {
	for _, shares := range []struct {
		name    string
		make    func(edges int) Instance
		sizes   []int
		allowed float64
	}{
		{"proportional", func(edges int) Instance { return paperInstance(edges, 1000, 1) }, sizes, 0.02},
		{"subset: 1", func(edges int) Instance { return subsetInstance(edges, 1000, 1, 1) }, []int{20, 50}, 0.03},
		{"subset: 3", func(edges int) Instance { return subsetInstance(edges, 1000, 3, 1) }, []int{20, 50}, 0.03},
		{"subset: 10", func(edges int) Instance { return subsetInstance(edges, 1000, 10, 1) }, []int{50}, 0.03},
	} {
		for _, edges := range shares.sizes {
			inst := shares.make(edges)
			sched, bound, err := price{}.plan(context.Background(), inst)
			if err != nil {
				t.Fatal(err)
			}
			if broken := Check(inst, sched); len(broken) > 0 {
				t.Errorf("%s, %d edges: breaks %v", shares.name, edges, broken)
			}
			n := deployed(sched)
			gap := 1 - float64(n)/float64(bound)
			t.Logf("%-12s %d edges: %d of at most %d, a gap of %.2f %%", shares.name, edges, n, bound, 100*gap)
			if gap < 0 || gap > shares.allowed {
				t.Errorf("%s, %d edges: price leaves a gap of %.2f %% to the bound, want 0 to %.0f %%", shares.name, edges, 100*gap, 100*shares.allowed)
			}
		}
	}
}

func means(sums []int, n int) []int {
	out := make([]int, len(sums))
	for i, s := range sums {
		out[i] = s / n
	}
	return out
}
