package engine

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/splitbed/splitbed/workloads/model"
)

// sizes are two pictures for each network, a usual one and an odd one; of the large networks small ones, to save time.
var sizes = []struct {
	name string
	h, w int
}{
	{"alexnet", 224, 224}, {"alexnet", 301, 411},
	{"cnn1", 360, 640}, {"cnn1", 97, 203},
	{"cnn2", 268, 178}, {"cnn2", 65, 131},
	{"lenet5", 32, 32}, {"lenet5", 61, 47},
	{"mobilenet", 224, 224}, {"mobilenet", 97, 131},
	{"nin", 224, 224}, {"nin", 131, 97},
	{"resnet18", 224, 224}, {"resnet18", 97, 131},
	{"squeezenet", 224, 224}, {"squeezenet", 97, 131},
	{"vgg16", 224, 224},
	{"vggf", 224, 224}, {"vggf", 251, 233},
}

// Activations must neither vanish nor blow up on the way: halves that say little of the picture agree easily.
func TestHeadAndTailEqualTheWholeAtEveryCut(t *testing.T) {
	const limit = 1e-5
	const least, most = 0.1, 20 // of a head's output, root mean square
	for _, tc := range sizes {
		t.Run(fmt.Sprintf("%s %d×%d", tc.name, tc.h, tc.w), func(t *testing.T) {
			store := testStore(t)
			picture := scene(tc.h, tc.w, 1)
			file, err := store.Whole(tc.name, tc.h, tc.w)
			want := run(t, open(t, file, err), picture)
			p, err := model.Describe(tc.name, tc.h, tc.w)
			if err != nil {
				t.Fatal(err)
			}
			for k := range p.Cuts() + 1 {
				tensor := picture
				if k > 0 {
					head, err := store.Head(tc.name, tc.h, tc.w, k)
					tensor = run(t, open(t, head, err), picture)
				}
				if size := math.Sqrt(meanSquare(tensor)); k < p.Cuts() && !(size >= least && size <= most) {
					t.Errorf("cut %d: the tensor is %.3g in root mean square, want %g to %g", k, size, least, float64(most))
				}
				answer := tensor
				if k < p.Cuts() {
					tail, err := store.Tail(tc.name, tc.h, tc.w, k)
					answer = run(t, open(t, tail, err), tensor)
				}
				if got := Difference(answer, want); got > limit {
					t.Errorf("cut %d: the answers differ by %g, want at most %g", k, got, limit)
				}
			}
		})
	}
}

// The engine is asked for every tensor's shape, with the graph as it is written.
func TestShapesCountedAreThoseTheEngineReports(t *testing.T) {
	for _, tc := range sizes {
		t.Run(fmt.Sprintf("%s %d×%d", tc.name, tc.h, tc.w), func(t *testing.T) {
			store := testStore(t)
			if err := Init(); err != nil {
				t.Fatal(err)
			}
			file, err := store.Whole(tc.name, tc.h, tc.w)
			if err != nil {
				t.Fatal(err)
			}
			g, err := model.Read(file.Path)
			if err != nil {
				t.Fatal(err)
			}
			reported := shapes(t, g.Expose(), filepath.Dir(file.Path), file.Input)
			p, err := model.Describe(tc.name, tc.h, tc.w)
			if err != nil {
				t.Fatal(err)
			}
			for k := 1; k <= p.Cuts(); k++ {
				head, err := store.Head(tc.name, tc.h, tc.w, k)
				if err != nil {
					t.Fatal(err)
				}
				want := []int64{1}
				for _, d := range p.Layers[k].Shape {
					want = append(want, int64(d))
				}
				if got := reported[head.Output.Name]; !slices.Equal(got, want) {
					t.Errorf("layer %d: the engine reports %v, counted %v", k, got, want)
				}
			}
			// The graph states the shape of every tensor, not of the layers' ends alone.
			for _, v := range g.Values() {
				if got := reported[v.Name]; !slices.Equal(got, v.Shape) {
					t.Errorf("tensor %s: the engine reports %v, the file says %v", v.Name, got, v.Shape)
				}
			}
		})
	}
}

// shapes runs a graph once and returns the shape of each of its outputs.
func shapes(t *testing.T, g *model.Graph, dir string, input model.Tensor) map[string][]int64 {
	t.Helper()
	found := map[string][]int64{}
	evaluate(t, g, dir, input, nil, func(name string, v ort.Value) { found[name] = v.GetShape() })
	return found
}

// evaluate runs a graph once, on zeros where picture is nil, and visits each of its outputs.
func evaluate(t *testing.T, g *model.Graph, dir string, input model.Tensor, picture []float32, visit func(name string, v ort.Value)) {
	t.Helper()
	path := filepath.Join(dir, "exposed.onnx") // beside the weights
	writeFile(t, path, g.Encode())
	var names []string
	for _, v := range g.Outputs {
		names = append(names, v.Name)
	}
	s, err := ort.NewDynamicAdvancedSession(path, []string{input.Name}, names, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Destroy()
	in, err := ort.NewEmptyTensor[float32](input.Shape)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Destroy()
	copy(in.GetData(), picture)
	outputs := make([]ort.Value, len(names))
	if err := s.Run([]ort.Value{in}, outputs); err != nil {
		t.Fatal(err)
	}
	for i, v := range outputs {
		visit(names[i], v)
		v.Destroy()
	}
}

// Response normalisation, which is written with other operators, against its definition.
func TestNormalisationIsTheSourcesFormula(t *testing.T) {
	const limit = 1e-6
	store := testStore(t)
	if err := Init(); err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{224, 224}, {251, 233}} {
		head, err := store.Head("vggf", size[0], size[1], 2)
		if err != nil {
			t.Fatal(err)
		}
		g, err := model.Read(head.Path)
		if err != nil {
			t.Fatal(err)
		}
		values, dims := map[string][]float32{}, map[string][]int64{}
		evaluate(t, g.Expose(), filepath.Dir(head.Path), head.Input, scene(size[0], size[1], 1), func(name string, v ort.Value) {
			if tensor, ok := v.(*ort.Tensor[float32]); ok {
				values[name], dims[name] = slices.Clone(tensor.GetData()), tensor.GetShape()
			}
		})
		for _, layer := range []string{"conv1", "conv2"} {
			before, after, shape := values[layer+".Relu"], values[layer+".Div"], dims[layer+".Relu"]
			if len(before) == 0 || len(after) != len(before) {
				t.Fatalf("%s: %d elements before and %d after the normalisation", layer, len(before), len(after))
			}
			channels, plane := int(shape[1]), int(shape[2]*shape[3])
			want := make([]float32, len(before))
			for i := range want {
				c, sum := i/plane, 0.0
				for near := max(c-2, 0); near <= min(c+2, channels-1); near++ {
					x := float64(before[near*plane+i%plane])
					sum += x * x
				}
				want[i] = float32(float64(before[i]) / math.Pow(2+1e-4*sum, 0.75))
			}
			if got := Difference(after, want); got > limit {
				t.Errorf("%s at %d×%d: the normalisation is off by %g, want at most %g", layer, size[0], size[1], got, limit)
			}
		}
	}
}

func TestAnswersVaryWithThePicture(t *testing.T) {
	const pictures, atLeast = 12, 4
	// What the pictures do not have in common is at least this part of the numbers before the softmax, the rest being
	// the biases' and that of all pictures alike.
	const leastShare = 0.25
	for _, tc := range sizes {
		t.Run(fmt.Sprintf("%s %d×%d", tc.name, tc.h, tc.w), func(t *testing.T) {
			file, err := testStore(t).Whole(tc.name, tc.h, tc.w)
			s := open(t, file, err)
			classes := map[int]bool{}
			var mean []float32
			total := 0.0
			for i := range pictures {
				answer := run(t, s, scene(tc.h, tc.w, uint64(i)))
				sum := float32(0)
				for _, v := range answer {
					sum += v
				}
				if !(sum > 0.999 && sum < 1.001) {
					t.Errorf("picture %d: the probabilities add up to %g, want 1", i, sum)
				}
				classes[slices.Index(answer, slices.Max(answer))] = true
				numbers := beforeSoftmax(answer)
				if mean == nil {
					mean = make([]float32, len(numbers))
				}
				for j, v := range numbers {
					mean[j] += v / pictures
				}
				total += meanSquare(numbers) / pictures
			}
			if len(classes) < atLeast {
				t.Errorf("%d pictures fall into %d classes, want at least %d", pictures, len(classes), atLeast)
			}
			if share := 1 - meanSquare(mean)/total; !(share >= leastShare) {
				t.Errorf("the pictures make %.3f of the answer, want at least %g", share, leastShare)
			}
		})
	}
}

// beforeSoftmax is the softmax's input, up to its mean, which the softmax loses.
func beforeSoftmax(answer []float32) []float32 {
	numbers := make([]float32, len(answer))
	mean := 0.0
	for i, v := range answer {
		numbers[i] = float32(math.Log(float64(v)))
		mean += float64(numbers[i]) / float64(len(answer))
	}
	for i := range numbers {
		numbers[i] -= float32(mean)
	}
	return numbers
}

func meanSquare(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(values))
}
