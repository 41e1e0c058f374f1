// Package workloads describes what runs on a topology: CNN tasks whose cameras deliver frames at edges, and traffic
// beside them.
//
//	Workload (a file) ──Resolve(topology, seed, networks)──▶ Resolved: every task at every edge
//	                                                         ──Source.Arrivals──▶ capture times
//
// A Workload says things once ("six cameras at all edges, the input shared out by bandwidth"); a Resolved says for
// each task and edge how large a frame is, which picture it is made from, and when frames are captured. Everything
// drawn at random comes from the experiment's seed and the names of the task and the edge, so that adding a task leaves
// the others as they were. The shipped workloads are the *.yaml files beside this one.
package workloads
