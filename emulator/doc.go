// Package emulator plans a testbed and knows how to remove one.
//
//	topologies.Topology ──► NewPlan ──► Plan ──┬─► node: a process and a CPU quota for every edge and the cloud
//	     + Options            (pure)           └─► link: namespaces, devices, queues, routes
//
// A [Plan] is computed without looking at the machine: the same topology and options give the same plan, byte
// for byte, with or without root. The packages below make it real: shape does the arithmetic, node starts
// machines, link connects them, fidelity judges what they gave, features tells what the kernel can do.
//
// What a run makes, it journals first. [Remove] removes any object of a journal, whichever package made it.
package emulator
