package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/internal/testutil"
)

func TestTopologiesAreGeneratedAndShownAgain(t *testing.T) {
	generate := []string{"topology", "generate", "--edges", "50", "--seed", "7", "--rate", "10Mbps..1Gbps", "--delay", "2ms..30ms", "--compute", "100GFLOPS"}
	first, again := splitbed(t, generate...), splitbed(t, generate...)
	if first.code != 0 || first.stdout != again.stdout || strings.Count(first.stdout, "uplink:") != 50 {
		t.Fatalf("exit code %d, %d uplinks, the same twice: %v\n%s", first.code, strings.Count(first.stdout, "uplink:"), first.stdout == again.stdout, first.stderr)
	}
	file := filepath.Join(t.TempDir(), "fifty.yaml")
	write(t, file, first.stdout)
	if shown := splitbed(t, "topology", "show", file); shown.stdout != first.stdout {
		t.Errorf("shown again it is another: exit code %d, %s", shown.code, shown.stderr)
	}
	for _, c := range []struct {
		args string
		says string
	}{
		{"generate", "edges"},
		{"generate --edges 0", "edges"},
		{"generate --edges 3 --rate 1Gbps..10Mbps", "--rate"},
		{"generate --edges 3 --rate 10mbps", "--rate"},
		{"generate --edges 3 --delay 5", "--delay"},
		{"generate --edges 3 --compute 0GFLOPS", "compute"},
		{"generate --edges 3 --name a/b", "name"},
		{"generate --edges 3 fifty", "options"},
		{"show --format svg lab-4", "commands"},
		{"show nowhere", "lab-4"},
	} {
		got := splitbed(t, append([]string{"topology"}, strings.Fields(c.args)...)...)
		if got.code != 2 || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
			t.Errorf("topology %s: exit code %d, stdout %q, stderr %q; want 2 and an error that says %q", c.args, got.code, got.stdout, got.stderr, c.says)
		}
	}
}

// TestShownCommandsMakeANetwork runs the script and sends a packet over the network it makes.
func TestShownCommandsMakeANetwork(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsCommand(t, "tc")
	const node = "sb-shown-edge"
	file := filepath.Join(t.TempDir(), "one.yaml")
	write(t, file, "name: sb-shown\nedges: [{name: "+node+", compute: 1GFLOPS, uplink: {rate: 10Mbps}}]\n")
	shown := splitbed(t, "topology", "show", "--format", "commands", file)
	if shown.code != 0 {
		t.Fatalf("exit code %d: %s", shown.code, shown.stderr)
	}
	// The cloud's name is everybody's.
	const cloud = "sb-shown-cloud"
	script := strings.NewReplacer(" cloud\n", " "+cloud+"\n", " cloud ", " "+cloud+" ").Replace(shown.stdout)
	router := "sb-sb-shown-_router"
	for _, name := range []string{node, cloud, router} {
		t.Cleanup(func() {
			if err := netns.Remove(name); err != nil {
				t.Error(err)
			}
		})
		if !strings.Contains(script, "#     ip netns delete "+name+"\n") {
			t.Errorf("the script does not say how to remove %s", name)
		}
	}
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
	out, err := exec.Command("ip", "netns", "exec", node, "bash", "-c", "exec 3<>/dev/udp/10.2.0.1/9 && echo >&3 && sleep 0.2 && tc -n "+router+" -s class show dev c0").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "htb 1:1 root leaf 10: prio 0 rate 10Mbit") || !strings.Contains(string(out), " 1 pkt ") {
		t.Errorf("the uplink did not carry the packet: %v\n%s", err, out)
	}
}
