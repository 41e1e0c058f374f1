package testbed

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/splitbed/splitbed/internal/pcap"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/testutil/onnxtest"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/replay"
)

const filmed = `name: filmed
topology: {name: one, edges: [{name: gw, compute: 20GFLOPS, uplink: {rate: 20Mbps}}]}
workload:
  name: w
  tasks:
    - {name: whole, model: lenet5, input: {video: door.mp4}}
    - {name: keys, model: lenet5, input: {video: door.mp4, keyframes: true}, arrival: synchronised}
    - {name: recorded, model: lenet5, arrival: {trace: times.csv}}
    - {name: bursts, model: lenet5, input: 4kB, fps: 20, arrival: {onoff: [200ms, 300ms]}}
    - {name: outside, model: nets/residual.onnx, input: 2kB, fps: 2}
    - {name: open, model: nets/branching.onnx, shape: [1, 3, 48, 64], input: 6kB, fps: 2}
scheduler: {algorithm: cloud}
emulation: {warmup: 200ms, duration: 2s}
`

// recorded is what times.csv below holds of the run: two frames come at once, and the last line lies beyond its end.
var recorded = []struct {
	at    float64
	bytes int64
}{{-0.1, 4000}, {0.5, 6001}, {0.5, 5000}, {1.999, 7123}}

// filmedExperiment writes an experiment with two seconds of video, 160×120 pixels at 24 frames a second and a key frame each half second,
// with recorded frames, and with networks of its own, one with weights in another file and one with an open batch and size, all in files beside
// it, which it names by relative paths.
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
	times := "seconds,bytes\n2.5,5000\n"
	for _, r := range recorded {
		times += fmt.Sprintf("%v,%d\n", r.at, r.bytes)
	}
	if err := os.WriteFile(filepath.Join(dir, "times.csv"), []byte(times), 0o644); err != nil {
		t.Fatal(err)
	}
	onnxtest.Residual(t, filepath.Join(dir, "nets"), onnxtest.Outside)
	onnxtest.Branching(t, filepath.Join(dir, "nets"), onnxtest.Modern)
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

// checkFrames holds every frame's time and bytes against its source: the packet its video has at that time, the recorded frame, or the
// bursts that are drawn from the seed.
func checkFrames(t *testing.T, e *Experiment, frames []results.Frame) {
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
	got, sizes := map[key]results.Frame{}, map[int64]bool{}
	for _, f := range frames {
		got[key{f.Task, f.Frame}] = f
	}
	captures := 0
	for _, s := range plan.Streams {
		captures += len(s.Arrivals)
		for n, at := range s.Arrivals {
			f, ok := got[key{s.Task, int64(s.First + n)}]
			packet := f.InputBytes // of a picture that was made, anything
			switch {
			case s.Source.Video != nil:
				packet = int64(s.Source.Video.Frames[s.shown(n)].Bytes)
				sizes[packet] = true
			case s.Source.Recorded != nil:
				packet, at = recorded[n].bytes, units.Virtual(math.Round(recorded[n].at*1e9))
			}
			if !ok || f.InputBytes != packet || f.Cut == 0 && f.WireBytes != replay.HeaderBytes+packet || math.Abs(f.Captured-at.Seconds()) > 1e-6 {
				t.Errorf("%s, frame %d at %v: %d bytes of input, %d on the wire, captured at %v (recorded: %v); its source has %d",
					s.Task, n, at, f.InputBytes, f.WireBytes, f.Captured, ok, packet)
			}
		}
	}
	if captures != len(frames) || len(sizes) < 4 {
		t.Errorf("%d frames for %d captures, of %d sizes", len(frames), captures, len(sizes))
	}
}

func TestAVideoIsSimulatedPacketByPacket(t *testing.T) {
	testutil.NeedsEngine(t)
	e := filmedExperiment(t)
	summary, out := simulated(t, e)
	if summary.Verdict != results.Kept || summary.Tasks[0].Frames != 48 || summary.Tasks[1].Frames != 4 {
		t.Errorf("verdict %s, %d and %d frames; want 48 and 4 in two seconds, kept", summary.Verdict, summary.Tasks[0].Frames, summary.Tasks[1].Frames)
	}
	frames, err := results.ReadFrames(filepath.Join(out, "frames.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	checkFrames(t, e, frames)
	// What the run has written down repeats it from anywhere, although the experiment named its files by relative paths.
	t.Chdir(t.TempDir())
	again, err := LoadExperiment(filepath.Join(out, experimentFile))
	if err != nil {
		t.Fatal(err)
	}
	_, out = simulated(t, again)
	repeated, err := results.ReadFrames(filepath.Join(out, framesFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(frames, repeated, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("repeated from experiment.yaml (-first +again):\n%s", diff)
	}
}

// TestAVideoIsReplayed runs it whole in namespaces, and cut in containers beside background traffic and a capture, in both cases against
// the answers of the uncut network.
func TestAVideoIsReplayed(t *testing.T) {
	testutil.NeedsDocker(t)
	testutil.NeedsEngine(t)
	for algorithm, runtime := range map[string]string{"cloud": runtimeNative, "fixed:2": runtimeDocker} {
		e := filmedExperiment(t)
		e.Scheduler.Algorithm, e.Emulation.Runtime = algorithm, runtime
		if runtime == runtimeDocker {
			e.Emulation.Capture = []Capture{NewCapture(uplink("gw"))}
			e.Workload.Background = []workloads.Background{{Link: uplink("gw"), Flows: 1,
				Traffic: workloads.Traffic{Kind: workloads.UDP, Rate: 1e6, Packet: 1250}}}
		}
		var out string
		s, frames := runValidIn(t, e, Options{}, &out)
		for i, b := range e.Workload.Background {
			if got := s.Background[i]; got.Offered != 200 || got.LostBytes != 0 {
				t.Errorf("1 Mb/s in packets of 1250 bytes for two seconds: %+v, want 200 packets, none lost", got)
			}
			packets := 0
			file, err := os.Open(filepath.Join(out, captureDir, b.Link+".pcap"))
			if err != nil {
				t.Fatal(err)
			}
			if err := pcap.Read(file, func(p pcap.Packet) error {
				if p.Bytes == 1250 {
					packets++
				}
				return nil
			}); err != nil || packets < 200 {
				t.Errorf("the capture has %d packets of 1250 bytes, want 200 at least: %v", packets, err)
			}
			file.Close()
		}
		checkFrames(t, e, frames)
		for _, task := range s.Tasks {
			if want := map[string]int{"whole": 48, "keys": 4, "recorded": 3, "bursts": task.Frames, "outside": 4, "open": 4}[task.Task]; task.Frames != want {
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
