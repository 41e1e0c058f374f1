package testbed

import (
	"slices"
	"testing"

	"github.com/splitbed/splitbed/workloads/model"
)

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
	p, s, err := scheduled(t.Context(), e, Options{Progress: Silent{}, Store: model.Store{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	p.Dilation, p.Host = 2, Host{Cores: 2, GFLOPSPerCore: 100}
	if err := p.planNetwork(s); err != nil {
		t.Fatal(err)
	}
	if got, want := p.saturatedLinks(), []string{"west.uplink"}; !slices.Equal(got, want) {
		t.Errorf("saturated are %v, want %v", got, want)
	}
}
