package testbed

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads/replay"
)

const filmed = `name: filmed
topology: {name: one, edges: [{name: gw, compute: 20GFLOPS, uplink: {rate: 20Mbps}}]}
workload:
  name: w
  tasks:
    - {name: whole, model: lenet5, input: {video: door.mp4}}
    - {name: keys, model: lenet5, input: {video: door.mp4, keyframes: true}, arrival: synchronised}
scheduler: {algorithm: cloud}
emulation: {warmup: 200ms, duration: 2s}
`

// filmedExperiment writes an experiment with two seconds of video, 160×120 pixels at 24 frames a second and a key frame each half second,
// beside it.
func filmedExperiment(t *testing.T) *Experiment {
	t.Helper()
	testutil.NeedsCommand(t, "ffmpeg")
	testutil.NeedsCommand(t, "ffprobe")
	dir := t.TempDir()
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=24:duration=2", "-c:v", "libx264",
		"-bf", "0", "-g", "12", "-pix_fmt", "yuv420p", filepath.Join(dir, "door.mp4")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(dir, "filmed.yaml")
	if err := os.WriteFile(path, []byte(filmed), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := LoadExperiment(path)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkPackets holds every frame's bytes against the packet its video has at that time.
func checkPackets(t *testing.T, e *Experiment, frames []results.Frame) {
	t.Helper()
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := scheduled(t.Context(), e, o)
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		task  string
		frame int64
	}
	recorded, sizes := map[key]results.Frame{}, map[int64]bool{}
	for _, f := range frames {
		recorded[key{f.Task, f.Frame}] = f
	}
	captures := 0
	for _, s := range plan.Streams {
		captures += len(s.Arrivals)
		for n, at := range s.Arrivals {
			packet := int64(s.Source.Video.Frames[s.shown(n)].Bytes)
			f, ok := recorded[key{s.Task, int64(s.First + n)}]
			if !ok || f.InputBytes != packet || f.Cut == 0 && f.WireBytes != replay.HeaderBytes+packet || math.Abs(f.Captured-at.Seconds()) > 1e-6 {
				t.Errorf("%s, frame %d at %v: %d bytes of input, %d on the wire, captured at %v (recorded: %v); its packet has %d",
					s.Task, n, at, f.InputBytes, f.WireBytes, f.Captured, ok, packet)
			}
			sizes[packet] = true
		}
	}
	if captures != len(frames) || len(sizes) < 4 {
		t.Errorf("%d frames for %d captures, of %d sizes", len(frames), captures, len(sizes))
	}
}

func TestAVideoIsSimulatedPacketByPacket(t *testing.T) {
	e := filmedExperiment(t)
	summary, out := simulated(t, e)
	if summary.Verdict != results.Kept || summary.Tasks[0].Frames != 48 || summary.Tasks[1].Frames != 4 {
		t.Errorf("verdict %s, %d and %d frames; want 48 and 4 in two seconds, kept", summary.Verdict, summary.Tasks[0].Frames, summary.Tasks[1].Frames)
	}
	frames, err := results.ReadFrames(filepath.Join(out, "frames.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	checkPackets(t, e, frames)
}

// TestAVideoIsReplayed runs it whole and cut, in both cases against the answers of the uncut network.
func TestAVideoIsReplayed(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	for _, algorithm := range []string{"cloud", "fixed:2"} {
		e := filmedExperiment(t)
		e.Scheduler.Algorithm = algorithm
		s, frames := runValid(t, e, Options{})
		checkPackets(t, e, frames)
		for _, task := range s.Tasks {
			if want := map[string]int{"whole": 48, "keys": 4}[task.Task]; task.Frames != want {
				t.Errorf("%s, %s: %d frames in two seconds, want %d", algorithm, task.Task, task.Frames, want)
			}
			// What travels at cut 0 is the packet, and the picture it stands for is what the network sees.
			if algorithm == "cloud" && task.Agreement != 1 {
				t.Errorf("%s: agreement %v with the uncut network, want 1", task.Task, task.Agreement)
			}
		}
	}
}

// TestTheRunningExampleIsPlanned holds the three variants against what the paper counts for a camera, and what its tensors really have.
func TestTheRunningExampleIsPlanned(t *testing.T) {
	testutil.NeedsCommand(t, "ffmpeg")
	testutil.NeedsCommand(t, "ffprobe")
	carried := map[string]float64{}
	for _, name := range []string{"cat-dog", "cat-dog-split", "cat-dog-keyframes"} {
		e, err := LoadExperiment(name)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := simulated(t, e)
		if s.Verdict != results.Kept || len(s.Tasks) != 3 {
			t.Errorf("%s: verdict %s for %d cameras, want kept for 3", name, s.Verdict, len(s.Tasks))
		}
		carried[name] = float64(s.Edges[0].Uplink.Measured)
	}
	if c := carried["cat-dog"]; c < 9e6 || c > 10.5e6 {
		t.Errorf("three cameras of 3000 kb/s bring %.3g b/s onto the link, headers included; want 9 to 10.5 Mb/s", c)
	}
	if whole, keys := carried["cat-dog-split"], carried["cat-dog-keyframes"]; math.Abs(whole/keys/24-1) > 1e-3 {
		t.Errorf("%.4g b/s of tensors for every frame and %.4g for one in 24", whole, keys)
	}
	// 159×89 places of 96 channels, a byte each, 24 a second from each of three cameras; 3 to 6 % are headers.
	if tensors := 3 * 24 * 8 * 159 * 89 * 96.0; carried["cat-dog-split"] < 1.03*tensors || carried["cat-dog-split"] > 1.06*tensors {
		t.Errorf("%.4g b/s on the link for %.4g of tensors", carried["cat-dog-split"], tensors)
	}
}
