// Package topologies describes the system under test: edge servers with a compute budget, the links that join
// them to a cloud node, and trunks that edges share on the way.
//
//	gw-a ──uplink 50Mbps──────────────────────────────▶ cloud
//	gw-b ──uplink 10Mbps──▶ west 40Mbps ──▶ core 200Mbps ──▶
//
// A topology comes from a file (Load, Parse), or is built in Go. Expand makes the form the rest of splitbed works
// on: edges drawn from a generator are written out and every default is filled in. The shipped topologies
// are the *.yaml files beside this one.
package topologies
