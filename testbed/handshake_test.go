package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/internal/testutil"
)

// repeatedHandshakes adds up, when a testbed is about to be removed, how many SYNs its nodes have sent again.
type repeatedHandshakes struct {
	Silent
	t     *testing.T
	nodes []string
	syns  int
}

func (r *repeatedHandshakes) Phase(p Phase, _ string) {
	if p != TearDown {
		return
	}
	for _, node := range r.nodes {
		r.syns += tcpCounter(r.t, nodeProcess(r.t, node), "TCPSynRetrans")
	}
}

// tcpCounter is one of the TcpExt counters in a process's network namespace.
func tcpCounter(t *testing.T, pid int, name string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netstat", pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for at, n := range names {
			if names[0] != "TcpExt:" || n != name {
				continue
			}
			value, err := strconv.Atoi(values[at])
			if err != nil {
				t.Error(err)
			}
			return value
		}
	}
	t.Errorf("the kernel does not count %s", name)
	return 0
}

// TestNoHandshakeIsRepeatedHoweverLongTheRoundTrip has a round trip of 1.2 s (wall), longer than TCP's first timeout, and a connection
// of every kind that is made before the replay: of a task, of its verification, of probes, and of background traffic both ways.
func TestNoHandshakeIsRepeatedHoweverLongTheRoundTrip(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	e := parse(t, `
name: far
topology: {name: far, edges: [{name: gw, compute: 60GFLOPS, uplink: {rate: 8Mbps, delay: 150ms, loss: 1%}, downlink: {rate: 8Mbps, delay: 150ms}}]}
workload:
  name: far
  tasks: [{name: door, model: cnn2, input: 20kB, fps: 2, deadline: 2s}]
  background:
    - {link: gw.uplink, kind: bulk, flows: 2, stop: 500ms}
    - {link: gw.downlink, kind: bulk, stop: 500ms}
    - {link: gw.uplink, kind: {udp: {rate: 1Mbps}}, stop: 500ms}
    - {link: gw.downlink, kind: {udp: {rate: 1Mbps}}, stop: 500ms}
scheduler: {algorithm: edge}
emulation: {dilation: 4, delay: userspace, warmup: 100ms, duration: 500ms}
`)
	watch := &repeatedHandshakes{t: t, nodes: []string{"gw", emulator.CloudName}}
	t.Setenv("SPLITBED_STATE", t.TempDir())
	// Whether the run is valid does not matter: a busy host makes no handshake repeat.
	s, err := Run(t.Context(), e, Options{Binary: nodeBinary, Out: filepath.Join(t.TempDir(), "run"), Progress: watch})
	if err != nil {
		t.Fatal(err)
	}
	if watch.syns != 0 {
		t.Errorf("%d SYNs were sent again", watch.syns)
	}
	if up := s.Edges[0].Uplink.MeasuredDelay; !(up >= 0.150) {
		t.Errorf("the way up took %v s, planned 0.150: it was not delayed", up)
	}
	for _, b := range s.Background {
		if b.Offered+b.OfferedBytes == 0 {
			t.Errorf("%s on %s did not run: %+v", b.Kind, b.Link, b)
		}
	}
}
