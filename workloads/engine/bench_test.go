package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
	"github.com/splitbed/splitbed/workloads/model"
)

// BenchmarkFrame is the compute of one frame, on one thread; its GFLOPS are of thread CPU time in the best of the
// runs, as Calibrate measures it.
func BenchmarkFrame(b *testing.B) {
	store := testStore(b)
	for _, tc := range []struct {
		name string
		h, w int
	}{{"alexnet", 224, 224}, {"alexnet", 480, 640}, {"cnn1", 360, 640}, {"cnn2", 268, 178}} {
		p, err := model.Describe(tc.name, tc.h, tc.w)
		if err != nil {
			b.Fatal(err)
		}
		for k := 1; k <= p.Cuts(); k++ {
			b.Run(fmt.Sprintf("%s-%dx%d/head%d", tc.name, tc.h, tc.w, k), func(b *testing.B) {
				file, err := store.Head(tc.name, tc.h, tc.w, k)
				s := open(b, file, err)
				fillNoise(s.Input())
				best, err := cost(b.Context(), s, 0)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := s.Run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(p.Layers[k].FLOPs/best.Seconds()/1e9, "GFLOPS")
			})
		}
	}
}

// BenchmarkHeadsAgainstSgemm compares heads, all layers that are convolutions, with one large product of matrices on the same thread, in
// turns; share is what a head reaches of that. The first is what budgets are calibrated with. Small networks are compared with products of
// their own shapes, too: for each convolution its filters, a row each, by what they are laid over, a column for each place.
func BenchmarkHeadsAgainstSgemm(b *testing.B) {
	store := testStore(b)
	large := product{1024, 1024, 3 * 1024}
	largeSession := multiply(b, large)
	for _, tc := range []struct {
		name    string
		h, w, k int
		shapes  []product
	}{
		{"alexnet", 480, 640, 5, nil}, {"alexnet", 224, 224, 5, nil}, {"cnn1", 360, 640, 4, nil},
		{"cnn2", 268, 178, 4, []product{{8, 5 * 5 * 3, 268 * 178}, {16, 5 * 5 * 8, 134 * 89}, {32, 3 * 3 * 16, 67 * 44}, {64, 3 * 3 * 32, 33 * 22}}},
		{"lenet5", 32, 32, 2, []product{{6, 5 * 5 * 3, 28 * 28}, {16, 5 * 5 * 6, 10 * 10}}},
		{"mobilenet", 224, 224, 9, nil}, {"nin", 224, 224, 4, nil}, {"resnet18", 224, 224, 9, nil}, {"squeezenet", 224, 224, 9, nil},
		{"vgg16", 224, 224, 5, nil}, {"vggf", 224, 224, 5, nil},
	} {
		b.Run(fmt.Sprintf("%s-%dx%d/head%d", tc.name, tc.h, tc.w, tc.k), func(b *testing.B) {
			d, err := store.Describe(tc.name, tc.h, tc.w)
			if err != nil {
				b.Fatal(err)
			}
			file, err := store.Head(tc.name, tc.h, tc.w, tc.k)
			head := open(b, file, err)
			fillNoise(head.Input())
			sessions, flops := []*Session{head, largeSession}, 0.0
			for _, p := range tc.shapes {
				sessions = append(sessions, multiply(b, p))
				flops += p.flops()
			}
			if part := flops / d.Layers[tc.k].FLOPs; tc.shapes != nil && !(part > 0.95 && part < 1) {
				b.Fatalf("the products are %.3g of the head's operations, and its convolutions nearly all of them", part)
			}
			best := make([]time.Duration, len(sessions))
			for b.Loop() {
				for i, s := range sessions {
					took, err := cost(b.Context(), s, 0)
					if err != nil {
						b.Fatal(err)
					}
					if best[i] == 0 || took < best[i] {
						best[i] = took
					}
				}
			}
			reached, limit := d.Layers[tc.k].FLOPs/best[0].Seconds(), large.flops()/best[1].Seconds()
			b.ReportMetric(reached/1e9, "GFLOPS")
			b.ReportMetric(limit/1e9, "sgemm-GFLOPS")
			b.ReportMetric(reached/limit, "share")
			if tc.shapes != nil {
				total := time.Duration(0)
				for _, took := range best[2:] {
					total += took
				}
				b.ReportMetric(reached/(flops/total.Seconds()), "share-of-own-shapes")
				nothing, err := cost(b.Context(), multiply(b, product{1, 1, 1}), 0)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(best[0].Seconds()*1e6, "µs")
				b.ReportMetric(nothing.Seconds()*1e6, "µs-of-an-empty-call")
			}
		})
	}
}

// product is the shapes of two matrices that are multiplied, rows×inner and inner×columns.
type product struct{ rows, inner, columns int64 }

func (p product) flops() float64 { return 2 * float64(p.rows) * float64(p.inner) * float64(p.columns) }

// multiply opens a network that multiplies by a matrix of weights, once.
func multiply(b *testing.B, p product) *Session {
	b.Helper()
	path := onnxtest.Product(b, b.TempDir(), p.rows, p.inner, p.columns)
	g, err := model.Read(path)
	if err != nil {
		b.Fatal(err)
	}
	s := open(b, model.File{Path: path, Input: g.Inputs[0].Tensor, Output: g.Outputs[0].Tensor}, nil)
	fillNoise(s.Input())
	return s
}
