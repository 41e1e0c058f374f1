package emulator

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

var update = flag.Bool("update", false, "write the golden files anew")

const ms = units.Virtual(time.Millisecond)

// twoEdges has an edge with delay and loss and one with a downlink of its own.
func twoEdges() *topologies.Topology {
	return &topologies.Topology{Name: "two-edges", Edges: []topologies.Edge{
		{Name: "gw-a", Compute: 5e9, Uplink: topologies.Link{Rate: 10e6, Delay: 30 * ms, Jitter: 2 * ms, Loss: 0.001}},
		{Name: "gw-b", Compute: 20e9, Uplink: topologies.Link{Rate: 50e6, Queue: 20 * ms}, Downlink: &topologies.Link{Rate: 100e6}},
	}}
}

// trunked has an edge on a trunk behind a trunk, one on the outer trunk, and one on none.
func trunked() *topologies.Topology {
	return &topologies.Topology{Name: "trunked",
		Edges: []topologies.Edge{
			{Name: "far", Compute: 10e9, Uplink: topologies.Link{Rate: 20e6, Delay: 5 * ms}, Trunk: "west"},
			{Name: "near", Compute: 10e9, Uplink: topologies.Link{Rate: 50e6}, Trunk: "core"},
			{Name: "direct", Compute: 10e9, Uplink: topologies.Link{Rate: 1e9}},
		},
		Trunks: []topologies.Trunk{
			{Name: "west", Link: topologies.Link{Rate: 40e6, Delay: 10 * ms}, Trunk: "core"},
			{Name: "core", Link: topologies.Link{Rate: 300e6}},
		}}
}

// reserved has two edges behind a trunk, with two reservations at one of them and one at the other.
func reserved() *topologies.Topology {
	return &topologies.Topology{Name: "reserved",
		Edges: []topologies.Edge{
			{Name: "left", Compute: 10e9, Uplink: topologies.Link{Rate: 20e6}, Trunk: "west"},
			{Name: "right", Compute: 10e9, Uplink: topologies.Link{Rate: 300e6}, Trunk: "west"},
		},
		Trunks: []topologies.Trunk{{Name: "west", Link: topologies.Link{Rate: 40e6}}}}
}

func options() Options {
	return Options{Dilation: 2, FLOPSPerCore: 10e9,
		SmallestTransfer: map[string]units.Bytes{"gw-a.uplink": 50_000, "far.uplink": 200_000},
		Sharing: Sharing{Reserved: []Reservation{
			{Edge: "left", Task: "cam-1", Rate: 4e6, Port: 10_000, Smallest: 80_000},
			{Edge: "left", Task: "cam-2", Rate: 12e6, Port: 10_002, Smallest: 240_000},
			{Edge: "right", Task: "cam-1", Rate: 24e6, Port: 10_000, Smallest: 480_000},
		}}}
}

func plan(t testing.TB, topo *topologies.Topology, opt Options) *Plan {
	t.Helper()
	p, err := NewPlan("20261122-211500-ab12cd", topo, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlansAreTheSameToTheLastCommand(t *testing.T) {
	for _, topo := range []*topologies.Topology{twoEdges(), trunked(), reserved()} {
		var got bytes.Buffer
		if err := plan(t, topo, options()).Network.WriteCommands(&got); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", topo.Name+".sh")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
			t.Errorf("%s (-golden +planned; -update writes it anew):\n%s", golden, diff)
		}
	}
}

func TestAPlanSurvivesJSON(t *testing.T) {
	for _, topo := range []*topologies.Topology{twoEdges(), trunked(), reserved()} {
		want := plan(t, topo, options())
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Plan
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s: (-planned +read)\n%s", topo.Name, diff)
		}
	}
}

func TestEveryPacketsWayLeadsThroughItsLinks(t *testing.T) {
	p := plan(t, trunked(), options())
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"far", "cloud", []string{"far.uplink", "west.uplink", "core.uplink"}},
		{"cloud", "far", []string{"core.downlink", "west.downlink", "far.downlink"}},
		{"near", "cloud", []string{"near.uplink", "core.uplink"}},
		{"cloud", "near", []string{"core.downlink", "near.downlink"}},
		{"direct", "cloud", []string{"direct.uplink"}},
		{"cloud", "direct", []string{"direct.downlink"}},
	} {
		got, err := follow(p, c.from, c.to)
		if err != nil {
			t.Errorf("%s → %s: %v", c.from, c.to, err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s → %s passes %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// follow walks a packet's way by the plan's routes and neighbours, as the kernel would, and returns the links it is shaped on.
func follow(p *Plan, from, to string) (links []string, err error) {
	var target netip.Addr
	for _, n := range p.Nodes {
		for _, peer := range n.Peers {
			if n.Name == from && peer.Name == to {
				target = peer.Remote
			}
		}
	}
	at := from
	for range 20 {
		if at == to {
			return links, nil
		}
		i := slices.IndexFunc(p.Network.Namespaces, func(n link.Namespace) bool { return n.Name == at })
		space := p.Network.Namespaces[i]
		r := slices.IndexFunc(space.Routes, func(r link.Route) bool { return r.To == target })
		if r < 0 {
			return links, fmt.Errorf("%s has no route to %s", at, target)
		}
		route := space.Routes[r]
		for _, k := range p.Network.Links {
			if k.At.Namespace == at && k.At.Device == route.Device {
				links = append(links, k.Name)
			}
		}
		next := ""
		for _, pair := range p.Network.Pairs {
			for _, ends := range [][2]link.End{{pair.A, pair.B}, {pair.B, pair.A}} {
				if ends[0].Namespace == at && ends[0].Device == route.Device {
					if ends[1].MAC != route.Via {
						return links, fmt.Errorf("%s sends to %s, but behind %s is %s", at, route.Via, route.Device, ends[1].MAC)
					}
					next = ends[1].Namespace
				}
			}
		}
		at = next
	}
	return links, fmt.Errorf("no end after 20 hops, at %q", at)
}

func TestNamesAndAddressesOfTenThousandEdges(t *testing.T) {
	seen := map[any]string{}
	unique := func(what any, who string) {
		if other, ok := seen[what]; ok {
			t.Fatalf("%v belongs to %s and to %s", what, other, who)
		}
		seen[what] = who
	}
	for i := range 10_000 {
		for name, a := range map[string]netip.Addr{"edge": edgeAddress(i), "cloud": cloudAddress(i)} {
			unique(a, fmt.Sprint(name, i))
			if last := a.As4()[3]; last == 0 || last == 255 {
				t.Fatalf("%s %d has the address %s", name, i, a)
			}
		}
		for r := edgeEnd; r <= trunkUpper; r++ {
			unique(r.mac(i), r.device(i))
			if len(r.device(i)) > 15 {
				t.Fatalf("device name %s has more than 15 bytes", r.device(i))
			}
		}
	}
}

func TestCongestionControlOfAPlan(t *testing.T) {
	for _, c := range []struct {
		asked    string
		dilation units.Dilation
		want     string
	}{
		{"", 0, "cubic"}, {"auto", 1, "cubic"}, {"auto", 1.5, "reno"}, {"cubic", 4, "cubic"}, {"reno", 1, "reno"},
	} {
		opt := options()
		opt.Congestion, opt.Dilation = c.asked, c.dilation
		p := plan(t, twoEdges(), opt)
		if p.Congestion != c.want {
			t.Errorf("%q at dilation %v plans %s, want %s", c.asked, c.dilation, p.Congestion, c.want)
		}
		for _, n := range p.Network.Namespaces {
			if n.Node != "" && n.Congestion != c.want {
				t.Errorf("%s has %s, want %s", n.Name, n.Congestion, c.want)
			}
		}
	}
}

func TestATrunksBurstGoesByTheSmallestTransferBelowIt(t *testing.T) {
	opt := options()
	opt.SmallestTransfer = map[string]units.Bytes{"far.uplink": 200_000, "near.uplink": 250_000}
	p := plan(t, trunked(), opt)
	for name, want := range map[string]units.Bytes{"far.uplink": 2000, "west.uplink": 2000, "core.uplink": 2000, "near.uplink": 2500} {
		if l, _ := p.Link(name); l.Egress.Burst != want {
			t.Errorf("burst of %s is %d bytes, want %d", name, l.Egress.Burst, want)
		}
	}
}

func TestLinksWithDelays(t *testing.T) {
	for _, c := range []struct {
		topo *topologies.Topology
		want []string
	}{
		{twoEdges(), []string{"gw-a.uplink", "gw-a.downlink"}},
		{trunked(), []string{"far.uplink", "far.downlink"}},
	} {
		if got := plan(t, c.topo, options()).Delayed(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.topo.Name, got, c.want)
		}
	}
}

func TestBudgetsBecomeQuotas(t *testing.T) {
	topo := twoEdges()
	topo.Cloud.Compute = 60e9
	p := plan(t, topo, options())
	for i, want := range []CPU{
		{0.25, shape.CPU{Quota: 2500 * time.Microsecond, Period: 10 * time.Millisecond}},
		{1, shape.CPU{Quota: 20 * time.Millisecond, Period: 20 * time.Millisecond}},
		{3, shape.CPU{Quota: 60 * time.Millisecond, Period: 20 * time.Millisecond}},
	} {
		if got := p.Nodes[i].CPU; got == nil || *got != want {
			t.Errorf("%s: %+v, want %+v", p.Nodes[i].Name, got, want)
		}
	}
	if got := plan(t, twoEdges(), options()).Nodes[2]; got.Name != CloudName || got.CPU != nil {
		t.Errorf("a cloud without a budget has %+v, want no limit", got.CPU)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*topologies.Topology, *Options)
		want   string
	}{
		{"not calibrated", func(_ *topologies.Topology, o *Options) { o.FLOPSPerCore = 0 }, "gw-a: compute: a budget of 5GFLOPS"},
		{"too slow for the shaper", func(_ *topologies.Topology, o *Options) { o.Dilation = 2000 }, "gw-a.uplink: 10Mbps at dilation 2000"},
		{"too little for a quota", func(_ *topologies.Topology, o *Options) { o.Dilation = 600 }, "gw-a: compute: 0.000833"},
		{"dilation below 1", func(_ *topologies.Topology, o *Options) { o.Dilation = 0.5 }, "a dilation of 0.5"},
		{"unknown congestion control", func(_ *topologies.Topology, o *Options) { o.Congestion = "bbr" }, `"bbr" is not known`},
		{"reorder without delay", func(t *topologies.Topology, _ *Options) { t.Edges[1].Uplink.Reorder = 0.1 }, "gw-b.uplink: reorder needs a delay"},
		{"an invalid topology", func(t *topologies.Topology, _ *Options) { t.Edges[1].Name = "gw-a" }, "gw-a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			topo, opt := twoEdges(), options()
			c.change(topo, &opt)
			if _, err := NewPlan("run", topo, opt); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one that says %q", err, c.want)
			}
		})
	}
}

func BenchmarkNewPlan(b *testing.B) {
	topo := &topologies.Topology{Name: "large", Generate: &topologies.Generate{Edges: topologies.MaxEdges, Seed: 1, Compute: 290e9,
		Rate: topologies.Rates{Low: 10e6, High: 1e9}}}
	for b.Loop() {
		plan(b, topo, options())
	}
}

func TestAnAdjustableLinkHasAPlaceForADelay(t *testing.T) {
	for _, how := range []string{DelayNetem, DelayUserspace} {
		opt := options()
		opt.Delay, opt.Adjustable = how, []string{"gw-b.uplink"}
		p := plan(t, twoEdges(), opt)
		l, _ := p.Link("gw-b.uplink")
		if l.Delay == nil || *l.Delay != (shape.Delay{Limit: l.Delay.Limit}) || l.Delay.Limit < 1000 || l.DelayAt.Namespace != "gw-b" {
			t.Errorf("%s: the delay is %+v at %s, want one that changes nothing at gw-b", how, l.Delay, l.DelayAt)
		}
		if down, _ := p.Link("gw-b.downlink"); down.Delay != nil {
			t.Errorf("%s: a link nobody adjusts has a delay: %+v", how, down.Delay)
		}
		// In user space the route leads into the line, and its device comes out in the router.
		for _, n := range p.Network.Namespaces {
			if n.Name != "gw-b" {
				continue
			}
			if want := map[string]string{DelayNetem: "eth0", DelayUserspace: "line"}[how]; n.Routes[0].Device != want || l.DelayAt.Device != want {
				t.Errorf("%s: the route leads through %s, the delay is on %s; want %s", how, n.Routes[0].Device, l.DelayAt, want)
			}
		}
		if (l.Exit.Namespace == "sb-"+p.Run+"-_router") != (how == DelayUserspace) {
			t.Errorf("%s: packets come out at %q", how, l.Exit)
		}
	}
}
