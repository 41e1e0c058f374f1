package testbed

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/pcap"
	"github.com/splitbed/splitbed/internal/testutil"
)

// TestACaptureShowsTheLinksPace captures an uplink at dilation 2. Full packets leave it one virtual sending time after the other,
// tcpdump reads what was written, and a file ends at its limit.
func TestACaptureShowsTheLinksPace(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	testutil.NeedsCommand(t, "tcpdump")
	e := parse(t, `
name: capture
topology:
  name: capture
  edges: [{name: gw, compute: 60GFLOPS, uplink: {rate: 10Mbps}}]
workload:
  name: capture
  tasks: [{name: door, model: cnn2, input: 20kB, fps: 4}]
  background: [{link: gw.uplink, kind: bulk, start: 200ms, stop: 600ms}]
scheduler: {algorithm: edge}
emulation: {dilation: 2, warmup: 200ms, duration: 800ms, capture: [gw.uplink, {link: gw.downlink, limit: 1kB}]}
`)
	out := filepath.Join(t.TempDir(), "run")
	t.Setenv("SPLITBED_STATE", t.TempDir())
	// Whether the run is valid does not matter here: nothing is compared with a deadline.
	if _, err := Run(t.Context(), e, Options{Binary: nodeBinary, Out: out}); err != nil {
		t.Fatal(err)
	}
	up := filepath.Join(out, captureDir, "gw.uplink.pcap")
	var full []float64
	last, packets := int64(0), 0
	file, err := os.Open(up)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := pcap.Read(file, func(p pcap.Packet) error {
		if p.At < last {
			t.Errorf("packet %d at %d ns comes after one at %d", packets, p.At, last)
		}
		if packets++; p.Bytes == 1514 && p.At > 300e6 && p.At < 590e6 {
			full = append(full, float64(p.At-last))
		}
		last = p.At
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(full) < 100 {
		t.Fatalf("%d full packets in 290 ms of a bulk flow, want about 240", len(full))
	}
	slices.Sort(full)
	if got, want := full[len(full)/2], 1514*8/10e6*1e9; math.Abs(got/want-1) > 0.1 {
		t.Errorf("full packets are %.4g ms apart, at 10 Mb/s they take %.4g ms", got/1e6, want/1e6)
	}
	text, err := exec.Command("tcpdump", "-n", "-r", up).Output()
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != packets || !strings.Contains(string(text), ".7000") {
		t.Errorf("tcpdump reads %d packets, %d were written; to port 7000: %v", lines, packets, strings.Contains(string(text), ".7000"))
	}
	info, err := os.Stat(filepath.Join(out, captureDir, "gw.downlink.pcap"))
	if err != nil || info.Size() > 1000 || info.Size() < 800 {
		t.Errorf("a capture of at most 1000 bytes: %v, %v", info, err)
	}
	events, err := os.ReadFile(filepath.Join(out, eventsFile))
	if err != nil || !strings.Contains(string(events), "ended at its limit of 1kB") {
		t.Errorf("no event says that a capture ended at its limit: %v\n%s", err, events)
	}
}
