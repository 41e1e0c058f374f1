// Package results turns what a run recorded into a verdict and shows it.
//
//	frames, samples ──▶ Classify ──▶ frames.parquet, samples.parquet
//	      │
//	      └── with deadlines, the schedule and the fidelity report
//	             │
//	         Summarise ──▶ Summary ──▶ summary.json
//	                          ├──────▶ Text, for a terminal
//	                          └──────▶ Report, an HTML page with plots
//
// Everything is computed from records alone: reading a run's files back and summarising again gives the same
// summary. All times are virtual seconds from the start of the window, unless a name says wall.
//
// A frame is judged by its transfer latency (ready to send → last byte read in the cloud) or, where the experiment says
// so, end to end (capture → answer). A task keeps its deadline at an edge when at least the wanted quantile of its frames
// in the window is on time; lost frames are late. A run is kept when every deployed task keeps its
// deadline at every edge, and it is invalid, whatever its frames say, when the emulation was.
package results
