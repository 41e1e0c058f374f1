package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/units"
)

// sparseInstance is one of many edges, where every task has input at some of them, drawn at random.
func sparseInstance(edges, tasks, places int) Instance {
	r := rand.New(rand.NewPCG(1, 1))
	inst := Instance{Threshold: 1}
	for i := range edges {
		inst.Edges = append(inst.Edges, Edge{fmt.Sprintf("e%d", i), 290e9, units.Rate(10e6 + 990e6*r.Float64()), -1})
	}
	tables := costTables()
	for j := range tasks {
		task := Task{Name: fmt.Sprintf("t%d", j), Costs: tables[r.IntN(len(tables))], At: make([]Place, 0, places)}
		for len(task.At) < places {
			edge := int32(r.IntN(edges))
			if used := len(task.At); used == 0 || task.At[used-1].Edge < edge || len(task.At) == 0 {
				task.At = append(task.At, Place{Edge: edge, Input: (100e3 + 900e3*r.Float64()) / float64(places)})
			} else {
				task.At = task.At[:0] // draw again, so that edges are different and ascend
			}
		}
		inst.Tasks = append(inst.Tasks, task)
	}
	return inst
}

func denseInstance(edges, tasks int) Instance {
	r := rand.New(rand.NewPCG(1, 1))
	inst := sparseInstance(edges, tasks, 1)
	for j := range inst.Tasks {
		inst.Tasks[j].At = make([]Place, edges)
		for i := range edges {
			inst.Tasks[j].At[i] = Place{Edge: int32(i), Input: 2 * 550e3 * r.Float64() / float64(edges)}
		}
	}
	return inst
}

// Cost must grow with the non-zero shares, not with tasks × edges.
func BenchmarkMillionTasks(b *testing.B) {
	inst := sparseInstance(10_000, 1_000_000, 3)
	for _, name := range []string{"layer", "density", "price"} {
		b.Run(name, func(b *testing.B) { benchmarkPlanner(b, name, inst) })
	}
	b.Run("bound", func(b *testing.B) {
		bound := 0
		for b.Loop() {
			var err error
			if bound, err = Bound(context.Background(), inst, 1); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(bound), "bound")
	})
}

func BenchmarkDense(b *testing.B) {
	for _, size := range []struct{ edges, tasks int }{{90, 1000}, {1000, 100_000}} {
		inst := denseInstance(size.edges, size.tasks)
		for _, name := range []string{"layer", "density"} {
			b.Run(fmt.Sprintf("%s/tasks=%d/edges=%d", name, size.tasks, size.edges), func(b *testing.B) { benchmarkPlanner(b, name, inst) })
		}
	}
}

func benchmarkPlanner(b *testing.B, name string, inst Instance) {
	planner, err := ByName(name)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		sched, err := planner.Plan(context.Background(), inst)
		if err != nil {
			b.Fatal(err)
		}
		n = deployed(sched)
	}
	b.ReportMetric(float64(n), "deployed")
	if peak, err := peakMemory(); err != nil {
		b.Log(err)
	} else {
		b.ReportMetric(peak, "peak-GB")
	}
}

// peakMemory is the most memory the process ever had, in GB (VmHWM of proc(5)); benchmarks that ran before it in the same process,
// and the instance, count.
func peakMemory() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kB); n == 1 {
			return kB * 1024 / 1e9, nil
		}
	}
	return 0, errors.New("peak memory: /proc/self/status has no VmHWM")
}
