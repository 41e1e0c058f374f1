package results

import (
	"cmp"
	"math"
	"slices"
)

// Compared is a run that stands beside others.
type Compared struct {
	// Name is how the user named it: its directory.
	Name    string
	Summary Summary
	// Frames are needed for charts alone.
	Frames []Frame
}

// Comparison is several runs side by side: what `splitbed compare --json` prints. Times are virtual seconds.
type Comparison struct {
	Runs []RunRow `json:"runs"`
	// Tasks are the task-edge pairs that at least two of the runs have, in the order they are met in.
	Tasks []PlaceRow `json:"tasks"`
	// Predictions hold a simulated run against a measured one of the same experiment.
	Predictions []Prediction `json:"predictions"`
}

// RunRow is a run as a whole.
type RunRow struct {
	Dir        string `json:"dir"`
	Run        string `json:"run"`
	Experiment string `json:"experiment"`
	Seed       uint64 `json:"seed"`
	Runtime    string `json:"runtime"`
	Simulated  bool   `json:"simulated"`
	Dilation   Figure `json:"dilation"`
	Algorithm  string `json:"algorithm"`
	Verdict    string `json:"verdict"`
	Tasks      int    `json:"tasks"`
	Deployed   int    `json:"deployed"`
	Bound      Figure `json:"bound"`
	Counts
	OnTimeShare Figure `json:"on_time_share"`
	On          string `json:"on"` // the latency below
	P50         Figure `json:"p50_s"`
	P95         Figure `json:"p95_s"`
	P99         Figure `json:"p99_s"`
	Max         Figure `json:"max_s"`
	// Busiest is the edge whose uplink is used most, and Utilisation how much; Drops are those of all uplinks.
	Busiest     string `json:"busiest_uplink"`
	Utilisation Figure `json:"utilisation"`
	Drops       int64  `json:"drops"`
	Fidelity    string `json:"fidelity"`
}

// PlaceRow is a task at an edge. In holds a cell for each run, nil where the run does not have the task there.
type PlaceRow struct {
	Task string       `json:"task"`
	Edge string       `json:"edge"`
	In   []*PlaceCell `json:"in"`
}

// PlaceCell is a task at an edge in one run.
type PlaceCell struct {
	Cut         int    `json:"k"`
	Deadline    Figure `json:"deadline_s"`
	Frames      int    `json:"frames"`
	OnTime      int    `json:"on_time"`
	OnTimeShare Figure `json:"on_time_share"`
	P50         Figure `json:"p50_s"` // of the transfer, as are the next
	P99         Figure `json:"p99_s"`
	Verdict     string `json:"verdict"`
	// Difference is P50 in relation to that of the first run that has the task there: 0.1 is a tenth longer.
	Difference Figure `json:"p50_difference"`
}

// Prediction is what a simulation said and an emulation measured of the same experiment, by task and edge.
type Prediction struct {
	// Measured and Simulated are directories.
	Measured  string           `json:"measured"`
	Simulated string           `json:"simulated"`
	Tasks     []PredictedPlace `json:"tasks"`
	// MedianError and WorstError are of the absolute errors of the medians.
	MedianError Figure `json:"median_error"`
	WorstError  Figure `json:"worst_error"`
}

// PredictedPlace is a task at an edge: transfer latencies, and the errors of the simulated ones in relation to the measured.
type PredictedPlace struct {
	Task         string `json:"task"`
	Edge         string `json:"edge"`
	MeasuredP50  Figure `json:"measured_p50_s"`
	SimulatedP50 Figure `json:"simulated_p50_s"`
	Error        Figure `json:"p50_error"`
	MeasuredP99  Figure `json:"measured_p99_s"`
	SimulatedP99 Figure `json:"simulated_p99_s"`
	ErrorP99     Figure `json:"p99_error"`
	// The shares on time of the two.
	MeasuredOnTime  Figure `json:"measured_on_time"`
	SimulatedOnTime Figure `json:"simulated_on_time"`
}

// Compare puts runs side by side, emulated and simulated ones alike. A simulation is held against the emulated runs whose experiment,
// seed and algorithm are the same, as far as they share tasks at edges.
func Compare(runs []Compared) Comparison {
	c := Comparison{Tasks: []PlaceRow{}, Predictions: []Prediction{}}
	for _, r := range runs {
		c.Runs = append(c.Runs, runRow(r))
	}
	c.Tasks = append(c.Tasks, placeRows(runs)...)
	for _, m := range runs {
		for _, s := range runs {
			if a, b := m.Summary, s.Summary; !a.Simulated && b.Simulated && a.Experiment == b.Experiment && a.Seed == b.Seed &&
				a.Schedule.Algorithm == b.Schedule.Algorithm {
				if p := predict(m, s); len(p.Tasks) > 0 {
					c.Predictions = append(c.Predictions, p)
				}
			}
		}
	}
	return c
}

func runRow(r Compared) RunRow {
	s := r.Summary
	row := RunRow{
		Dir: r.Name, Run: s.Run, Experiment: s.Experiment, Seed: s.Seed, Runtime: s.Runtime, Simulated: s.Simulated, Dilation: s.Dilation,
		Algorithm: s.Schedule.Algorithm, Verdict: s.Verdict, Tasks: s.Schedule.Tasks, Deployed: s.Schedule.Deployed, Bound: s.Schedule.Bound,
		Counts: s.QoS.Counts, OnTimeShare: part(s.QoS.OnTime, s.QoS.Frames), On: s.QoS.On,
		P50: s.QoS.P50, P95: s.QoS.P95, P99: s.QoS.P99, Max: s.QoS.Max, Utilisation: Absent(), Fidelity: s.Fidelity.Verdict,
	}
	for _, e := range s.Edges {
		row.Drops += e.Uplink.Drops
		if u := e.Uplink.Utilisation; u.Known() && !(u <= row.Utilisation) {
			row.Busiest, row.Utilisation = e.Edge, u
		}
	}
	return row
}

// part is k of n, absent where n is 0.
func part(k, n int) Figure {
	if n == 0 {
		return Absent()
	}
	return Figure(float64(k) / float64(n))
}

// relative is how much x is above y, in parts of y.
func relative(x, y Figure) Figure {
	if !x.Known() || !y.Known() || y == 0 {
		return Absent()
	}
	return x/y - 1
}

func placeRows(runs []Compared) []PlaceRow {
	at := map[place]int{}
	var rows []PlaceRow
	for n, r := range runs {
		for _, t := range r.Summary.Tasks {
			key := place{t.Task, t.Edge}
			i, known := at[key]
			if !known {
				i = len(rows)
				at[key] = i
				rows = append(rows, PlaceRow{Task: t.Task, Edge: t.Edge, In: make([]*PlaceCell, len(runs))})
			}
			rows[i].In[n] = &PlaceCell{
				Cut: t.Cut, Deadline: t.Deadline, Frames: t.Frames, OnTime: t.OnTime, OnTimeShare: part(t.OnTime, t.Frames),
				P50: t.Transfer.P50, P99: t.Transfer.P99, Verdict: t.Verdict, Difference: Absent(),
			}
		}
	}
	rows = slices.DeleteFunc(rows, func(r PlaceRow) bool { return r.shared() < 2 })
	for _, r := range rows {
		var first *PlaceCell
		for _, cell := range r.In {
			switch {
			case cell == nil:
			case first == nil:
				first = cell
			default:
				cell.Difference = relative(cell.P50, first.P50)
			}
		}
	}
	return rows
}

// shared is how many runs have the task there.
func (r PlaceRow) shared() int {
	n := 0
	for _, cell := range r.In {
		if cell != nil {
			n++
		}
	}
	return n
}

// apart is the largest difference between two of the runs; those without figures come last.
func (r PlaceRow) apart() float64 {
	most := -1.0
	for _, cell := range r.In {
		if cell != nil && cell.Difference.Known() {
			most = max(most, math.Abs(float64(cell.Difference)))
		}
	}
	return most
}

// furthestApart orders by the largest difference.
func furthestApart(a, b PlaceRow) int { return -cmp.Compare(a.apart(), b.apart()) }

func predict(measured, simulated Compared) Prediction {
	p := Prediction{Measured: measured.Name, Simulated: simulated.Name, Tasks: []PredictedPlace{}, MedianError: Absent(), WorstError: Absent()}
	said := map[place]TaskSummary{}
	for _, t := range simulated.Summary.Tasks {
		said[place{t.Task, t.Edge}] = t
	}
	var errs []float64
	for _, m := range measured.Summary.Tasks {
		s, ok := said[place{m.Task, m.Edge}]
		if !ok {
			continue
		}
		x := PredictedPlace{
			Task: m.Task, Edge: m.Edge,
			MeasuredP50: m.Transfer.P50, SimulatedP50: s.Transfer.P50, Error: relative(s.Transfer.P50, m.Transfer.P50),
			MeasuredP99: m.Transfer.P99, SimulatedP99: s.Transfer.P99, ErrorP99: relative(s.Transfer.P99, m.Transfer.P99),
			MeasuredOnTime: part(m.OnTime, m.Frames), SimulatedOnTime: part(s.OnTime, s.Frames),
		}
		if x.Error.Known() {
			errs = append(errs, math.Abs(float64(x.Error)))
		}
		p.Tasks = append(p.Tasks, x)
	}
	if len(errs) > 0 {
		slices.Sort(errs)
		p.MedianError = Figure((errs[(len(errs)-1)/2] + errs[len(errs)/2]) / 2)
		p.WorstError = Figure(errs[len(errs)-1])
	}
	return p
}

// furthestFirst orders by how far a prediction is off.
func furthestFirst(a, b PredictedPlace) int {
	off := func(p PredictedPlace) float64 {
		if !p.Error.Known() {
			return -1
		}
		return math.Abs(float64(p.Error))
	}
	return -cmp.Compare(off(a), off(b))
}
