package engine

import (
	"fmt"
	"testing"

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
