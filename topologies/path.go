package topologies

import "slices"

// TrunkIndex is the index in t.Trunks of the trunk with this name, or −1 for none and for the cloud ("").
func (t *Topology) TrunkIndex(name string) int {
	return slices.IndexFunc(t.Trunks, func(trunk Trunk) bool { return trunk.Name == name })
}

// Path lists the trunks, as indices into t.Trunks, that an edge's uplink feeds on the way to the cloud,
// nearest first. The topology must be valid: its trunks form a tree.
func (t *Topology) Path(edge int) []int {
	var path []int
	for next := t.TrunkIndex(t.Edges[edge].Trunk); next >= 0; next = t.TrunkIndex(t.Trunks[next].Trunk) {
		path = append(path, next)
	}
	return path
}
