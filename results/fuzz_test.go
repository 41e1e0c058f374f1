package results

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzReadFrames reads records that anybody may have made.
func FuzzReadFrames(f *testing.F) {
	in, _ := drawn(2, 3, true)
	path := filepath.Join(f.TempDir(), "frames.parquet")
	for _, frames := range [][]Frame{in.Frames[:5], nil} {
		if err := WriteFrames(path, frames); err != nil {
			f.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "frames.parquet")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if frames, err := ReadFrames(path); err == nil && len(frames) > rowsAByte*len(text) {
			t.Fatalf("%d frames in %d bytes", len(frames), len(text))
		}
	})
}

// FuzzSummary reads a summary that anybody may have made, and shows it in every way there is.
func FuzzSummary(f *testing.F) {
	in, samples := drawn(2, 3, true)
	in.Changes = []Change{{At: 1, Subject: "gw-a.uplink", Change: "rate=5Mbps"}}
	text, err := json.Marshal(Summarise(in))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "summary.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := ReadSummary(path)
		if err != nil {
			return
		}
		for _, width := range []int{0, 40, 120} {
			if err := s.Text(io.Discard, width, true); err != nil {
				t.Error(err)
			}
		}
		if err := Report(io.Discard, s, in.Frames, samples); err != nil {
			t.Error(err)
		}
		compared := []Compared{{Name: "a", Summary: s, Frames: in.Frames}, {Name: "b", Summary: Summarise(in), Frames: in.Frames}}
		c := Compare(compared)
		if err := c.Text(io.Discard, 80, false); err != nil {
			t.Error(err)
		}
		if err := CompareHTML(io.Discard, compared); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
	})
}
