// Package sweep runs an experiment over a grid of its fields and gathers the results in one table.
//
//	Sweep (a file) ──Run──▶ points ──group──▶ schedule | simulate | run | profile ──▶ points.jsonl ──▶ sweep.parquet
//	                        (an experiment     (one problem for all                   (a line a         figures: SVG,
//	                         each, checked)     algorithms)                            finished point)   CSV, Markdown
//
// Every point is composed and checked before the first one is worked on. A finished point is one line of the log, keyed
// by everything its result follows from, so that a sweep that was interrupted, however, goes on where it
// was. The table and the figures are made at the end, from the log alone. The shipped sweeps are the *.yaml files
// beside this one.
package sweep
