package testbed

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

// nodeBinary is the splitbed command that becomes the nodes of the tests' testbeds.
var nodeBinary string

func TestMain(m *testing.M) { testutil.MainWithBinary(m, &nodeBinary) }

// attempts is how often a test repeats a run that calls itself invalid: other work on this host may be too
// much for one of them, which is what the verdict is for, but not for all.
const attempts = 5

// runValid runs an experiment until the run is valid and returns its summary and frames.
func runValid(t testing.TB, e *Experiment, o Options) (results.Summary, []results.Frame) {
	t.Helper()
	return runValidIn(t, e, o, new(string))
}

// runValidIn does so and tells the run's directory.
func runValidIn(t testing.TB, e *Experiment, o Options, out *string) (results.Summary, []results.Frame) {
	t.Helper()
	t.Setenv("SPLITBED_STATE", t.TempDir())
	o.Binary = nodeBinary
	for attempt := range attempts {
		if attempt > 0 {
			testutil.AwaitQuietHost(t)
			if e.Emulation.Dilation == 0 {
				o.Retries = 2 // what a user would be told to do
			}
		}
		o.Out = filepath.Join(t.TempDir(), "run")
		s, err := Run(context.Background(), e, o)
		if err != nil {
			t.Fatal(err)
		}
		if s.Verdict == results.Invalid {
			t.Logf("invalid run: %s", s.Reason)
			continue
		}
		frames, err := results.ReadFrames(filepath.Join(o.Out, framesFile))
		if err != nil {
			t.Fatal(err)
		}
		*out = o.Out
		return *s, frames
	}
	t.Fatalf("%d runs in a row were invalid", attempts)
	return results.Summary{}, nil
}

func parse(t testing.TB, text string) *Experiment {
	t.Helper()
	e, err := ParseExperiment("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// window keeps the frames of a task at an edge that were captured in the window.
func window(frames []results.Frame, edge string) []results.Frame {
	var in []results.Frame
	for _, f := range frames {
		if f.Edge == edge && f.Status != results.Warmup {
			in = append(in, f)
		}
	}
	return in
}
