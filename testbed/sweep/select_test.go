package sweep

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/testbed"
)

// nodeBinary is the splitbed command that becomes the nodes of emulated points.
var nodeBinary string

func TestMain(m *testing.M) { testutil.MainWithBinary(m, &nodeBinary) }

func TestOnlyThePointsAskedForAreWorkedOn(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	r := run(t, s, Options{Out: out, Only: map[string][]string{"scheduler.algorithm": {"fifo"}, "topology.generate.edges": {"2", "4"}, "seed": {"2"}}})
	rows := readTable(t, r.Table)
	if r.Points != 2 {
		t.Errorf("%d points, want 2", r.Points)
	}
	for _, row := range rows {
		if row.Field != "fifo" || row.Seed != 2 {
			t.Errorf("%+v was not asked for", row)
		}
	}
	if r := run(t, s, Options{Out: out}); r.Points != 8 || r.Reused != 2 {
		t.Errorf("the whole sweep afterwards takes over %d of %d points, want 2 of 8", r.Reused, r.Points)
	}
	for want, only := range map[string]map[string][]string{
		"sed":   {"sed": {"1"}},
		"seed=": {"seed": {"3"}},
	} {
		var input *testbed.InputError
		if _, err := Run(t.Context(), s, Options{Out: out, Only: only}); !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("only %v: error %v, want an input error that names %s", only, err, want)
		}
	}
}

func TestAnInvalidPointIsDoneAgain(t *testing.T) {
	s := parse(t, small)
	out := t.TempDir()
	run(t, s, Options{Out: out})
	work, err := s.plan(Options{})
	if err != nil {
		t.Fatal(err)
	}
	log, err := openLog(filepath.Join(out, logFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.add(work[0].key, []Outcome{{Verdict: results.Invalid}}), log.close()); err != nil {
		t.Fatal(err)
	}
	if r := run(t, s, Options{Out: out}); r.Reused != 7 {
		t.Errorf("%d of 8 points taken over, want 7: an invalid run shows nothing", r.Reused)
	}
	if r := run(t, s, Options{Out: out}); r.Reused != 8 {
		t.Errorf("%d of 8 points taken over afterwards", r.Reused)
	}
}

// TestASliceOfTheVerdictIsEmulated runs two points of the shipped sweep behind docs/verdict.md, the second one by going on after an
// interruption, and holds them against the same points in the model: other frames or another schedule would compare nothing.
func TestASliceOfTheVerdictIsEmulated(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	t.Setenv("SPLITBED_STATE", t.TempDir())
	s, err := Load("verdict")
	if err != nil {
		t.Fatal(err)
	}
	s.Attempts = 1
	o := Options{Out: t.TempDir(), Binary: nodeBinary, Only: map[string][]string{
		"scheduler.algorithm": {"fixed:2"}, "topology.threshold": {"1"}, "workload.background": {"with"},
	}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := o
	first.Progress = func(done, _ int, _ string) {
		if done == 1 {
			cancel()
		}
	}
	if _, err := Run(ctx, s, first); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted after the first point", err)
	}
	emulated := run(t, s, o)
	simulation, err := s.In(Simulate)
	if err != nil {
		t.Fatal(err)
	}
	o.Out = t.TempDir()
	predicted := run(t, simulation, o)
	measured, model := summaries(t, emulated), summaries(t, predicted)
	if len(measured) != 2 || len(model) != 2 {
		t.Fatalf("%d emulated and %d simulated runs, want 2 each", len(measured), len(model))
	}
	for i := range measured {
		if m, p := measured[i], model[i]; m.Schedule.Deployed != p.Schedule.Deployed || m.QoS.Frames != p.QoS.Frames || m.QoS.Frames == 0 {
			t.Errorf("run %d: %d tasks and %d frames, in the model %d and %d", i, m.Schedule.Deployed, m.QoS.Frames, p.Schedule.Deployed, p.QoS.Frames)
		}
	}
}

// summaries are those of a sweep's runs, in the order of its table.
func summaries(t *testing.T, r *Result) []results.Summary {
	t.Helper()
	rows, err := parquet.ReadFile[struct {
		Directory string `parquet:"directory"`
	}](r.Table)
	if err != nil {
		t.Fatal(err)
	}
	var out []results.Summary
	for _, row := range rows {
		s, err := results.ReadSummary(filepath.Join(r.Directory, row.Directory, "summary.json"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}
