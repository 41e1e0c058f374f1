// Package units holds the quantities splitbed's files are written in: data rates, sizes, compute,
// probabilities, spans of virtual time and the dilation between virtual and wall time.
//
// Each quantity has one parser and one printer, which are inverse to each other, and reads and writes
// itself as text in YAML and JSON ("10Mbps", "200kB", "290GFLOPS", "0.1%", "200ms"). A rate is always
// bits per second; the spellings tc(8) reads as bytes per second ("10mbps") are refused.
package units
