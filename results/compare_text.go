package results

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// Text writes the comparison for a terminal of the given width, with ANSI colours if colour is set: the runs, numbered; their
// latencies; the tasks at edges that they share, those furthest apart first where they are many; and how well simulations
// predicted emulations.
func (c Comparison) Text(w io.Writer, width int, colour bool) error {
	p := printer{w: bufio.NewWriter(w), width: max(width, minWidth), colour: colour}
	p.compared(c)
	p.sideBySide(c)
	for _, x := range c.Predictions {
		p.prediction(c, x)
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("print comparison: %w", err)
	}
	return nil
}

// nth is how tables name run n, counted from 0.
func nth(n int) string { return fmt.Sprintf("#%d", n+1) }

func (p printer) compared(c Comparison) {
	what := table{head: []string{"", "RUN", "EXPERIMENT", "ALGORITHM", "RUNTIME", "DILATION", "DEPLOYED", "BOUND", "FIDELITY", ""}, left: 4}
	how := table{head: []string{"", "ON TIME", "95 % INTERVAL", "P50", "P95", "P99", "MAX", "BUSIEST UPLINK", "DROPS"}, left: 1}
	for n, r := range c.Runs {
		fidelity, drops := plain, plain
		if r.Fidelity == Invalid {
			fidelity = bad
		}
		if r.Drops > 0 {
			drops = doubt
		}
		what.rows = append(what.rows, []cell{
			{nth(n), faint}, {printable(r.Dir), plain}, {printable(r.Experiment), plain}, {printable(r.Algorithm), plain}, {r.Runtime, plain},
			{number(r.Dilation), plain}, {fmt.Sprintf("%d/%d", r.Deployed, r.Tasks), plain}, {number(r.Bound), faint}, {r.Fidelity, fidelity}, {r.Verdict, verdictTone(r.Verdict)},
		})
		busiest := dash
		if r.Utilisation.Known() {
			busiest = printable(r.Busiest) + " " + percentWhole(r.Utilisation)
		}
		how.rows = append(how.rows, []cell{
			{nth(n), faint}, {share(r.OnTime, r.Frames), plain}, {fmt.Sprintf("%s – %s", percent(float64(r.OnTimeLow)), percent(float64(r.OnTimeHigh))), faint},
			{timeText(r.P50), plain}, {timeText(r.P95), plain}, {timeText(r.P99), plain}, {timeText(r.Max), plain},
			{clipped(busiest, 18), loadTone(r.Utilisation)}, {fmt.Sprint(r.Drops), drops},
		})
	}
	p.table(what)
	p.table(how)
}

func (p printer) sideBySide(c Comparison) {
	if len(c.Runs) < 2 {
		return
	}
	if len(c.Tasks) == 0 {
		p.line(p.painted(faint, "no task at an edge is in two of the runs"))
		p.line("")
		return
	}
	shown := worst(c.Tasks, mostRows, furthestApart)
	t := placesTable(shown, len(c.Runs), true)
	if !t.fits(p.width) {
		t = placesTable(shown, len(c.Runs), false)
	}
	if !t.fits(p.width) {
		p.wrap(fmt.Sprintf("the %s that the runs share do not fit side by side here; --json and --html have them", counted(len(c.Tasks), "task-edge pair")), 0)
		p.line("")
		return
	}
	p.table(t)
	if len(shown) < len(c.Tasks) {
		p.line(p.painted(faint, fmt.Sprintf("the %d of %d shared task-edge pairs that are furthest apart", len(shown), len(c.Tasks))))
		p.line("")
	}
}

// placesTable has some columns for each run: the median, its difference to the first run's and, with all, the cut and the frames
// on time.
func placesTable(rows []PlaceRow, runs int, all bool) table {
	t := table{head: []string{"TASK", "EDGE"}, left: 2}
	for n := range runs {
		if all {
			t.head = append(t.head, nth(n)+" K", "P50", "ON TIME")
		} else {
			t.head = append(t.head, nth(n)+" P50")
		}
		if n > 0 {
			t.head = append(t.head, "±")
		}
	}
	for _, r := range rows {
		row := []cell{{printable(r.Task), plain}, {printable(r.Edge), plain}}
		for n, x := range r.In {
			k, p50, onTime, difference := dash, dash, cell{dash, plain}, dash
			if x != nil {
				k, p50, difference = fmt.Sprint(x.Cut), timeText(x.P50), change(x.Difference)
				onTime = cell{fmt.Sprintf("%d/%d", x.OnTime, x.Frames), verdictTone(x.Verdict)}
			}
			if all {
				row = append(row, cell{k, faint}, cell{p50, plain}, onTime)
			} else {
				row = append(row, cell{p50, onTime.tone})
			}
			if n > 0 {
				row = append(row, cell{difference, plain})
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// fits tells whether the table can be laid out in so many columns.
func (t table) fits(width int) bool {
	return utf8.RuneCountInString(t.lines(width, false)[0]) <= width
}

// change is a relative difference with its sign, "+3.1 %", or, from ten times on, the factor, "×412".
func change(x Figure) string {
	switch {
	case !x.Known():
		return dash
	case x >= 9:
		return fmt.Sprintf("×%.0f", 1+float64(x))
	}
	return fmt.Sprintf("%+.1f %%", 100*float64(x))
}

// predicts says in a sentence how far a prediction was off.
func (c Comparison) predicts(x Prediction) string {
	name := func(dir string) (string, RunRow) {
		for n, r := range c.Runs {
			if r.Dir == dir {
				return nth(n), r
			}
		}
		return dir, RunRow{}
	}
	simulated, _ := name(x.Simulated)
	measured, run := name(x.Measured)
	text := simulated + " predicts " + measured
	if run.Fidelity == Invalid {
		text += ", whose times prove nothing (invalid)"
	}
	if !x.MedianError.Known() {
		return text + ": no frame arrived to compare"
	}
	return fmt.Sprintf("%s: median transfer latencies are off by %s at the median of %s, by %s at most",
		text, percent(float64(x.MedianError)), counted(len(x.Tasks), "task-edge pair"), percent(float64(x.WorstError)))
}

func (p printer) prediction(c Comparison, x Prediction) {
	p.wrap(c.predicts(x), 2)
	t := table{head: []string{"TASK", "EDGE", "P50", "SIMULATED", "ERROR", "P99", "SIMULATED", "ERROR", "ON TIME", "SIMULATED"}, left: 2}
	for _, r := range worst(x.Tasks, mostRows, furthestFirst) {
		tone := plain
		if math.Abs(float64(r.Error)) > 0.1 {
			tone = doubt
		}
		t.rows = append(t.rows, []cell{
			{printable(r.Task), plain}, {printable(r.Edge), plain}, {timeText(r.MeasuredP50), plain}, {timeText(r.SimulatedP50), plain}, {change(r.Error), tone},
			{timeText(r.MeasuredP99), plain}, {timeText(r.SimulatedP99), plain}, {change(r.ErrorP99), plain},
			{percent(float64(r.MeasuredOnTime)), plain}, {percent(float64(r.SimulatedOnTime)), plain},
		})
	}
	p.table(t)
}
