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
// turns; share is what a head reaches of that. The first is what budgets are calibrated with.
func BenchmarkHeadsAgainstSgemm(b *testing.B) {
	const side = 1024
	store := testStore(b)
	path := onnxtest.Product(b, b.TempDir(), side)
	p, err := Import(b.Context(), store, path, nil)
	if err != nil {
		b.Fatal(err)
	}
	whole, err := store.Whole(path, p.Height, p.Width)
	product := open(b, whole, err)
	fillNoise(product.Input())
	for _, tc := range []struct {
		name    string
		h, w, k int
	}{
		{"alexnet", 480, 640, 5}, {"alexnet", 224, 224, 5}, {"cnn1", 360, 640, 4}, {"cnn2", 268, 178, 4}, {"lenet5", 32, 32, 2},
		{"mobilenet", 224, 224, 9}, {"nin", 224, 224, 4}, {"resnet18", 224, 224, 9}, {"squeezenet", 224, 224, 9}, {"vgg16", 224, 224, 5},
		{"vggf", 224, 224, 5},
	} {
		b.Run(fmt.Sprintf("%s-%dx%d/head%d", tc.name, tc.h, tc.w, tc.k), func(b *testing.B) {
			d, err := store.Describe(tc.name, tc.h, tc.w)
			if err != nil {
				b.Fatal(err)
			}
			file, err := store.Head(tc.name, tc.h, tc.w, tc.k)
			head := open(b, file, err)
			fillNoise(head.Input())
			var best, sgemm time.Duration
			for b.Loop() {
				one, err := cost(b.Context(), head, 0)
				if err != nil {
					b.Fatal(err)
				}
				other, err := cost(b.Context(), product, 0)
				if err != nil {
					b.Fatal(err)
				}
				if best == 0 || one < best {
					best = one
				}
				if sgemm == 0 || other < sgemm {
					sgemm = other
				}
			}
			reached, limit := d.Layers[tc.k].FLOPs/best.Seconds(), p.Layers[p.Cuts()].FLOPs/sgemm.Seconds()
			b.ReportMetric(reached/1e9, "GFLOPS")
			b.ReportMetric(limit/1e9, "sgemm-GFLOPS")
			b.ReportMetric(reached/limit, "share")
		})
	}
}
