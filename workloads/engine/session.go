package engine

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/splitbed/splitbed/workloads/model"
)

// Options of a session.
type Options struct {
	// Threads is the number of threads that share one operation, the caller's among them: 1 below one core
	// of CPU quota, the quota's cores rounded up above. 0 is 1.
	Threads int
}

// Session runs one network, or a half of one. It serves one goroutine at a time; different sessions
// are independent, each with buffers and threads of its own.
//
// Run computes on the calling thread and, for Threads > 1, on Threads−1 threads that Open starts. They
// inherit the cgroup, nice value and affinity of the thread that calls Open.
type Session struct {
	session *ort.AdvancedSession
	input   *ort.Tensor[float32]
	output  *ort.Tensor[float32]
	path    string
}

// Open loads a file of the store, or any ONNX file with one float32 input and output of fixed shape. The
// file is checked first (model.Read), and its input and output against f. The caller closes the
// session.
func Open(f model.File, o Options) (*Session, error) {
	if err := Init(); err != nil {
		return nil, err
	}
	if err := check(f); err != nil {
		return nil, err
	}
	s := &Session{path: f.Path}
	if err := s.open(f, o); err != nil {
		return nil, errors.Join(fmt.Errorf("engine: opening %s: %w", f.Path, err), s.Close())
	}
	return s, nil
}

// check compares what the caller expects with what the file says, which the runtime would only find
// out when it runs.
func check(f model.File) error {
	g, err := model.Read(f.Path)
	if err != nil {
		return err
	}
	for _, end := range []struct {
		what string
		want model.Tensor
		have []model.Value
	}{{"input", f.Input, g.Inputs}, {"output", f.Output, g.Outputs}} {
		if len(end.have) != 1 {
			return fmt.Errorf("engine: %s has %d %ss, expected one", f.Path, len(end.have), end.what)
		}
		have := end.have[0]
		if have.Name != end.want.Name || !slices.Equal(have.Shape, end.want.Shape) || !have.Float32() {
			return fmt.Errorf("engine: %s: the %s is %q %v, expected %q %v (float32)",
				f.Path, end.what, have.Name, have.Shape, end.want.Name, end.want.Shape)
		}
	}
	return nil
}

func (s *Session) open(f model.File, o Options) error {
	options, err := sessionOptions(o)
	if err != nil {
		return err
	}
	defer options.Destroy()
	if f.Prepared {
		if err := options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll); err != nil {
			return err
		}
	}
	if s.input, err = ort.NewEmptyTensor[float32](f.Input.Shape); err != nil {
		return err
	}
	if s.output, err = ort.NewEmptyTensor[float32](f.Output.Shape); err != nil {
		return err
	}
	s.session, err = ort.NewAdvancedSession(f.Path, []string{f.Input.Name}, []string{f.Output.Name},
		[]ort.Value{s.input}, []ort.Value{s.output}, options)
	return err
}

// sessionOptions sets what was measured to matter: weights stay in their mapping (no prepacking, else
// each process keeps a private copy of all of them), and threads that wait do not spin, which would
// eat the CPU quota they wait under. The memory arena stays on: without it speed was the same, and a
// process that had run alexnet on a VGA picture held 111 MB of private memory instead of 80.
func sessionOptions(o Options) (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	for _, set := range []func() error{
		func() error { return options.SetIntraOpNumThreads(max(o.Threads, 1)) },
		func() error { return options.SetInterOpNumThreads(1) },
		func() error { return options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll) },
		func() error { return options.AddSessionConfigEntry("session.disable_prepacking", "1") },
		func() error { return options.AddSessionConfigEntry("session.use_env_allocators", "1") },
		func() error { return options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
		func() error { return options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0") },
	} {
		if err := set(); err != nil {
			return nil, errors.Join(err, options.Destroy())
		}
	}
	return options, nil
}

// Input is the buffer Run reads: the elements of the input tensor in C order. It is the same memory
// until Close.
func (s *Session) Input() []float32 { return s.input.GetData() }

// Output is the buffer Run writes, valid until the next Run or Close.
func (s *Session) Output() []float32 { return s.output.GetData() }

// Run computes Output from Input. The first runs are slower: they page the weights in.
func (s *Session) Run() error {
	err := s.session.Run()
	runtime.KeepAlive(s) // the runtime holds pointers into the buffers, unseen by the collector
	if err != nil {
		return fmt.Errorf("engine: running %s: %w", s.path, err)
	}
	return nil
}

// Close frees the session; further calls do nothing.
func (s *Session) Close() error {
	var err error
	if s.session != nil {
		err = s.session.Destroy()
		s.session = nil
	}
	for _, t := range []**ort.Tensor[float32]{&s.input, &s.output} {
		if *t != nil {
			err = errors.Join(err, (*t).Destroy())
			*t = nil
		}
	}
	return err
}
