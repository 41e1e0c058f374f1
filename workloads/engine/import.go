package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/workloads/model"
)

const (
	// importTime bounds the one run that tells an imported file's shapes: its loops need not end.
	importTime = 2 * time.Minute
	// importMemory bounds what that run may map beyond what the process has: a few bytes of a file can ask for a tensor of any size.
	importMemory = model.MaxWeights
)

// Import puts an ONNX file into the store, so that Describe, Whole, Head and Tail know it at the picture size of a shape
// [1,3,H,W], which may be nil where the file has one. The graph is run once, unoptimised, for the shapes of all its tensors; nothing
// is done where the store has them.
func Import(ctx context.Context, store model.Store, path string, shape []int) (model.Profile, error) {
	im, err := store.Import(path, shape)
	if err != nil {
		return model.Profile{}, err
	}
	if im != nil {
		if err := finish(ctx, im); err != nil {
			return model.Profile{}, fmt.Errorf("engine: importing %s: %w", path, err)
		}
	}
	h, w := 0, 0
	if len(shape) == 4 {
		h, w = shape[2], shape[3]
	} else if h, w, err = model.InputSize(path, shape); err != nil {
		return model.Profile{}, err
	}
	return store.Describe(path, h, w)
}

func finish(ctx context.Context, im *model.Import) (err error) {
	if err := Init(); err != nil {
		return err
	}
	unlimit, err := limitMemory(importMemory)
	if err != nil {
		return err
	}
	shapes, err := shapesOf(ctx, im)
	if err = errors.Join(err, unlimit()); err != nil {
		return err
	}
	return im.Finish(shapes)
}

// shapesOf asks the runtime for the types of all tensors and, in one run, for the shapes of those that are tensors.
func shapesOf(ctx context.Context, im *model.Import) (shapes map[string]model.Shape, err error) {
	options, err := sessionOptions(Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	if err := options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll); err != nil {
		return nil, err
	}
	path, err := im.Exposed()
	if err != nil {
		return nil, err
	}
	_, exposed, err := ort.GetInputOutputInfoWithOptions(path, options)
	if err = errors.Join(err, os.Remove(path)); err != nil {
		return nil, fmt.Errorf("ONNX Runtime does not load it: %w", err)
	}
	var names []string
	var elems []int64
	for _, v := range exposed {
		if v.OrtValueType == ort.ONNXTypeTensor {
			names, elems = append(names, v.Name), append(elems, int64(v.DataType))
		}
	}
	dims, err := runForShapes(ctx, im, names, options)
	if err != nil {
		return nil, err
	}
	shapes = map[string]model.Shape{}
	for i, name := range names {
		shapes[name] = model.Shape{Elem: elems[i], Dims: dims[i]}
	}
	return shapes, nil
}

// runForShapes is the shapes of tensors as they are for one picture.
func runForShapes(ctx context.Context, im *model.Import, tensors []string, options *ort.SessionOptions) (dims [][]int64, err error) {
	path, input, outputs, err := im.Shapes(tensors)
	if err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSession(path, []string{input.Name}, outputs, options)
	if err = errors.Join(err, os.Remove(path)); err != nil {
		return nil, fmt.Errorf("ONNX Runtime does not load it: %w", err)
	}
	defer func() { err = errors.Join(err, session.Destroy()) }()
	picture, err := ort.NewEmptyTensor[float32](input.Shape)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, picture.Destroy()) }()
	fillNoise(picture.GetData())
	flags, err := ort.NewRunOptions()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, flags.Destroy()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, importTime, fmt.Errorf("one picture takes longer than %v", importTime))
	defer cancel()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = flags.Terminate() // it only sets a flag
	})
	values := make([]ort.Value, len(outputs))
	err = session.RunWithOptions([]ort.Value{picture}, values, flags)
	if !stop() {
		<-ended
	}
	for _, v := range values {
		if v == nil {
			continue
		}
		if shape, ok := v.(*ort.Tensor[int64]); ok {
			dims = append(dims, append([]int64(nil), shape.GetData()[1:]...))
		}
		err = errors.Join(err, v.Destroy())
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("ONNX Runtime does not run it: %w", err)
	case len(dims) != len(tensors):
		return nil, fmt.Errorf("ONNX Runtime told %d of %d shapes", len(dims), len(tensors))
	}
	return dims, nil
}

// limitMemory lets the process map so many bytes more until unlimit.
func limitMemory(more uint64) (unlimit func() error, err error) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &before); err != nil {
		return nil, fmt.Errorf("the limit on memory: %w", err)
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil, err
	}
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("/proc/self/statm: %w", err)
	}
	limit := before
	limit.Cur = min(before.Max, pages*uint64(os.Getpagesize())+more)
	if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
		return nil, fmt.Errorf("limiting memory: %w", err)
	}
	return func() error { return unix.Setrlimit(unix.RLIMIT_AS, &before) }, nil
}
