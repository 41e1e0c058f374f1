// Package testbed runs experiments: it is the life of a run from a file to a verdict.
//
//	Experiment ──resolve──► system ──schedule──► Plan ──build──► testbed ──warm up, replay──► logs
//	(topology,              (profiles,           (every object    (nodes,                       │
//	 workload, options)      demands)             and parameter)   links)                    collect
//	                                                                                            ▼
//	                        tear down ◄── Summary, report ◄──────────verdict─────────────── records
//
// Up to the plan nothing is started, and everything is a function of the experiment, its seed and the host's
// figures. What is made afterwards is journalled first (see [Journal]), owned by one run and removed in the
// reverse order, whatever happens; [Clean] removes what a killed run left. The verdict is computed from the
// records alone, and a run that failed one of its own checks has none.
//
// [Run] is the whole of it and may be called from a Go test: name a built splitbed command in [Options], since the
// nodes of a testbed are processes of that command.
package testbed
