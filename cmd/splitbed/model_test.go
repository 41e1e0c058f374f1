package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
)

// foreignNetworks are the files of other exporters that the command is tried on.
var foreignNetworks = map[string]func(testing.TB, string, int) string{"residual": onnxtest.Residual, "branching": onnxtest.Branching}

func profiled(t *testing.T, args ...string) engine.ModelProfile {
	t.Helper()
	r := splitbed(t, append([]string{"model", "profile", "--json"}, args...)...)
	var p engine.ModelProfile
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil || r.code != 0 || r.stderr != "" {
		t.Fatalf("exit code %d, %q, %v", r.code, r.stderr, err)
	}
	return p
}

// runFile runs an ONNX file as it lies there: names and shapes are what the engine reads in it.
func runFile(t *testing.T, path string, input []float32) []float32 {
	t.Helper()
	inputs, outputs, err := ort.GetInputOutputInfo(path)
	if err != nil || len(inputs) != 1 || len(outputs) != 1 {
		t.Fatalf("%s: %d inputs, %d outputs, %v", path, len(inputs), len(outputs), err)
	}
	s, err := engine.Open(model.File{
		Path:  path,
		Input: model.Tensor{Name: inputs[0].Name, Shape: inputs[0].Dimensions}, Output: model.Tensor{Name: outputs[0].Name, Shape: outputs[0].Dimensions},
	}, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if copied := copy(s.Input(), input); copied != len(input) || len(input) != len(s.Input()) {
		t.Fatalf("%s takes %d numbers, got %d", path, len(s.Input()), len(input))
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(s.Output())
}

// TestHalvesOfAFileAnswerAsTheFile cuts files after every layer, moves the halves elsewhere, removes what they were made from, and
// runs one after the other.
func TestHalvesOfAFileAnswerAsTheFile(t *testing.T) {
	testutil.NeedsEngine(t)
	if err := engine.Init(); err != nil {
		t.Fatal(err)
	}
	picture := make([]float32, 3*onnxtest.Side*onnxtest.Side)
	for i := range picture {
		picture[i] = float32((i*7919)%2003)/1001.5 - 1
	}
	for name, write := range foreignNetworks {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			t.Setenv("SPLITBED_CACHE", cache)
			path := write(t, t.TempDir(), onnxtest.Outside)
			want := runFile(t, path, picture)
			layers := profiled(t, path).Layers
			made, moved := filepath.Join(t.TempDir(), "made"), filepath.Join(t.TempDir(), "moved")
			for _, l := range layers[:len(layers)-1] {
				out := filepath.Join(made, l.Name)
				// Options after the argument, as people write them.
				if r := splitbed(t, "model", "cut", path, "--after", l.Name, "--out", out); r.code != 0 || strings.Count(r.stdout, ".onnx\n") != 2 {
					t.Fatalf("cut after %s: exit code %d, %q, %q", l.Name, r.code, r.stdout, r.stderr)
				}
			}
			for _, err := range []error{os.Rename(made, moved), os.RemoveAll(filepath.Dir(path)), os.RemoveAll(cache)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, l := range layers[:len(layers)-1] {
				between := runFile(t, filepath.Join(moved, l.Name, name+"-head.onnx"), picture)
				if int64(len(between)) != l.Bytes {
					t.Errorf("the head up to %s gives %d numbers, its profile says %d", l.Name, len(between), l.Bytes)
				}
				if off := engine.Difference(runFile(t, filepath.Join(moved, l.Name, name+"-tail.onnx"), between), want); !(off <= 1e-4) {
					t.Errorf("head and tail at %s are %g off, want at most 1e-4", l.Name, off)
				}
			}
		})
	}
}

func TestAProfileOfAFileAsTableAndPlotAndForPrograms(t *testing.T) {
	testutil.NeedsEngine(t)
	t.Setenv("SPLITBED_CACHE", t.TempDir())
	dir := t.TempDir()
	path := onnxtest.Residual(t, dir, onnxtest.Modern)
	plot := filepath.Join(dir, "ratio.svg")
	r := splitbed(t, "model", "profile", "--shape", "1,3,48,36", "--plot", plot, "--scenes", "1", path)
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	p := profiled(t, "--shape", "1,3,48,36", path)
	if len(p.Layers) != 6 || !slices.Equal(p.Input.Shape, []int64{1, 3, 48, 36}) || !(p.Parity <= 1e-4) {
		t.Errorf("%d layers, input %v, parity %g; want 6 of 1×3×48×36, at most 1e-4", len(p.Layers), p.Input.Shape, p.Parity)
	}
	for _, l := range p.Layers {
		if !strings.Contains(r.stdout, " "+l.Name+" ") {
			t.Errorf("the table lacks layer %s", l.Name)
		}
		if !(l.Head > 0) || l.K < len(p.Layers) && !(l.Tail > 0) {
			t.Errorf("layer %s: %v s for the head, %v s for the tail", l.Name, l.Head, l.Tail)
		}
	}
	// Pictures are encoded 3.1 : 1; eight channels of a quarter of the pixels are 2 bytes for each of its 3.
	for _, want := range []string{
		"residual.onnx at 48×36: 1672 bytes encoded", "1×16×12×9", "share of 1 scenes with the class of the uncut float32 network",
		"note: after conv1, layer1.0.conv1, layer2.0.conv1, layer2.1.conv1 the tensor has more bytes than the encoded picture",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the table does not say %q:\n%s", want, r.stdout)
		}
	}
	drawn, err := os.ReadFile(plot)
	if err != nil || !strings.Contains(string(drawn), "<svg") || !strings.Contains(string(drawn), "cut after layer") {
		t.Errorf("the plot is no chart of cuts: %v", err)
	}
	if small := splitbed(t, "model", "profile", "lenet5"); small.code != 0 || !strings.Contains(small.stdout, "note: after conv1 the tensor ") {
		t.Errorf("exit code %d; the first tensor of lenet5 is larger than its picture, which the note should say:\n%s", small.code, small.stdout)
	}
}

func TestNetworksThatCannotBeProfiledOrCutSayWhy(t *testing.T) {
	testutil.NeedsEngine(t)
	t.Setenv("SPLITBED_CACHE", t.TempDir())
	dir := t.TempDir()
	branching := onnxtest.Branching(t, dir, onnxtest.Outside)
	open := onnxtest.Residual(t, dir, onnxtest.Modern)
	two := onnxtest.Ends(t, t.TempDir(), []string{"image", "mask"}, []string{"scores"})
	text := filepath.Join(dir, "text.onnx")
	write(t, text, "this is no network\n")
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"a layer that there is not":   {[]string{"cut", "--after", "conv9", branching}, []string{`no cut after "conv9"`, "1 to 5: stem.conv, mixed.b1.conv, mid.conv, last.conv, avgpool"}},
		"where branches are alive":    {[]string{"cut", "--after", "mixed.b3.conv", branching}, []string{`no cut after "mixed.b3.conv"`, "single tensor", "mid.conv"}},
		"after the last layer":        {[]string{"cut", "--after", "6", branching}, []string{"last layer", "tail would be empty"}},
		"nowhere":                     {[]string{"cut", branching}, []string{"--after LAYER is missing", "splitbed model profile"}},
		"not an ONNX file":            {[]string{"profile", text}, []string{"text.onnx", "not a usable ONNX model"}},
		"a file that there is not":    {[]string{"profile", filepath.Join(dir, "gone.onnx")}, []string{"gone.onnx", "no such file"}},
		"several inputs":              {[]string{"profile", two}, []string{"2 inputs", "image", "mask", "one picture"}},
		"an open shape":               {[]string{"profile", open}, []string{`input "image"`, "height or width open", "--shape"}},
		"a shape of one channel":      {[]string{"profile", "--shape", "1,1,32,32", branching}, []string{"--shape", "1,3,HEIGHT,WIDTH"}},
		"another shape than its own":  {[]string{"profile", "--shape", "1,3,64,64", branching}, []string{"branching.onnx", "32"}},
		"neither a name nor a file":   {[]string{"profile", "alexnett"}, []string{`"alexnett"`, "alexnet", "ends in .onnx"}},
		"a plot that is no SVG":       {[]string{"profile", "--plot", filepath.Join(dir, "a.png"), "lenet5"}, []string{"--plot", ".svg"}},
		"a plot nowhere":              {[]string{"profile", "--plot", filepath.Join(dir, "no", "a.svg"), "lenet5"}, []string{"--plot", "not a directory"}},
		"a command that there is not": {[]string{"profil", "lenet5"}, []string{`no command "profil"`, "splitbed model --help"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := splitbed(t, append([]string{"model"}, c.args...)...)
			if r.code != 2 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("exit code %d, want 2, and one line on stderr alone: %q, %q", r.code, r.stdout, r.stderr)
			}
			for _, word := range c.says {
				if !strings.Contains(r.stderr, word) {
					t.Errorf("%q does not say %q", r.stderr, word)
				}
			}
		})
	}
}
