package link_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/features"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"github.com/vishvananda/netlink"
)

func TestWhatWasBuiltIsWhatWasPlanned(t *testing.T) {
	for name, topo := range map[string]*topologies.Topology{
		"edges":  topology(edge("gw-a", 1e6), edge("gw-b", 1e9)),
		"trunks": trunks(),
	} {
		for _, dilation := range []units.Dilation{1, 7.3} {
			t.Run(fmt.Sprintf("%s at dilation %v", name, dilation), func(t *testing.T) {
				l := newLab(t, topo, emulator.Options{Dilation: dilation})
				if err := l.Verify(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// trunks is a topology with an edge on a trunk behind a trunk, one on the outer trunk, and one on none.
func trunks() *topologies.Topology {
	far, near, direct := edge("far", 50e6), edge("near", 20e6), edge("direct", 10e6)
	far.Trunk, near.Trunk = "west", "core"
	topo := topology(far, near, direct)
	topo.Trunks = []topologies.Trunk{
		{Name: "west", Link: topologies.Link{Rate: 40e6}, Trunk: "core"},
		{Name: "core", Link: topologies.Link{Rate: 200e6, Queue: 20 * ms}},
	}
	return topo
}

func TestReadBackNamesWhatWasChangedByHand(t *testing.T) {
	l := newLab(t, topology(edge("gw-a", 10e6), edge("gw-b", 10e6)), emulator.Options{})
	up, _ := l.plan.Link("gw-b.uplink")
	router := filepath.Join("/run/netns", up.At.Namespace)
	handle := func(path string, change func(h *netlink.Handle) error) func() error {
		return func() error {
			file, err := ns.GetNS(path)
			if err != nil {
				return err
			}
			defer file.Close()
			return file.Do(func(ns.NetNS) error {
				h, err := netlink.NewHandle(0)
				if err != nil {
					return err
				}
				defer h.Close()
				return change(h)
			})
		}
	}
	device := func(h *netlink.Handle, name string) netlink.Link {
		d, err := h.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		what   string
		change func() error
		want   []string // "subject: quantity"
	}{
		{"an HTB class", handle(router, func(h *netlink.Handle) error {
			classes, err := h.ClassList(device(h, up.At.Device), 0)
			if err != nil {
				return err
			}
			class := classes[0].(*netlink.HtbClass)
			class.Rate, class.Ceil = class.Rate*2, class.Ceil*2
			return h.ClassChange(class)
		}), []string{"gw-b.uplink: HTB ceil (bytes/s)", "gw-b.uplink: HTB rate (bytes/s)"}},
		{"a device that is down", handle(l.nodes["gw-a"], func(h *netlink.Handle) error {
			return h.LinkSetDown(device(h, "eth0"))
		}), []string{"gw-a/eth0: state", "gw-a: neighbour 10.2.0.1 on eth0", "gw-a: route to 10.2.0.1/32", up.At.Namespace + "/e0: state"}},
		{"a route too many", handle(l.nodes["gw-b"], func(h *netlink.Handle) error {
			return h.RouteAdd(&netlink.Route{LinkIndex: device(h, "eth0").Attrs().Index, Dst: netlink.NewIPNet(netip.MustParseAddr("10.9.9.9").AsSlice()), Scope: netlink.SCOPE_LINK})
		}), []string{"gw-b: route to 10.9.9.9/32"}},
		{"a setting", handle(l.nodes["gw-b"], func(*netlink.Handle) error {
			return os.WriteFile("/proc/sys/net/ipv4/tcp_slow_start_after_idle", []byte("0"), 0)
		}), []string{"gw-b: net/ipv4/tcp_slow_start_after_idle"}},
		{"a queue", handle(router, func(h *netlink.Handle) error {
			return h.QdiscDel(netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: device(h, "e1").Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0)}))
		}), []string{"gw-b.downlink: HTB class 1:1", "gw-b.downlink: bfifo limit (bytes)", "gw-b.downlink: number of HTB classes", "gw-b.downlink: root qdisc of " + up.At.Namespace + "/e1"}},
	} {
		before := differences(t, l)
		if err := c.change(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		var found []string
		for _, d := range differences(t, l) {
			if !slices.Contains(before, d) {
				found = append(found, d.Subject+": "+d.Quantity)
			}
		}
		slices.Sort(found)
		if !slices.Equal(found, c.want) {
			t.Errorf("%s was changed by hand; the read-back found\n  %s\nwant\n  %s", c.what, strings.Join(found, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

func differences(t *testing.T, l *lab) []link.Difference {
	t.Helper()
	err := l.Verify(t.Context())
	var mismatch *link.MismatchError
	if errors.As(err, &mismatch) {
		return mismatch.Differences
	}
	if err != nil {
		t.Fatal(err)
	}
	return nil
}

func TestNamespacesAreJournalledBeforeTheyAreMade(t *testing.T) {
	plan := newPlan(t, trunks(), emulator.Options{})
	nodes := newNodes(t, plan)
	refuse := errors.New("disk full")
	for made := range 4 {
		journal := &failingJournal{memoryJournal{}, made, refuse}
		if _, err := link.Build(t.Context(), plan.Network, nodes, journal); !errors.Is(err, refuse) {
			t.Fatalf("build with a journal that fails after %d objects: %v", made, err)
		}
		nothingLeft(t, plan, nodes)
		if len(journal.objects) != made {
			t.Errorf("%d objects journalled, want %d", len(journal.objects), made)
		}
	}
}

// failingJournal takes some objects, which must not exist yet, and refuses the next.
type failingJournal struct {
	memoryJournal
	left int
	err  error
}

func (j *failingJournal) Add(o object.Object) error {
	if exists, err := netns.Exists(o.Name); exists || err != nil {
		return fmt.Errorf("%s exists before it is journalled: %v", o.Name, err)
	}
	if j.left--; j.left < 0 {
		return j.err
	}
	return j.memoryJournal.Add(o)
}

func TestABuildThatFailsLeavesNothing(t *testing.T) {
	testutil.NeedsRoot(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		damage func(*emulator.Plan, map[string]string)
		want   string
	}{
		{"a node has no namespace", t.Context(), func(_ *emulator.Plan, nodes map[string]string) { delete(nodes, "near") }, "node near has no network namespace"},
		{"a node is gone", t.Context(), func(_ *emulator.Plan, nodes map[string]string) { nodes["near"] = "/proc/1/no-such" }, "network namespace of near"},
		{"a device is named twice", t.Context(), func(p *emulator.Plan, _ map[string]string) {
			last := &p.Network.Pairs[len(p.Network.Pairs)-1]
			last.B.Device = p.Network.Pairs[len(p.Network.Pairs)-3].B.Device
		}, "file exists"},
		{"a queue the kernel refuses", t.Context(), func(p *emulator.Plan, _ map[string]string) { p.Network.Links[3].Egress.Limit = -1 }, "a queue of -1 bytes"},
		{"an unknown congestion control", t.Context(), func(p *emulator.Plan, _ map[string]string) {
			p.Network.Namespaces[len(p.Network.Namespaces)-1].Congestion = "warp"
		}, "route to 10.1.0.1"},
		{"it was cancelled", cancelled, func(*emulator.Plan, map[string]string) {}, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := newPlan(t, trunks(), emulator.Options{})
			nodes := newNodes(t, plan)
			broken := maps.Clone(nodes)
			c.damage(plan, broken)
			_, err := link.Build(c.ctx, plan.Network, broken, &memoryJournal{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one that says %q", err, c.want)
			}
			nothingLeft(t, plan, nodes)
		})
	}
}

func TestCloseLeavesNothingAndMayBeCalledAgain(t *testing.T) {
	l := newLab(t, trunks(), emulator.Options{})
	for range 2 {
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, l.plan, l.nodes)
	}
	for _, o := range l.journal.objects {
		if err := emulator.Remove(t.Context(), o); err != nil {
			t.Errorf("remove what is gone: %v", err)
		}
	}
}

func TestWhatAKilledRunLeftIsRemovedByName(t *testing.T) {
	l := newLab(t, trunks(), emulator.Options{})
	for _, o := range l.journal.objects {
		if err := emulator.Remove(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context()); err != nil { // what the kernel does with a killed process's sockets
		t.Fatal(err)
	}
	nothingLeft(t, l.plan, l.nodes)
}

// nothingLeft checks that no namespace of the network is there and that the nodes have no device but lo.
func nothingLeft(t *testing.T, plan *emulator.Plan, nodes map[string]string) {
	t.Helper()
	for _, n := range plan.Network.Namespaces {
		if n.Node != "" {
			continue
		}
		if exists, err := netns.Exists(n.Name); exists || err != nil {
			t.Errorf("namespace %s is left (%v)", n.Name, err)
		}
	}
	awaitNoDevices(t, nodes)
}

// awaitNoDevices waits until the nodes have no device but lo. The kernel takes the devices of a namespace down some time after
// its last user has gone.
func awaitNoDevices(t testing.TB, nodes map[string]string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		left = nil
		for node, path := range nodes {
			for _, d := range devices(t, path) {
				if d != "lo" {
					left = append(left, node+"/"+d)
				}
			}
		}
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("devices are left: %v", left)
}

func devices(t testing.TB, path string) (names []string) {
	t.Helper()
	file, err := ns.GetNS(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = file.Do(func(ns.NetNS) error {
		links, err := netlink.LinkList()
		for _, l := range links {
			names = append(names, l.Attrs().Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestForeignNamespacesAreNotTakenOver(t *testing.T) {
	plan := newPlan(t, topology(edge("gw", 10e6)), emulator.Options{})
	nodes := newNodes(t, plan)
	router := plan.Network.Namespaces[0].Name
	if err := netns.Make(router); err != nil {
		t.Fatal(err)
	}
	defer netns.Remove(router)
	if _, err := link.Build(t.Context(), plan.Network, nodes, &memoryJournal{}); err == nil || !strings.Contains(err.Error(), router) {
		t.Errorf("error is %v, want one that names %s", err, router)
	}
	if exists, err := netns.Exists(router); !exists || err != nil {
		t.Errorf("a namespace that was there before is gone (%v)", err)
	}
}

func TestNamesThatAreNotNamesAreNotRemoved(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../../tmp/x", "a/b"} {
		if err := netns.Remove(name); err == nil {
			t.Errorf("Remove(%q) removed something", name)
		}
	}
}

func TestDelayWithoutNetemIsRefusedBeforeAnythingIsMade(t *testing.T) {
	testutil.NeedsRoot(t)
	if err := features.Netem(); err == nil {
		t.Skip("this kernel has netem")
	}
	e := edge("gw", 10e6)
	e.Uplink.Delay = 10 * ms
	plan := newPlan(t, topology(e), emulator.Options{})
	journal := &memoryJournal{}
	_, err := link.Build(t.Context(), plan.Network, newNodes(t, plan), journal)
	if !errors.Is(err, features.ErrNotSupported) || !strings.Contains(err.Error(), "gw.uplink") {
		t.Errorf("error is %v, want one that names gw.uplink and wraps %q", err, features.ErrNotSupported)
	}
	if len(journal.objects) > 0 {
		t.Errorf("journalled all the same: %v", journal.objects)
	}
}
