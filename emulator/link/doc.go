// Package link makes the network of a run real: the routing hops, the pairs of devices between them and the
// nodes, and on every link a queue that fills, delays and drops as a link's does.
//
//	edge i [eth0] ──── [e<i>] router [c<i>] ──── [u<i>] cloud
//	         netem↑     ↑HTB          HTB↑      ↑netem
//	         uplink   downlink       uplink    downlink
//
// A link is shaped on the egress of a routing hop and nowhere else. On the sender's own device, on an IFB or behind
// a bridge, packets still belong to the sender's socket; TCP small queues then holds the sender back and the
// link's queue never fills. Delay and loss sit on the sender's device, apart from the queue.
//
// Trunks are hops of their own, shared by the edges below them. A trunk is shaped at its two ends: upwards in its
// own namespace, downwards in the one above it, the topmost of which is the core:
//
//	edge i ── [e<i>] router [t<i>] ── [a<i>] trunk [up] ── [d<j>] core [c<i>] ── [u<i>] cloud
//	            ↑                ↑                  ↑         ↑
//	        downlink i       uplink i          trunk, up   trunk, down
//
// Every edge has an address of its own, and the cloud has one for every edge, so that plain destination routes choose
// the device. Neighbour entries are permanent; nothing on an emulated link is ARP's. All devices are made
// inside namespaces, and every pair has an end in one that [Build] made: removing those removes everything.
//
// A [Network] says all of it and is plain data. [Build] makes it, [Live.Verify] reads it back from the kernel and
// compares, [Live.Counters] reads what the links have carried.
package link
