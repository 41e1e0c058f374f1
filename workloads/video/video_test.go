package video

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
)

const head = `{"streams": [{"width": 64, "height": 48, "avg_frame_rate": "10/1"}], "packets": [`

// TestAListingBecomesFramesInTheOrderTheyAreShown has a frame that is stored before the two that are shown first, and one that is
// decoded only.
func TestAListingBecomesFramesInTheOrderTheyAreShown(t *testing.T) {
	clip, err := parse([]byte(head + `
		{"pts_time": "-0.100000", "size": "9", "flags": "KD_"},
		{"pts_time": "1.000000", "duration_time": "0.100000", "size": "900", "flags": "K__"},
		{"pts_time": "1.300000", "size": "50", "flags": "___"},
		{"pts_time": "1.100000", "size": "100", "flags": "___"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Frame{{At: 0, Bytes: 900, Key: true, packet: 1}, {At: 100e6, Bytes: 100, packet: 3}, {At: 300e6, Bytes: 50, packet: 2}}
	if !slices.Equal(clip.Frames, want) || clip.Length != 400e6 || clip.Height != 48 || clip.Width != 64 {
		t.Errorf("got %+v, want %+v in 400 ms", clip, want)
	}
	if clip.FPS() != 7.5 || clip.MeanBytes() != 350 || clip.Smallest() != 50 || clip.Largest() != 900 {
		t.Errorf("%v frames a second of %v, %v to %v bytes", clip.FPS(), clip.MeanBytes(), clip.Smallest(), clip.Largest())
	}
	if err := clip.keepKeyframes(); err != nil || len(clip.Frames) != 1 || clip.Length != 400e6 {
		t.Errorf("key frames: %+v, error %v; want one in 400 ms", clip, err)
	}
}

func TestEveryTimeShowsTheFrameItCameFrom(t *testing.T) {
	clip := &Clip{Length: 400e6, Frames: []Frame{{At: 0}, {At: 100e6}, {At: 300e6}}}
	for _, place := range []units.Virtual{0, 1, 99e6, 399e6} {
		times := clip.Times(place, -900e6, 900e6)
		if !slices.IsSorted(times) || len(times) < 13 || len(times) > 14 {
			t.Errorf("from place %v: %v", place, times)
		}
		for i, at := range times[1:] {
			if before, now := clip.Shown(place, times[i]), clip.Shown(place, at); now != (before+1)%3 {
				t.Errorf("from place %v: frame %d at %v follows frame %d", place, now, at, before)
			}
		}
		split := append(clip.Times(place, -900e6, 7e6), clip.Times(place, 7e6, 900e6)...)
		if !slices.Equal(split, times) {
			t.Errorf("from place %v: two intervals give %v, both at once %v", place, split, times)
		}
	}
}

func TestBadListingsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                              "listing",
		`{"streams": [], "packets": []}`: "no video stream",
		head + `]}`:                      "no frames",
		head + `{"pts_time": "N/A", "size": "5"}]}`:                                                                   "no time",
		head + `{"pts_time": "1", "size": "-5"}]}`:                                                                    "no size",
		head + `{"pts_time": "1e300", "size": "5"}]}`:                                                                 "no time",
		head + `{"pts_time": "1", "size": "5"}, {"pts_time": "1", "size": "5"}]}`:                                     "two frames",
		strings.Replace(head, "10/1", "0/0", 1) + `{"pts_time": "1", "size": "5"}]}`:                                  "last frame",
		strings.Replace(head, `"width": 64`, `"width": 99999999`, 1) + `{"size": "5"}]}`:                              "pixels",
		strings.Replace(head, "10/1", "2147483647/1", 1) + `{"pts_time": "1", "size": "5"}]}`:                         "more than 1000 a second",
		head + `{"pts_time": "1", "size": "5"}, {"pts_time": "1.000001", "duration_time": "0.000001", "size": "5"}]}`: "more than 1000 a second",
		`{"streams": [{"width": 0, "height": 48}], "packets": [{"pts_time": "1", "size": "5"}]}`:                      "pixels",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}

// FuzzParse reads what ffprobe may say of any file: a clip has an end, and no more frames in ten seconds than a task may have.
func FuzzParse(f *testing.F) {
	f.Add([]byte(head + `{"pts_time": "1.0", "duration_time": "0.1", "size": "900", "flags": "K__"}, {"pts_time": "1.3", "size": "50"}]}`))
	f.Add([]byte(head + `{"pts_time": "-0.1", "size": "9", "flags": "KD_"}, {"pts_time": "0", "size": "9"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		clip, err := parse(text)
		if err != nil {
			return
		}
		times := clip.Times(5, 0, 10e9)
		if most := 10*mostFPS + 2*len(clip.Frames); len(times) > most {
			t.Fatalf("%d frames in ten seconds, want at most %d", len(times), most)
		}
		for _, at := range times {
			if n := clip.Shown(5, at); n < 0 || n >= len(clip.Frames) {
				t.Fatalf("frame %d of %d at %v", n, len(clip.Frames), at)
			}
		}
		if err := clip.keepKeyframes(); err == nil {
			clip.Times(0, 0, 10e9)
		}
	})
}

func TestALongVideoIsCut(t *testing.T) {
	clip := &Clip{Height: 1080, Width: 1920, Length: 100e9}
	for i := range 1000 {
		clip.Frames = append(clip.Frames, Frame{At: units.Virtual(i) * 100e6})
	}
	clip.shorten()
	if n := len(clip.Frames); n != 321 || clip.Length != 32.1e9 {
		t.Errorf("%d frames of 1080p in %v, want the 321 that decode into 2 GB", n, clip.Length)
	}
	clip = &Clip{Height: 48, Width: 64, Length: 100e9, Frames: []Frame{{At: 0}, {At: 59e9}, {At: 61e9}}}
	if clip.shorten(); len(clip.Frames) != 2 || clip.Length != 61e9 {
		t.Errorf("%d frames in %v, want those of the first minute", len(clip.Frames), clip.Length)
	}
}

// needFFmpeg asks for both programs.
func needFFmpeg(t *testing.T) {
	t.Helper()
	testutil.NeedsCommand(t, "ffmpeg")
	testutil.NeedsCommand(t, "ffprobe")
}

// door is two seconds of video of 160×120 pixels.
func door(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "door.mp4")
	var out bytes.Buffer
	if err := encode(t.Context(), &out, 120, 160, 2, 200); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAVideoIsProbedAndDecoded(t *testing.T) {
	needFFmpeg(t)
	path, dir := door(t), t.TempDir()
	for _, keyframes := range []bool{false, true} {
		clip, err := Probe(t.Context(), dir, path, keyframes)
		if err != nil {
			t.Fatal(err)
		}
		frames := 2 * shippedFPS
		if keyframes {
			frames = 2
		}
		if len(clip.Frames) != frames || clip.Length.Seconds() < 1.99 || clip.Length.Seconds() > 2.01 || clip.Height != 120 || clip.Width != 160 {
			t.Errorf("key frames only %v: %d frames in %v, %d×%d; want %d in 2s", keyframes, len(clip.Frames), clip.Length, clip.Height, clip.Width, frames)
		}
		if !keyframes && clip.Frames[1].Bytes*2 > clip.Frames[0].Bytes {
			t.Errorf("a key frame of %d bytes, the next frame has %d", clip.Frames[0].Bytes, clip.Frames[1].Bytes)
		}
		reel, err := Prepare(t.Context(), dir, clip, 60, 80)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := reel.Open()
		if err != nil {
			t.Fatal(err)
		}
		first, later := make([]float32, 3*60*80), make([]float32, 3*60*80)
		if err := errors.Join(shown.Picture(0, first), shown.Picture(shown.Len()-1, later)); err != nil {
			t.Fatal(err)
		}
		if shown.Len() != frames || slices.Equal(first, later) {
			t.Errorf("%d frames, the first and the last are equal: %v", shown.Len(), slices.Equal(first, later))
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range clip.Frames {
			packet := shown.Packet(i)
			if units.Bytes(len(packet)) != f.Bytes || !bytes.Contains(file, packet) {
				t.Errorf("frame %d: a packet of %d bytes which is in the file: %v; want %d", i, len(packet), bytes.Contains(file, packet), f.Bytes)
			}
		}
		// What is there is used again.
		if again, err := Prepare(t.Context(), dir, clip, 60, 80); err != nil || again.Pictures != reel.Pictures {
			t.Errorf("prepared again: %v, error %v", again.Pictures, err)
		}
	}
}

func TestFilesThatAreNoVideosAreRefused(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sound := filepath.Join(dir, "sound.wav")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=0.1", sound).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole, err := os.ReadFile(door(t))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := write("list.m3u8", []byte("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"))
	for name, test := range map[string]struct{ path, want string }{
		"sound only":          {sound, "no video stream"},
		"text":                {write("text.mp4", []byte(strings.Repeat("not a video ", 100))), "ffprobe"},
		"empty":               {write("empty.mp4", nil), "ffprobe"},
		"without frames":      {write("head.mp4", whole[:800]), ""},
		"not there":           {filepath.Join(dir, "none.mp4"), "no such file"},
		"a directory":         {dir, "not a file"},
		"a list of addresses": {elsewhere, ""},
	} {
		_, err := Probe(t.Context(), dir, test.path, false)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: error %v, want one with %q that names the file", name, err, test.want)
		}
	}
}

func TestADamagedVideoIsRefusedWhenItIsDecoded(t *testing.T) {
	needFFmpeg(t)
	path, dir := door(t), t.TempDir()
	clip, err := Probe(t.Context(), dir, path, false)
	if err != nil {
		t.Fatal(err)
	}
	clip.Frames = append(clip.Frames, clip.Frames[0]) // one more than can be decoded
	if _, err := Prepare(t.Context(), dir, clip, 60, 80); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v, want one that the file is damaged", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".packets") }) {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestWithoutFFmpegTheErrorSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	path := filepath.Join(t.TempDir(), "a.mp4")
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Probe(t.Context(), t.TempDir(), path, false); !errors.Is(err, ErrNoFFmpeg) || !strings.Contains(err.Error(), "install ffmpeg") {
		t.Errorf("error %v, want ErrNoFFmpeg", err)
	}
	if err := Check(); !errors.Is(err, ErrNoFFmpeg) {
		t.Errorf("check: error %v, want ErrNoFFmpeg", err)
	}
}

func TestAProgramThatWritesTooMuchIsEnded(t *testing.T) {
	testutil.NeedsCommand(t, "yes")
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out, 1000, "yes"); !errors.Is(err, errTooMuch) || out.Len() > 1000 {
		t.Errorf("%d bytes and error %v, want errTooMuch", out.Len(), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ended, nil, &out, 1000, "yes"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
