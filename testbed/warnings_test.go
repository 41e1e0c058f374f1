package testbed

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/model"
)

const warned = `
name: warned
topology:
  name: warned
  edges:
    - {name: gw-a, compute: 20GFLOPS, uplink: {rate: 20Mbps}, trunk: west}
    - {name: gw-b, compute: 20GFLOPS, uplink: {rate: 20Mbps}, trunk: west}
    - {name: gw-c, compute: 20GFLOPS, uplink: {rate: 20Mbps}}
  trunks: [{name: west, rate: 30Mbps}]
workload:
  name: warned
  tasks: [{name: cam, model: lenet5, input: 40kB, fps: 2}]
  background: [BACKGROUND]
scheduler: {algorithm: cloud}
emulation: {tcp: {congestion: CONGESTION}}
`

// TestWhatDoesNotDilateIsWarnedOf names the links on which a congestion control that goes by wall-clock seconds decides what frames get.
func TestWhatDoesNotDilateIsWarnedOf(t *testing.T) {
	const bulk, slow = "{link: gw-a.uplink, kind: bulk}", "{link: gw-a.uplink, kind: {udp: {rate: 1Mbps}}}"
	const flood = "{link: gw-a.uplink, kind: {udp: {rate: 25Mbps}}}"
	for _, c := range []struct {
		background, congestion string
		dilation               units.Dilation
		want                   []string // link and congestion control
	}{
		{bulk, "cubic", 4, []string{"gw-a.uplink cubic"}},
		{bulk, "cubic", 1, nil},
		{bulk, "auto", 4, nil}, // reno
		{"", "cubic", 4, nil},
		{slow, "cubic", 4, nil},
		{flood, "cubic", 4, []string{"gw-a.uplink cubic"}},
		{"{link: gw-b.downlink, kind: bulk}", "cubic", 2, []string{"west.downlink cubic"}},
		{"{link: gw-a.uplink, kind: bulk, congestion: bbr}", "auto", 2, []string{"gw-a.uplink bbr"}},
		// The flows of both edges together are more than the trunk carries, those of the third have their own way.
		{bulk + ", {link: gw-b.uplink, kind: bulk}", "cubic", 2, []string{"gw-a.uplink cubic", "gw-b.uplink cubic", "west.uplink cubic"}},
		{"{link: gw-c.uplink, kind: {web: {rate: 100, size: 30kB}}}", "cubic", 2, []string{"gw-c.uplink cubic"}},
	} {
		e := parse(t, strings.NewReplacer("BACKGROUND", c.background, "CONGESTION", c.congestion).Replace(warned))
		got := warnedOf(t, e, c.dilation)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s, %s at dilation %v (-want +got):\n%s", c.background, c.congestion, c.dilation, diff)
		}
	}
}

// warnedOf lists the links that are warned of, with the congestion control, in the order of their names.
func warnedOf(t *testing.T, e *Experiment, dilation units.Dilation) []string {
	t.Helper()
	p, s, err := scheduled(t.Context(), e, Options{Progress: Silent{}, Store: model.Store{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	p.Host, p.Dilation = Host{Cores: 2, GFLOPSPerCore: 100}, dilation
	if err := p.planNetwork(s); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, text := range p.warnings() {
		link, rest, _ := strings.Cut(text, " is saturated and ")
		control, _, _ := strings.Cut(rest, " ")
		all = append(all, link+" "+control)
	}
	slices.Sort(all)
	return all
}

// TestATrunkIsSaturatedByItsEdgesTogether has two uplinks that are half busy before a trunk that is narrower than their load.
func TestATrunkIsSaturatedByItsEdgesTogether(t *testing.T) {
	e := parse(t, `
name: saturated
topology:
  name: saturated
  trunks: [{name: west, rate: 10Mbps}]
  edges:
    - {name: gw-a, compute: 40GFLOPS, uplink: {rate: 20Mbps}, trunk: west}
    - {name: gw-b, compute: 40GFLOPS, uplink: {rate: 20Mbps}, trunk: west}
workload:
  name: w
  tasks: [{name: door, model: lenet5, input: 100kB, fps: 12}]
scheduler: {algorithm: cloud, undeployed: cloud}
emulation: {dilation: 2, delay: netem, tcp: {congestion: cubic}}
`)
	if got, want := warnedOf(t, e, 2), []string{"west.uplink cubic"}; !slices.Equal(got, want) {
		t.Errorf("warned of %v, want %v", got, want)
	}
}
