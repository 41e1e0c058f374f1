package main_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/results"
)

const trunked = `
name: trunked
trunks: [{name: west, rate: 30Mbps}]
edges:
  - {name: gw-a, compute: 40GFLOPS, uplink: {rate: 10Mbps}, downlink: {rate: 50Mbps}}
  - {name: gw-b, compute: 20GFLOPS, uplink: {rate: 100Mbps}, trunk: west}
`

func TestSelfTestFindsATopologyAsPlanned(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	before := inventory(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "trunked.yaml"), trunked)
	var probes []results.Probe
	for range attempts {
		got := splitbed(t, "selftest", "--json", filepath.Join(dir, "trunked.yaml"))
		probes = nil
		if err := json.Unmarshal([]byte(got.stdout), &probes); err != nil {
			t.Fatalf("stdout is not a table: %v\n%s\n%s", err, got.stdout, got.stderr)
		}
		off := ""
		for _, p := range probes {
			if !p.OK {
				off += strings.Join([]string{"", p.Subject, p.Quantity, p.Statistic}, " ")
			}
		}
		if (got.code == 0) != (off == "") || got.code != 0 && got.code != 4 {
			t.Fatalf("exit code %d with these off:%s", got.code, off)
		}
		if got.code == 0 {
			break
		}
		t.Logf("off:%s", off)
	}
	seen := map[string]bool{}
	for _, p := range probes {
		seen[p.Subject+" "+p.Quantity] = true
		if !p.OK {
			t.Errorf("%s %s %s: plan %v, measured %v", p.Subject, p.Quantity, p.Statistic, p.Plan, p.Measured)
		}
	}
	for _, want := range []string{"gw-a.uplink rate", "gw-a.downlink rate", "gw-a rtt", "gw-a.uplink queue", "gw-a.uplink loss", "gw-a.cpu cpu",
		"west.uplink rate", "west.uplink queue", "west.downlink rate", "gw-b.cpu cpu"} {
		if !seen[want] {
			t.Errorf("no row %q in %v", want, seen)
		}
	}
	nothingLeft(t, before)
	for _, wrong := range [][]string{{"selftest"}, {"selftest", "no-such-topology"}, {"selftest", "--dilation", "0", "lab-4"}} {
		if got := splitbed(t, wrong...); got.code != 2 {
			t.Errorf("%v: exit code %d, want 2: %s", wrong, got.code, got.stderr)
		}
	}
}
