// Package delayline delays, loses, reorders and duplicates packets in user space, for kernels without sch_netem.
//
// It is a process of its own with a real-time thread for each core but one. Packets come in through a TUN device at the sender, wait there, and
// go out through a TUN device in the next hop:
//
//	sender ──► TUN ──► [ law ─► fifo ] ──► TUN ──► routing hop, where the link is shaped
//	                    one per link
//
// Like netem it takes packets away from the socket that sent them, and it draws by the same laws from the same distribution
// ([shape.Normal]), but from a seed. Nothing is lost that was not asked for: the device's queue holds all that may be under
// way, it is read until it is empty, and every packet that could not be kept is counted.
//
// The harness starts the process ([Start]) and talks to it over a socket; [Serve] is the process's end. When the socket
// closes, the process ends, and the kernel removes its devices.
package delayline
