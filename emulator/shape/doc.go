// Package shape computes what the kernel must be told so that a link or a CPU behaves as a topology
// says. Everything in it is pure: a virtual link and a dilation go in, wall figures in the kernel's
// own units come out.
//
//	topologies.Link ──┬─► Egress: HTB rate, burst, quantum; bfifo limit     (router's egress device)
//	 + units.Dilation ├─► Delay:  netem delay, jitter, loss, packet limit   (sender's device)
//	                  └─► GSOSegments                                       (sender's device)
//	cores ──────────────► CPU:    CFS quota and period
//
// Rates are divided by the dilation and times multiplied by it; bytes stay bytes. So a queue of 50 ms
// at 10 Mb/s is 62 500 bytes at every dilation.
package shape
