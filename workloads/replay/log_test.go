package replay

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeTestLog(t *testing.T, lines []logLine) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "edge.jsonl")
	head := logHead{
		Role: Edge, Node: "gw-a",
		Streams: []logTask{{Stream: 4, Task: "cam-2", Edge: "gw-a", Cut: 3}, {Stream: 1, Task: "cam-1", Edge: "gw-a", Cut: 1}},
		Flows:   []logFlow{{ID: 8, Link: "gw-a.downlink"}},
	}
	l, err := openLog(path, head, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		l.record(line)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func testLines() []logLine {
	return []logLine{
		{Stream: 1, Frame: 0, Captured: 100, Fired: 101, Input: 5000},
		{Stream: 4, Frame: 0, Captured: 150, Fired: 151, Input: 6000},
		{Stream: 1, Frame: 0, Started: 102, Ready: 110, HeadCPU: 7, Wire: 1032},
		{Flow: &flowLine{ID: 8, At: 160, Bytes: 12345}},
		{Stream: 1, Frame: 0, Sent: 111},
		{Stream: 1, Frame: 0, Answered: 130, Answer: &answer{Class: 0, Score: 0.5}},
		{Stream: 4, Frame: 0, Started: 153, Ready: 170, HeadCPU: 9, Wire: 2032, Dropped: true},
	}
}

// FuzzParseLog reads the logs of a run that somebody else has made.
func FuzzParseLog(f *testing.F) {
	const edge = `{"role":"edge","node":"gw-a","streams":[{"stream":4,"task":"cam","edge":"gw-a","k":3}],"flows":[{"id":8,"link":"gw-a.uplink"}],"version":1}` + "\n"
	f.Add([]byte(edge + `{"s":4,"f":0,"captured":150,"fired":151}` + "\n" + `{"flow":{"id":8,"at":160,"bytes":5}}` + "\n" + `{"s":4,"f":0,"answered":9,"answer":{"class":1}}` + "\n" + `{"s":4`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, frames, _, err := parseLog(bytes.NewReader(text), Edge)
		if err != nil {
			return
		}
		for i, frame := range frames {
			frame.answered()
			if i > 0 && frame.order == frames[i-1].order && frame.Frame == frames[i-1].Frame && frame.Stream == frames[i-1].Stream {
				t.Fatalf("two records of frame %d of stream %d", frame.Frame, frame.Stream)
			}
		}
	})
}

func TestALogMergesWhatBecameKnownOfAFrame(t *testing.T) {
	log, err := ReadEdgeLog(writeTestLog(t, testLines()))
	if err != nil {
		t.Fatal(err)
	}
	want := EdgeLog{
		Node: "gw-a",
		Frames: []EdgeFrame{
			{Task: "cam-2", Edge: "gw-a", Cut: 3, Captured: 150, Fired: 151, Started: 153, Ready: 170, HeadCPU: 9, InputBytes: 6000, WireBytes: 2032, Class: -1, Dropped: true},
			{Task: "cam-1", Edge: "gw-a", Cut: 1, Captured: 100, Fired: 101, Started: 102, Ready: 110, Sent: 111, Answered: 130, HeadCPU: 7, InputBytes: 5000, WireBytes: 1032, Class: 0, Score: 0.5},
		},
		Flows: []FlowSample{{ID: 8, Link: "gw-a.downlink", At: 160, Bytes: 12345}},
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestALogTornAnywhereIsReadUpToThere(t *testing.T) {
	path := writeTestLog(t, testLines())
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := strings.Index(string(content), "\n") + 1
	for n := head; n < len(content); n++ {
		if err := os.WriteFile(path, content[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		log, err := ReadEdgeLog(path)
		if err != nil {
			t.Fatalf("torn after %d bytes: %v", n, err)
		}
		whole := strings.Count(string(content[head:n]), "\n")
		if want := min(whole, 2); len(log.Frames) != want {
			t.Fatalf("torn after %d bytes and %d lines: %d frames, want %d", n, whole, len(log.Frames), want)
		}
	}
}

func TestWhatIsNoLogIsRefused(t *testing.T) {
	good, err := os.ReadFile(writeTestLog(t, testLines()))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty":              "",
		"other file":         "name: lab-4\n",
		"other role":         strings.Replace(string(good), `"role":"edge"`, `"role":"cloud"`, 1),
		"other version":      strings.Replace(string(good), `"version":1`, `"version":9`, 1),
		"broken in between":  strings.Replace(string(good), `"fired":101`, `"fired":"now"`, 1),
		"frame of no stream": strings.Replace(string(good), `"s":4,"f":0,"captured"`, `"s":5,"f":0,"captured"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadEdgeLog(path); !errors.Is(err, ErrLog) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one that names the file and wraps ErrLog", err)
			}
		})
	}
}

func TestAFullDiskIsReportedOnce(t *testing.T) {
	if _, err := openLog("/dev/full", logHead{Role: Edge}, nil); err == nil {
		t.Error("a log that cannot be begun: no error")
	}
	var reports []error
	l := &logger{stop: make(chan struct{}), finished: make(chan error, 1)}
	var err error
	if l.lines, err = newMailbox[logLine](); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.record(logLine{Stream: 1})
	l.write(full, func(err error) { reports = append(reports, err) })
	l.record(logLine{Stream: 2})
	if err := l.close(); err == nil {
		t.Error("closing a log that was not written: no error")
	}
	if len(reports) != 1 {
		t.Errorf("reports %v, want one", reports)
	}
}

func TestAMailboxKeepsOrderAndLosesNothing(t *testing.T) {
	m, err := newMailbox[[2]int]()
	if err != nil {
		t.Fatal(err)
	}
	const senders, letters = 4, 2000
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range letters {
				m.post([2]int{s, i})
			}
		})
	}
	next := make([]int, senders)
	for got := 0; got < senders*letters; {
		if err := m.wait(); err != nil {
			t.Fatal(err)
		}
		for _, letter := range m.take() {
			if letter[1] != next[letter[0]] {
				t.Fatalf("sender %d: letter %d came where %d was due", letter[0], letter[1], next[letter[0]])
			}
			next[letter[0]]++
			got++
		}
	}
	sending.Wait()
	if rest := m.take(); len(rest) != 0 {
		t.Errorf("%d letters too many", len(rest))
	}
	m.close()
}
