// Package pcap reads the times and lengths of the packets in a capture file, classic or pcapng, and writes classic
// files with nanoseconds. What packets say is no concern of it.
//
// The formats are those of draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
package pcap
