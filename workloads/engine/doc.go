// Package engine runs networks with ONNX Runtime, behind an interface small enough to replace it.
//
//	LibraryPath ── Init (once a process) ── Open(file) ── Session: Input ─ Run ─ Output
//	                                           │
//	                   Calibrate, Profile ─────┘
//
// A session runs one ONNX file, one frame at a time, between two buffers that live as long as it does.
// Weights are mapped from the file they lie in, so a process that opens a network pays for its
// activations only, and all processes of a host share one copy.
//
// Times are thread CPU time wherever they are compared with a budget: on a host that others use too,
// wall time says when it was the thread's turn, not what the work costs.
package engine
