// Package fidelity judges whether an emulation gave what it promised: whether every loaded link ran at
// its rate, every edge got the CPU of its budget, and every timer fired on time.
//
// Its checks are pure functions over what was sampled and recorded while the run lasted. Each gives a
// [Check]: a value, the limit it is held against, and, where it fails, which figure cannot be trusted
// and what to change. A run with a failed check, or without checks, is not valid.
//
//	samples of link counters ─┐
//	heads' CPU and wall time ─┼─► Check … Check ─► Judge ─► Report
//	timers' lateness ─────────┘
package fidelity
