package workloads

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

func TestTracesOfFramesAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    []RecordedFrame
	}{
		"times":              {"0.5\n\n-0.25\n", []RecordedFrame{{-250e6, 0, 3}, {500e6, 0, 1}}},
		"heading":            {"seconds, bytes\n0, 2000\n0.1,3000\n", []RecordedFrame{{0, 2000, 2}, {100e6, 3000, 3}}},
		"heading of times":   {"time\n1e-1\n", []RecordedFrame{{100e6, 0, 2}}},
		"the same time":      {"1,5\n1,6\n1,7\n", []RecordedFrame{{1e9, 5, 1}, {1e9 + 1, 6, 2}, {1e9 + 2, 7, 3}}},
		"carriage return":    {"1\r\n2\r\n", []RecordedFrame{{1e9, 0, 1}, {2e9, 0, 2}}},
		"no newline at last": {"1", []RecordedFrame{{1e9, 0, 1}}},
	} {
		got, err := readRecording(traceFile(t, "trace", []byte(test.content)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got.Frames); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, test := range map[string]struct{ content, want string }{
		"empty":          {"", "has no frames"},
		"only a heading": {"seconds,bytes\n", "has no frames"},
		"a word":         {"1,2\nsoon,3\n", `trace: line 2: "soon,3" does not begin with seconds from the start of the window`},
		"not a number":   {"NaN\n", "line 1"},
		"a clock's time": {"1700000000.5,200\n", "line 1"},
		"no bytes":       {"0,0\n", "line 1"},
		"half a byte":    {"0,1\n1,1.5\n", `line 2: "1,1.5": the size is not a number of bytes from 1 to 64000000`},
		"some sizes":     {"0,1000\n1\n", "line 2: either every line has a size or none"},
		"three columns":  {"0,1,2\n", "line 1"},
		"a long line":    {"0,1\n" + strings.Repeat("1", 5000), "line 2"},
	} {
		_, err := readRecording(traceFile(t, "trace", []byte(test.content)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, test.want)
		}
	}
}

func FuzzRecording(f *testing.F) {
	f.Add("seconds,bytes\n0,100\n-1e-3,7\n")
	f.Fuzz(func(t *testing.T, text string) {
		frames, err := recordedFrames(strings.NewReader(text))
		for i, frame := range frames {
			if err == nil && (frame.Line < 1 || frame.Bytes < 0 || (frame.Bytes > 0) != (frames[0].Bytes > 0)) {
				t.Errorf("frame %d is %+v", i, frame)
			}
		}
	})
}

func TestARecordedTaskHasItsTimesAndSizes(t *testing.T) {
	trace := traceFile(t, "camera.csv", []byte("-0.5,90000\n0,30000\n0.25,60000\n1.5,60000\n"))
	text := "name: w\ntasks:\n  - {name: a, count: 2, model: alexnet, edges: [e1, e2], arrival: {trace: " + trace + "}}\n"
	for _, task := range resolved(t, text, 3).Tasks {
		for _, s := range task.At {
			if s.Input != 60e3 || math.Abs(s.FPS-1.5) > 1e-9 || task.FPS != s.FPS {
				t.Errorf("%s at %s: %v and %v frames a second (the task %v), want the means 60kB and 1.5", task.Name, s.Edge, s.Input, s.FPS, task.FPS)
			}
			if got, want := s.Arrivals(-0.2e9, 1.5e9), []units.Virtual{0, 250e6}; !cmp.Equal(got, want) {
				t.Errorf("%s at %s captures at %v, want %v", task.Name, s.Edge, got, want)
			}
			if got := s.Recorded.Bytes(250e6); got != 60e3 {
				t.Errorf("the frame at 0.25s has %v", got)
			}
			if got := s.Picture(); got >= 30e3 || got < 28e3 {
				t.Errorf("pictures of %v are made to be padded to 30kB", got)
			}
		}
	}
	without := strings.Replace(text, "arrival:", "input: 1kB, arrival:", 1)
	for name, test := range map[string]struct{ content, text, want string }{
		"both sizes":    {"0,50000\n", without, "tasks[0].input: the trace PATH has the frames' sizes; allowed: no input"},
		"no size":       {"0\n1\n", text, "tasks[0].input: is missing, and the trace PATH has no sizes; allowed: " + allowedInputs},
		"too small":     {"0,90000\n1,900\n", text, "tasks[0].arrival.trace: PATH: line 2: a frame of 900 bytes; the mean size asks for pictures of 188×252 pixels, and their smallest JPEG has 2144"},
		"not a file":    {"", strings.Replace(text, trace, "/nowhere.csv", 1), "tasks[0].arrival.trace: open /nowhere.csv: no such file or directory"},
		"too many":      {"0,50000\n0.0001,50000\n", text, "tasks[0].arrival.trace: PATH has 10000 frames a second; at most 1000 are taken"},
		"not a number":  {"x\ny\n", text, `tasks[0].arrival.trace: PATH: line 2: "y" does not begin with seconds from the start of the window, such as 1.5 or 1.5,20000`},
		"small picture": {"0\n1\n", without, ""},
	} {
		path := traceFile(t, "bad.csv", []byte(test.content))
		r, err := parsed(t, strings.Replace(test.text, trace, path, 1)).Resolve(ten(t), 1, networks)
		switch {
		case test.want != "":
			if want := "w.yaml:3: " + strings.ReplaceAll(test.want, "PATH", path); err == nil || err.Error() != want {
				t.Errorf("%s: got %v\nwant %s", name, err, want)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case r.Tasks[0].At[0].FPS != 1 || r.Tasks[0].At[0].Input <= 1000:
			t.Errorf("%s: %+v, want the recorded rate and the bytes of a picture the network takes", name, r.Tasks[0].At[0])
		}
	}
}
