// Package video makes a video file something a run can replay: which frames there are, when each is due and how many bytes it
// has encoded, and, ahead of the run, its packets and its decoded pictures as two plain files that nodes map.
//
//	FILE ── ffprobe ── Clip: times and sizes ── the workload's arrivals and bytes
//	     ── ffmpeg ─── Reel: packets ────────── what a frame sends at cut 0
//	                         pictures ───────── what the network computes on
//
// ffmpeg and ffprobe are the only programs that look inside a video. They get a time limit, a bounded output, no network and
// no terminal.
package video
