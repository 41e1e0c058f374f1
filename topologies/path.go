package topologies

import "slices"

// TrunkIndex is the index of a trunk in Trunks, or -1 for the empty name, the cloud, and for a name there is not.
func (t *Topology) TrunkIndex(name string) int {
	return slices.IndexFunc(t.Trunks, func(k Trunk) bool { return name != "" && k.Name == name })
}

// Path lists the trunks between an edge (an index into Edges) and the cloud, as indices into Trunks in the order an
// uplink's packets take them. The topology is a valid one.
func (t *Topology) Path(edge int) []int {
	var path []int
	for at := t.TrunkIndex(t.Edges[edge].Trunk); at >= 0; at = t.TrunkIndex(t.Trunks[at].Trunk) {
		path = append(path, at)
	}
	return path
}
