package results

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRecordsSurviveTheirFiles(t *testing.T) {
	in, samples := drawn(3, 5, true)
	in.Frames[3].Received = float64(Absent())
	dir := t.TempDir()
	for _, frames := range [][]Frame{in.Frames, {}} {
		path := filepath.Join(dir, "frames.parquet")
		if err := WriteFrames(path, frames); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFrames(path)
		if d := cmp.Diff(frames, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("%d frames: error %v (-written +read):\n%s", len(frames), err, d)
		}
	}
	path := filepath.Join(dir, "samples.parquet")
	if err := WriteSamples(path, samples); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSamples(path)
	if d := cmp.Diff(samples, got); err != nil || d != "" {
		t.Errorf("samples: error %v (-written +read):\n%s", err, d)
	}
}

func TestDamagedRecordsAreAnErrorThatNamesTheFile(t *testing.T) {
	in, _ := drawn(2, 3, false)
	path := filepath.Join(t.TempDir(), "frames.parquet")
	if _, err := ReadFrames(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v, want %v", err, fs.ErrNotExist)
	}
	if err := WriteFrames(path, in.Frames); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"a footer of 4 GB": append(whole[:len(whole)-8:len(whole)-8], "\xff\xff\xff\xffPAR1"...),
		"empty":            nil, "text": []byte("not a parquet file at all"), "half": whole[:len(whole)/2], "without its beginning": whole[len(whole)/2:],
	} {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrames(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names %s", name, err, path)
		}
	}
	// Any byte may be wrong: that is an error or other values, never a crash.
	for at := 0; at < len(whole); at += 1 + len(whole)/200 {
		spoilt := append([]byte(nil), whole...)
		spoilt[at] ^= 0xff
		if err := os.WriteFile(path, spoilt, 0o644); err != nil {
			t.Fatal(err)
		}
		ReadFrames(path)
	}
}

func TestRecordsCannotTakeMuchMoreMemoryThanTheirFile(t *testing.T) {
	for name, frames := range map[string][]Frame{
		"a text":   {{Task: strings.Repeat("x", longestText+1)}},
		"too many": make([]Frame, 300_000), // all the same
	} {
		path := filepath.Join(t.TempDir(), "frames.parquet")
		if err := WriteFrames(path, frames); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrames(path); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: error %v, want one that calls the file damaged", name, err)
		}
	}
	// The most alike records a run can have: none of its frames arrives.
	lost := make([]Frame, 200_000)
	for i := range lost {
		lost[i] = Frame{Task: "a", Edge: "b", Frame: int64(i), Captured: float64(i) / 2, Status: Lost}
	}
	path := filepath.Join(t.TempDir(), "frames.parquet")
	if err := WriteFrames(path, lost); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFrames(path); err != nil || len(got) != len(lost) {
		t.Errorf("%d of %d frames, error %v", len(got), len(lost), err)
	}
}

func TestWritingRecordsLeavesNothingHalfDone(t *testing.T) {
	dir := t.TempDir()
	in, _ := drawn(1, 1, false)
	if err := WriteFrames(filepath.Join(dir, "absent", "frames.parquet"), in.Frames); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("no such directory: error %v, want one that names the path", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
}
