package link_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/internal/testutil"
)

// TestCommandsMakeTheSameNetwork builds a network once through netlink and once with the commands that are shown for it, and has
// ip and tc print both.
func TestCommandsMakeTheSameNetwork(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsCommand(t, "tc")
	topo := trunks()
	l := newLab(t, topo, emulator.Options{Dilation: 2})
	twin := newPlan(t, topo, emulator.Options{Dilation: 2})
	twinName := func(node string) string { return "sb-" + twin.Run + "-" + node }
	network := inNamespaces(twin.Network, twinName)
	var script bytes.Buffer
	if err := network.WriteCommands(&script); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range network.Namespaces {
			if err := netns.Remove(n.Name); err != nil {
				t.Error(err)
			}
		}
	})
	if err := shell(script.String()); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, n := range network.Namespaces {
		commands := []string{"ip -n %s -details link show type veth", "ip -n %s address show scope global", "ip -n %s route show table all type unicast",
			"ip -n %s neighbour show", "tc -n %s qdisc show", "ip netns exec %s sysctl net.ipv4.tcp_rmem net.ipv4.tcp_ecn net.ipv4.ip_forward"}
		for _, k := range network.Links {
			if k.At.Namespace == n.Name {
				commands = append(commands, "tc -n %s class show dev "+k.At.Device)
			}
		}
		for _, command := range commands {
			want := printed(t, fmt.Sprintf(command, strings.Replace(n.Name, twin.Run, l.plan.Run, 1)), l.plan.Run)
			got := printed(t, fmt.Sprintf(command, n.Name), twin.Run)
			lines += len(want)
			for i, planned := range bursts(t, want) {
				// tc reckons bursts in whole microseconds at the link's rate, here at most 500 Mb/s.
				if is := bursts(t, got); i >= len(is) || planned-is[i] < 0 || planned-is[i] > 500/8.+1 {
					t.Errorf("%s: burst %v built, %v by the commands", fmt.Sprintf(command, n.Name), planned, is)
				}
			}
			if plain(want) != plain(got) {
				t.Errorf("%s\nbuilt:\n%s\nby the commands:\n%s", fmt.Sprintf(command, n.Name), strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
		}
	}
	if lines < 100 {
		t.Errorf("ip and tc printed %d lines about both networks, too few to tell", lines)
	}
}

// incidental is what the kernel has numbered in the order things were made, spaces that only some lines end with, and bursts, which
// are compared apart.
var incidental = regexp.MustCompile(`(?m)^\d+: |@if\d+|link-netns(id)? \S+| +$|burst \d+b cburst \d+b`)

func plain(lines []string) string { return incidental.ReplaceAllString(strings.Join(lines, "\n"), "") }

// bursts are the bytes that classes may send at once, of what tc prints.
func bursts(t *testing.T, lines []string) (all []float64) {
	t.Helper()
	for _, found := range regexp.MustCompile(`burst (\d+)b`).FindAllStringSubmatch(strings.Join(lines, "\n"), -1) {
		bytes, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes)
	}
	return all
}

// printed is what a command prints, in sorted lines without what differs from run to run.
func printed(t *testing.T, command, run string) []string {
	t.Helper()
	words := strings.Fields(command)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), run, "RUN")), "\n")
	slices.Sort(lines)
	return lines
}
