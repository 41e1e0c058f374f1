package results

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
)

//go:embed report.html.tmpl compare.html.tmpl style.html.tmpl
var reportFiles embed.FS

// mostReportRows is how many rows a table of the page shows; of longer ones the worst are shown.
const mostReportRows = 100

// page is what report.html.tmpl is filled with.
type page struct {
	Summary
	ShownTasks      []TaskSummary
	ShownEdges      []EdgeSummary
	ShownBackground []BackgroundSummary
	ShownChanges    []Change
	// Agreeing are those of the Compared tasks at edges whose answers agree least with those of the uncut network.
	Agreeing []TaskSummary
	Compared int
	// Failed and Passed are the fidelity checks.
	Failed, Passed []Check
	Charts         []chart
}

// Report writes report.html: one file without outside resources or scripts, with the verdict, its reason, the tables
// of the summary and charts of the frames and samples. frames carry the status [Classify] gave them. The charts show
// every series where there are few, and otherwise the worst beside all taken together. A chart without data is left out.
func Report(w io.Writer, s Summary, frames []Frame, samples []Sample) error {
	tmpl, err := template.New("report.html.tmpl").Funcs(template.FuncMap{
		"rate": rateText, "time": timeText, "number": number, "share": share, "percent": percentFigure,
		"whole": percentWhole, "size": sizeText, "used": func(c CPUSummary) Figure { return c.UsedGFLOPS / c.GFLOPS },
		"simulated": func() string { return simulated },
		"mark":      func(t TaskSummary) string { _, mark := taskTone(t); return mark }, "schedule": scheduleText,
	}).ParseFS(reportFiles, "report.html.tmpl", "style.html.tmpl")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	view := page{
		Summary:         s,
		ShownTasks:      worst(s.Tasks, mostReportRows, worstFirst),
		ShownEdges:      worst(s.Edges, mostReportRows, busiestFirst),
		ShownBackground: s.Background[:min(len(s.Background), mostReportRows)],
		ShownChanges:    s.Changes[:min(len(s.Changes), mostReportRows)],
	}
	compared := slices.DeleteFunc(slices.Clone(s.Tasks), func(t TaskSummary) bool { return !t.Agreement.Known() })
	view.Agreeing, view.Compared = worst(compared, mostReportRows, leastAgreeing), len(compared)
	for _, c := range s.Fidelity.Checks {
		if c.OK {
			view.Passed = append(view.Passed, c)
		} else {
			view.Failed = append(view.Failed, c)
		}
	}
	if view.Charts, err = charts(s, frames, samples); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := tmpl.Execute(w, view); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func charts(s Summary, frames []Frame, samples []Sample) ([]chart, error) {
	var out []chart
	if s.QoS.Frames > 0 {
		all := byPlace(s, frames)
		for _, draw := range []func(Summary, []latencies) (chart, error){cumulative, overTime} {
			c, err := draw(s, all)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	if len(samples) > 0 && len(s.Edges) > 0 {
		series := bySubject(samples)
		for _, draw := range []func(Summary, map[string][]Sample) (chart, error){uplinkLoad, cpuLoad} {
			c, err := draw(s, series)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func percentFigure(x Figure) string { return percent(float64(x)) }

// leastAgreeing orders by how often answers have the class of the uncut network.
func leastAgreeing(a, b TaskSummary) int { return cmp.Compare(a.Agreement, b.Agreement) }
