package main

import (
	"fmt"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/splitbed/splitbed/results"
)

// cell is a point of the grid.
type cell struct {
	Threshold  float64 `parquet:"topology.threshold"`
	Sharing    string  `parquet:"emulation.sharing"`
	Background string  `parquet:"workload.background"`
	Algorithm  string  `parquet:"scheduler.algorithm"`
}

// condition is what a cell has beside its schedule.
func (c cell) condition() condition { return condition{c.Sharing, c.Background} }

type condition struct{ Sharing, Background string }

func (c condition) String() string { return c.Sharing + ", " + c.Background }

// runRow is a run beside the model's prediction of it. Times are virtual seconds.
type runRow struct {
	cell
	Verdict              string
	Dilation             float64
	Tasks, Deployed      int
	Bound                float64
	Frames, OnTime, Lost int
	P50, P95             float64
	Drops                int64 // of the uplinks' queues
	PredictedVerdict     string
	PredictedFrames      int
	PredictedOnTime      int
	PredictedP50         float64
	PredictedP95         float64
}

// streamRow is a task at an edge in a run, beside the model's prediction.
type streamRow struct {
	cell
	Task, Edge           string
	Cut                  int
	Frames, OnTime, Lost int
	P50, P95             float64
	PredictedFrames      int
	PredictedOnTime      int
	PredictedP50         float64
	PredictedP95         float64
}

// sweepRow is what is needed of a row of sweep.parquet.
type sweepRow struct {
	cell
	Directory string `parquet:"directory"`
	Error     string `parquet:"error"`
}

// gather joins an emulated sweep with the same one in the model.
func gather(emulated, predicted string) ([]runRow, []streamRow, error) {
	measured, err := summaries(emulated)
	if err != nil {
		return nil, nil, err
	}
	model, err := summaries(predicted)
	if err != nil {
		return nil, nil, err
	}
	of := map[cell]results.Summary{}
	for _, s := range model {
		of[s.cell] = s.summary
	}
	var runs []runRow
	var streams []streamRow
	for _, m := range measured {
		p, ok := of[m.cell]
		if !ok {
			return nil, nil, fmt.Errorf("%s has no point %+v; run the sweep there in mode simulate", predicted, m.cell)
		}
		runs = append(runs, joinRun(m, p))
		streams = append(streams, joinStreams(m, p)...)
	}
	return runs, streams, nil
}

// found is the summary of a cell's run.
type found struct {
	cell    cell
	summary results.Summary
}

func summaries(dir string) ([]found, error) {
	rows, err := parquet.ReadFile[sweepRow](filepath.Join(dir, "sweep.parquet"))
	if err != nil {
		return nil, fmt.Errorf("sweep in %s: %w", dir, err)
	}
	var out []found
	for _, r := range rows {
		if r.Error != "" {
			continue // the page shows it as missing
		}
		s, err := results.ReadSummary(filepath.Join(dir, r.Directory, "summary.json"))
		if err != nil {
			return nil, err
		}
		out = append(out, found{r.cell, s})
	}
	return out, nil
}

func joinRun(m found, p results.Summary) runRow {
	s := m.summary
	row := runRow{
		cell: m.cell, Verdict: s.Verdict, Dilation: float64(s.Dilation),
		Tasks: s.Schedule.Tasks, Deployed: s.Schedule.Deployed, Bound: float64(s.Schedule.Bound),
		Frames: s.QoS.Frames, OnTime: s.QoS.OnTime, Lost: s.QoS.Lost, P50: float64(s.QoS.P50), P95: float64(s.QoS.P95),
		PredictedVerdict: p.Verdict, PredictedFrames: p.QoS.Frames, PredictedOnTime: p.QoS.OnTime,
		PredictedP50: float64(p.QoS.P50), PredictedP95: float64(p.QoS.P95),
	}
	for _, e := range s.Edges {
		row.Drops += e.Uplink.Drops
	}
	return row
}

// joinStreams is empty for an invalid run, which has shown nothing.
func joinStreams(m found, p results.Summary) []streamRow {
	if m.summary.Verdict == results.Invalid {
		return nil
	}
	type place struct{ task, edge string }
	of := map[place]results.TaskSummary{}
	for _, t := range p.Tasks {
		of[place{t.Task, t.Edge}] = t
	}
	var rows []streamRow
	for _, t := range m.summary.Tasks {
		model := of[place{t.Task, t.Edge}]
		rows = append(rows, streamRow{
			cell: m.cell, Task: t.Task, Edge: t.Edge, Cut: t.Cut, Frames: t.Frames, OnTime: t.OnTime, Lost: t.Lost,
			P50: float64(t.Transfer.P50), P95: float64(t.Transfer.P95),
			PredictedFrames: model.Frames, PredictedOnTime: model.OnTime,
			PredictedP50: float64(model.Transfer.P50), PredictedP95: float64(model.Transfer.P95),
		})
	}
	return rows
}
