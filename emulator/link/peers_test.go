package link_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/stat"
)

// star is a network of edges with shaped links to one cloud, made by one of the tools that are compared.
type star struct {
	*lab  // its plan has the nodes only
	built time.Duration
	// remove takes everything away and returns how long that took. It may be called again.
	remove func() time.Duration
}

// A peer makes a star of so many edges, whose uplinks all have this rate.
type peer struct {
	name  string
	build func(b *testing.B, rate units.Rate, edges int) star
}

func peers() []peer {
	return []peer{{"splitbed", splitbedStar}, {"ip and tc", commandStar}, {"Mininet", mininetStar}}
}

// payload is the transfer whose time is measured.
const payload = units.Bytes(50_000)

// starPlan is the plan of a star for tasks that send nothing smaller than the payload.
func starPlan(b *testing.B, rate units.Rate, edges int) *emulator.Plan {
	opt := emulator.Options{SmallestTransfer: map[string]units.Bytes{}}
	t := manyEdges(edges)
	for i := range t.Edges {
		t.Edges[i].Uplink.Rate = rate
		opt.SmallestTransfer[t.Edges[i].Name+".uplink"] = payload
	}
	return newPlan(b, t, opt)
}

// once makes a removal that is done one time only, at the latest at the end of the benchmark.
func once(b *testing.B, remove func() error) func() time.Duration {
	done := false
	f := func() time.Duration {
		if done {
			return 0
		}
		done = true
		started := time.Now()
		if err := remove(); err != nil {
			b.Error(err)
		}
		return time.Since(started)
	}
	b.Cleanup(func() { f() })
	return f
}

// splitbedStar makes namespaces, builds the network between them and reads it back, as a run does.
func splitbedStar(b *testing.B, rate units.Rate, edges int) star {
	plan := starPlan(b, rate, edges)
	l := &lab{plan: plan, nodes: map[string]string{}}
	name := func(node string) string { return "sb-" + plan.Run + "-" + node }
	started := time.Now()
	remove := once(b, func() error {
		var errs []error
		if l.Live != nil {
			errs = append(errs, l.Close(context.Background()))
		}
		for node := range l.nodes {
			errs = append(errs, netns.Remove(name(node)))
		}
		return errors.Join(errs...)
	})
	for _, n := range plan.Nodes {
		if err := netns.Make(name(n.Name)); err != nil {
			b.Fatal(err)
		}
		l.nodes[n.Name] = netns.Path(name(n.Name))
	}
	live, err := link.Build(b.Context(), plan.Network, l.nodes, &memoryJournal{})
	if err != nil {
		b.Fatal(err)
	}
	l.Live = live
	if err := live.Verify(b.Context()); err != nil {
		b.Fatal(err)
	}
	return star{l, time.Since(started), remove}
}

// commandStar runs the commands that are equivalent to splitbed's network.
func commandStar(b *testing.B, rate units.Rate, edges int) star {
	testutil.NeedsCommand(b, "tc")
	plan := starPlan(b, rate, edges)
	name := func(node string) string { return "sb-" + plan.Run + "-" + node }
	network := inNamespaces(plan.Network, name)
	var script bytes.Buffer
	if err := network.WriteCommands(&script); err != nil {
		b.Fatal(err)
	}
	l := &lab{plan: plan, nodes: map[string]string{}}
	for _, n := range plan.Nodes {
		l.nodes[n.Name] = netns.Path(name(n.Name))
	}
	remove := once(b, func() error {
		var undo strings.Builder
		for _, n := range network.Namespaces {
			fmt.Fprintf(&undo, "ip netns delete %s\n", n.Name)
		}
		return shell(undo.String())
	})
	started := time.Now()
	if err := shell(script.String()); err != nil {
		b.Fatal(err)
	}
	return star{l, time.Since(started), remove}
}

// inNamespaces is a network whose nodes are in namespaces of other names than their own, which are not the host's only ones.
func inNamespaces(n link.Network, name func(node string) string) link.Network {
	names := map[string]string{}
	n.Namespaces, n.Pairs, n.Links = slices.Clone(n.Namespaces), slices.Clone(n.Pairs), slices.Clone(n.Links)
	for i, s := range n.Namespaces {
		if s.Node != "" {
			names[s.Name] = name(s.Node)
			n.Namespaces[i].Name = names[s.Name]
		}
	}
	rename := func(namespace *string) { *namespace = cmp.Or(names[*namespace], *namespace) }
	for i := range n.Pairs {
		rename(&n.Pairs[i].A.Namespace)
		rename(&n.Pairs[i].B.Namespace)
	}
	for i := range n.Links {
		rename(&n.Links[i].At.Namespace)
		rename(&n.Links[i].DelayAt.Namespace)
	}
	return n
}

func shell(script string) error {
	cmd := exec.Command("sh", "-e")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// manualStar shapes as the first example of tc's manual of the token bucket does: on the sender's own device, with a
// burst of 32 kbit and a latency of 400 ms.
func manualStar(b *testing.B, rate units.Rate, edges int) star {
	testutil.NeedsCommand(b, "tc")
	plan := starPlan(b, rate, edges)
	l := &lab{plan: plan, nodes: map[string]string{}}
	var script, undo strings.Builder
	name := func(node string) string { return "sb-" + plan.Run + "-" + node }
	for _, n := range plan.Nodes {
		l.nodes[n.Name] = netns.Path(name(n.Name))
		fmt.Fprintf(&script, "ip netns add %s\n", name(n.Name))
		fmt.Fprintf(&undo, "ip netns delete %s\n", name(n.Name))
	}
	cloud := name(emulator.CloudName)
	for i, n := range plan.Nodes[:edges] {
		way := n.Peers[0]
		fmt.Fprintf(&script, "ip -n %[1]s link add eth0 type veth peer name e%[2]d netns %[3]s\n"+
			"ip -n %[1]s address add %[4]s peer %[5]s dev eth0\nip -n %[3]s address add %[5]s peer %[4]s dev e%[2]d\n"+
			"ip -n %[1]s link set eth0 up\nip -n %[3]s link set e%[2]d up\n"+
			"tc -n %[1]s qdisc add dev eth0 root tbf rate %[6]dbit burst 32kbit latency 400ms\n",
			name(n.Name), i, cloud, way.Local, way.Remote, int64(rate))
	}
	remove := once(b, func() error { return shell(undo.String()) })
	started := time.Now()
	if err := shell(script.String()); err != nil {
		b.Fatal(err)
	}
	return star{l, time.Since(started), remove}
}

// mininetStar has Mininet build it, with Python's start and imports not counted.
func mininetStar(b *testing.B, rate units.Rate, edges int) star {
	testutil.NeedsRoot(b)
	testutil.NeedsCommand(b, "mnexec")
	// The distribution's Python has the distribution's Mininet.
	cmd := exec.Command("/usr/bin/python3", "testdata/mininet_star.py", fmt.Sprint(float64(rate)/1e6), fmt.Sprint(edges))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	answers := bufio.NewReader(stdout)
	answer := func(into any) error {
		text, err := answers.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("Mininet's answer: %w", err)
		}
		return json.Unmarshal(text, into)
	}
	var gone struct{ Removed float64 }
	end := once(b, func() error {
		err := errors.Join(stdin.Close(), answer(&gone))
		return errors.Join(err, cmd.Wait())
	})
	var made struct {
		Built float64
		Nodes map[string]struct {
			PID  int
			Ways map[string][2]netip.Addr
		}
	}
	if err := answer(&made); err != nil {
		b.Fatal(err)
	}
	l := &lab{plan: &emulator.Plan{}, nodes: map[string]string{}}
	for name, n := range made.Nodes {
		node := emulator.Node{Name: name}
		for to, way := range n.Ways {
			node.Peers = append(node.Peers, emulator.Peer{Name: to, Local: way[0], Remote: way[1]})
		}
		l.plan.Nodes = append(l.plan.Nodes, node)
		l.nodes[name] = fmt.Sprintf("/proc/%d/ns/net", n.PID)
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return star{l, seconds(made.Built), func() time.Duration { end(); return seconds(gone.Removed) }}
}

// table prints what was measured, a line of cells each.
func table(lines [][]string) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, cells := range lines {
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	w.Flush()
	fmt.Print("\n", text.String(), "\n") // the log of a benchmark that has parts is not shown
}

// BenchmarkPeersBuildAndRemove builds and removes stars with nodes that run nothing: with splitbed's links, with the equivalent
// commands, and in Mininet. What the kernel goes on to remove after the last call has returned is in none of the times.
func BenchmarkPeersBuildAndRemove(b *testing.B) {
	testutil.NeedsRoot(b)
	lines := [][]string{{"edges", "", "build", "remove"}}
	for _, edges := range []int{20, 50, 90} {
		for _, p := range peers() {
			b.Run(fmt.Sprintf("%d edges/%s", edges, p.name), func(b *testing.B) {
				var built, removed time.Duration
				for b.Loop() {
					s := p.build(b, 10e6, edges)
					built += s.built
					removed += s.remove()
				}
				n := time.Duration(b.N)
				b.ReportMetric((built / n).Seconds(), "s/build")
				b.ReportMetric((removed / n).Seconds(), "s/remove")
				lines = append(lines, []string{fmt.Sprint(edges), p.name,
					fmt.Sprintf("%.2f s", (built / n).Seconds()), fmt.Sprintf("%.2f s", (removed / n).Seconds())})
			})
		}
	}
	table(lines)
}

// BenchmarkPeersAccuracy measures the same links, made by each of them, with the same programs: the goodput of a bulk flow against
// that of the rate, the median time of transfers of 50 kB against bytes by rate, and round trips, idle and beside a bulk flow.
func BenchmarkPeersAccuracy(b *testing.B) {
	testutil.NeedsRoot(b)
	lines := [][]string{{"rate", "", "goodput", "50 kB", "RTT p50", "p95", "RTT p50 under load"}}
	for _, rate := range []units.Rate{1e6, 10e6, 100e6} {
		for _, p := range append(peers(), peer{"tc's manual", manualStar}) {
			b.Run(fmt.Sprintf("%v/%s", rate, p.name), func(b *testing.B) {
				for b.Loop() {
					a := measureAccuracy(b, p.build(b, rate, 1), rate)
					for unit, v := range a {
						b.ReportMetric(v, unit)
					}
					lines = append(lines, []string{rate.String(), p.name, fmt.Sprintf("%+.2f %%", a["goodput-error-%"]), fmt.Sprintf("%+.1f %%", a["50kB-error-%"]),
						fmt.Sprintf("%.3f ms", a["rtt-p50-ms"]), fmt.Sprintf("%.3f ms", a["rtt-p95-ms"]), fmt.Sprintf("%.1f ms", a["loaded-rtt-p50-ms"])})
				}
			})
		}
	}
	table(lines)
}

// measureAccuracy measures the one edge of a star and removes it.
func measureAccuracy(b *testing.B, s star, rate units.Rate) map[string]float64 {
	defer s.remove()
	const edge = "gw-0"
	ideal := float64(8*shape.WireBytes(payload)) / float64(rate)
	took := s.transfers(b, edge, emulator.CloudName, payload)()

	quantile := func(p float64, sorted []float64) float64 {
		if len(sorted) == 0 {
			b.Fatal("no packet came back")
		}
		return stat.Quantile(p, stat.Empirical, sorted, nil)
	}
	idle := s.atIntervals(b, edge, time.Second, func(int64) error { return nil })

	// So slow a flow moves in steps of some packets and takes time to tell its rate.
	warmup, window := time.Second, 2*time.Second
	if rate < 10e6 {
		window = 5 * time.Second
	}
	sender, receiver := s.connect(b, edge, emulator.CloudName)
	goodput, err := bulk(sender, receiver, 0, warmup, window)
	if err != nil {
		b.Fatal(err)
	}
	loaded := s.atIntervals(b, edge, 2*time.Second, func(end int64) error {
		return onTime(func() error { return sendUntil(sender, end) }, func() error { return drain(receiver, end) })
	})
	return map[string]float64{
		"goodput-error-%":   100 * (float64(goodput)/(float64(rate)*shape.GoodputShare) - 1),
		"50kB-error-%":      100 * (took/ideal - 1),
		"rtt-p50-ms":        1e3 * quantile(0.5, idle),
		"rtt-p95-ms":        1e3 * quantile(0.95, idle),
		"loaded-rtt-p50-ms": 1e3 * quantile(0.5, loaded),
	}
}

// atIntervals bounces a packet between an edge and the cloud every 20 ms, whatever became of those before, beside something that
// ends at a time. It returns the round trips in seconds, sorted, without those of packets that were dropped.
func (l *lab) atIntervals(b *testing.B, edge string, span time.Duration, beside func(end int64) error) (trips []float64) {
	const every, wait = int64(20 * time.Millisecond), int64(500 * time.Millisecond)
	ping, pong := l.bounce(b, edge)
	start := clock.Now()
	end := start + int64(span)
	err := onTime(
		func() error { return beside(end) },
		func() error { return echo(pong, end+wait) },
		func() error {
			for at := start; at < end; at += every {
				clock.SleepUntil(at)
				if _, err := write(ping, binary.NativeEndian.AppendUint64(nil, uint64(clock.Now()))); err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			buf := make([]byte, 8)
			for clock.Now() < end+wait {
				_, err := read(ping, buf)
				if errors.Is(err, unix.EAGAIN) {
					continue
				}
				if err != nil {
					return err
				}
				trips = append(trips, clock.Since(int64(binary.NativeEndian.Uint64(buf))).Seconds())
			}
			return nil
		})
	if err := errors.Join(err, unix.Close(ping), unix.Close(pong)); err != nil {
		b.Fatal(err)
	}
	slices.Sort(trips)
	return trips
}

// drain reads until a time.
func drain(fd int, end int64) error {
	buf := make([]byte, 256<<10)
	for clock.Now() < end {
		if _, err := read(fd, buf); err != nil {
			return err
		}
	}
	return nil
}
