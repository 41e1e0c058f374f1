package topologies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathFollowsTheTrunksToTheCloud(t *testing.T) {
	topology, err := Parse("t.yaml", []byte(`
name: t
edges:
  - {name: a, compute: 1GFLOPS, uplink: {rate: 10Mbps}, trunk: west}
  - {name: b, compute: 1GFLOPS, uplink: {rate: 10Mbps}}
trunks:
  - {name: core, rate: 100Mbps}
  - {name: west, rate: 50Mbps, trunk: core}
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 0}, topology.Path(0)); diff != "" {
		t.Errorf("path of a behind two trunks (-want +got):\n%s", diff)
	}
	if got := topology.Path(1); len(got) != 0 {
		t.Errorf("path of b, which has no trunk: %v", got)
	}
}
