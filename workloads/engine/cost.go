package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/model"
)

// What Calibrate runs: the convolutional part of alexnet on a VGA picture, 14 billion operations. A run is
// long enough (65 ms at 215 GFLOPS) for caches and clocks to settle, and its layers are large enough to
// keep the arithmetic units busy. Fully connected layers would measure memory instead. On a core so slow that a run
// would take longer than the budget, the picture is one of the size the network was made for, a sixth of that.
const (
	calibrationModel  = "alexnet"
	calibrationHeight = 480
	calibrationWidth  = 640
	calibrationSmall  = 224 // height and width
	calibrationCut    = 5
)

// Calibrate measures what one core of this host does: counted operations of a convolutional head ÷
// CPU time of the thread that runs it, the best of as many runs as fit into budget (at least three).
//
// The best, not the median: whatever else the host does makes a run slower, never faster, and a speed
// measured too low makes quotas too large, so that every emulated edge is faster than it should be and
// nothing in a run tells. Measured too high, edges are slower than planned, which their compute times
// show.
func Calibrate(ctx context.Context, store model.Store, budget time.Duration) (units.FLOPS, error) {
	small, took, err := speed(ctx, store, calibrationSmall, calibrationSmall, 0)
	const times = calibrationHeight * calibrationWidth / (calibrationSmall * calibrationSmall)
	if err != nil || times*took > budget {
		return small, err
	}
	full, _, err := speed(ctx, store, calibrationHeight, calibrationWidth, budget)
	return full, err
}

// speed is what a core does on pictures of a size, and the CPU time it takes for one.
func speed(ctx context.Context, store model.Store, height, width int, budget time.Duration) (units.FLOPS, time.Duration, error) {
	p, err := model.Describe(calibrationModel, height, width)
	if err != nil {
		return 0, 0, err
	}
	f, err := store.Head(calibrationModel, height, width, calibrationCut)
	if err != nil {
		return 0, 0, err
	}
	picture := make([]float32, f.Input.Elems())
	fillNoise(picture)
	_, took, err := measure(ctx, f, picture, budget)
	if err != nil {
		return 0, 0, fmt.Errorf("engine: calibrating: %w", err)
	}
	return units.FLOPS(p.Layers[calibrationCut].FLOPs / took.Seconds()), took, nil
}

// cost is the smallest CPU time of a run of s on one thread: after a run that pages the weights in, at
// least three runs, and as many as fit into budget.
func cost(ctx context.Context, s *Session, budget time.Duration) (time.Duration, error) {
	const least = 3
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := s.Run(); err != nil {
		return 0, err
	}
	var best time.Duration
	start := time.Now()
	for n := 0; n < least || time.Since(start) < budget; n++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		before, err := threadCPU()
		if err != nil {
			return 0, err
		}
		if err := s.Run(); err != nil {
			return 0, err
		}
		after, err := threadCPU()
		if err != nil {
			return 0, err
		}
		if took := after - before; n == 0 || took < best {
			best = took
		}
	}
	return best, nil
}

// measure runs one file on one input and returns its output and its cost.
func measure(ctx context.Context, f model.File, input []float32, budget time.Duration) (output []float32, took time.Duration, err error) {
	s, err := Open(f, Options{Threads: 1})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	copy(s.Input(), input)
	if took, err = cost(ctx, s, budget); err != nil {
		return nil, 0, err
	}
	return append(output, s.Output()...), took, nil
}

// threadCPU is the CPU time the calling thread has used; the goroutine must be locked to it.
func threadCPU() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("engine: CLOCK_THREAD_CPUTIME_ID: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// fillNoise makes a picture that excites every part of a network, the same each time.
func fillNoise(picture []float32) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range picture {
		picture[i] = 2*r.Float32() - 1
	}
}
