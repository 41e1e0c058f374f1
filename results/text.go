package results

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// mostRows is how many rows a table of the terminal shows; of longer ones the worst are shown.
const mostRows = 16

// minWidth is the narrowest terminal the tables are laid out for.
const minWidth = 60

// Text writes the summary for a terminal of the given width in columns (80 to 120 read best), with ANSI colours
// if colour is set: what was run, the tasks, the edges, what the checks found, and last, where it is seen,
// the verdict and its reason. Long tables show their worst rows and count the rest.
func (s Summary) Text(w io.Writer, width int, colour bool) error {
	t := printer{w: bufio.NewWriter(w), width: max(width, minWidth), colour: colour}
	t.header(s)
	t.tasks(s)
	t.edges(s)
	t.background(s)
	t.changes(s)
	t.broken(s)
	t.fidelity(s)
	t.warnings(s)
	t.verdict(s)
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	return nil
}

// printer writes lines; bufio keeps the first error for Flush.
type printer struct {
	w      *bufio.Writer
	width  int
	colour bool
}

func (p printer) line(text string) { p.w.WriteString(text + "\n") }

func (p printer) painted(t tone, text string) string { return t.paint(text, p.colour) }

func (p printer) wrap(text string, indent int) {
	for _, line := range wrapped(printable(text), p.width, indent) {
		p.line(line)
	}
}

func (p printer) table(t table) {
	for _, line := range t.lines(p.width, p.colour) {
		p.line(line)
	}
	p.line("")
}

func (p printer) header(s Summary) {
	p.line(p.painted(bold, clipped(printable(s.Experiment), p.width)))
	what := fmt.Sprintf("run %s · %s · dilation %s · %s virtual in %s wall · seed %d",
		s.Run, s.Runtime, number(s.Dilation), timeText(s.VirtualSeconds), timeText(s.WallSeconds), s.Seed)
	if s.Delay != "" {
		what += " · delays by " + s.Delay
	}
	p.wrap(what, 0)
	p.wrap(scheduleText(s.Schedule), 0)
	switch {
	case s.Simulated:
		p.wrap(simulated, 0)
	case !s.CloudVirtual:
		p.wrap(notVirtual, 0)
	}
	p.line("")
}

// simulated marks what no testbed has measured.
const simulated = "SIMULATED: a fluid model made these figures; nothing was emulated. It knows queues and compute, but no packets, TCP, loss or background traffic"

// notVirtual marks the times of a cloud without a budget.
const notVirtual = "the cloud had what the host had left: tail and end-to-end times are not virtual"

func scheduleText(s Schedule) string {
	text := fmt.Sprintf("schedule %s · %d of %s deployed", s.Algorithm, s.Deployed, counted(s.Tasks, "task"))
	if s.Bound.Known() {
		text += " · upper bound " + number(s.Bound)
	}
	if s.Rejected > 0 || s.Evicted > 0 {
		text += fmt.Sprintf(" · %d rejected · %d evicted · %d at the end", s.Rejected, s.Evicted, s.AtEnd)
	}
	return text
}

func (p printer) tasks(s Summary) {
	if len(s.Tasks) == 0 {
		return
	}
	shown := worst(s.Tasks, mostRows, worstFirst)
	t := table{head: []string{"TASK", "EDGE", "K", "PREDICTED", "P50", "P99", "DEADLINE", "ON TIME", ""}, left: 2}
	for _, x := range shown {
		tone, mark := taskTone(x)
		t.rows = append(t.rows, []cell{
			{printable(x.Task), plain}, {printable(x.Edge), plain}, {fmt.Sprint(x.Cut), plain},
			{timeText(x.Predicted), plain}, {timeText(x.Transfer.P50), plain}, {timeText(x.Transfer.P99), plain},
			{timeText(x.Deadline), faint}, {fmt.Sprintf("%d/%d", x.OnTime, x.Frames), tone}, {mark, tone},
		})
	}
	p.table(t)
	if rest := len(s.Tasks) - len(shown); rest > 0 {
		p.line(p.painted(faint, fmt.Sprintf("the worst %d of %d task-edge pairs; of the other %d, %s",
			len(shown), len(s.Tasks), rest, verdictCounts(s.Tasks, shown))))
		p.line("")
	}
	p.agreement(s)
}

// agreement tells of tasks whose answers are not always those of the uncut network in float32: what their wire type costs.
func (p printer) agreement(s Summary) {
	differ := slices.DeleteFunc(slices.Clone(s.Tasks), func(t TaskSummary) bool { return !(t.Agreement < 1) })
	if len(differ) == 0 {
		return
	}
	least := slices.MinFunc(differ, leastAgreeing)
	p.wrap(fmt.Sprintf("answers differ from those of the uncut float32 network at %s; %s at %s agrees in %s of the frames compared",
		counted(len(differ), "task-edge pair"), printable(least.Task), printable(least.Edge), percentWhole(least.Agreement)), 0)
	p.line("")
}

// verdictCounts says what became of the tasks that are not shown.
func verdictCounts(all, shown []TaskSummary) string {
	var parts []string
	for _, v := range []string{Kept, Violated, Unseen} {
		if n := len(having(all, v)) - len(having(shown, v)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

func taskTone(t TaskSummary) (tone, string) {
	switch {
	case t.Verdict == Violated && t.Decided:
		return bad, "late"
	case t.Verdict == Violated:
		return bad, "late?"
	case t.Verdict == Unseen:
		return doubt, "no frames"
	case !t.Decided:
		return good, "ok?"
	}
	return good, "ok"
}

func (p printer) edges(s Summary) {
	if len(s.Edges) == 0 {
		return
	}
	shown := worst(s.Edges, mostRows, busiestFirst)
	t := table{head: []string{"EDGE", "UPLINK", "CARRIED", "UTIL", "DROPS", "QUEUE P99", "GFLOPS", "USED", "CORES"}, left: 1}
	for _, e := range shown {
		drops := plain
		if e.Uplink.Drops > 0 {
			drops = doubt
		}
		t.rows = append(t.rows, []cell{
			{printable(e.Edge), plain}, {rateText(e.Uplink.Rate), plain}, {rateText(e.Uplink.Measured), plain},
			{percentWhole(e.Uplink.Utilisation), loadTone(e.Uplink.Utilisation)}, {fmt.Sprint(e.Uplink.Drops), drops},
			{timeText(e.Uplink.QueueP99), plain}, {number(e.CPU.GFLOPS), plain},
			{percentWhole(e.CPU.UsedGFLOPS / e.CPU.GFLOPS), loadTone(e.CPU.UsedGFLOPS / e.CPU.GFLOPS)}, {number(e.CPU.QuotaCores), plain},
		})
	}
	p.table(t)
	if rest := len(s.Edges) - len(shown); rest > 0 {
		p.line(p.painted(faint, fmt.Sprintf("the busiest %d of %d edges", len(shown), len(s.Edges))))
		p.line("")
	}
}

func (p printer) background(s Summary) {
	if len(s.Background) == 0 {
		return
	}
	t := table{head: []string{"BACKGROUND", "KIND", "FLOWS", "FROM", "TO", "OFFERED", "DELIVERED"}, left: 2}
	for _, b := range s.Background[:min(len(s.Background), mostRows)] {
		t.rows = append(t.rows, []cell{
			{printable(b.Link), plain}, {printable(b.Kind), plain}, {fmt.Sprint(b.Flows), plain},
			{timeText(b.Start), plain}, {timeText(b.Stop), plain},
			{sizeText(b.OfferedBytes), plain}, {sizeText(b.DeliveredBytes), plain},
		})
	}
	p.table(t)
	if rest := len(s.Background) - mostRows; rest > 0 {
		p.line(p.painted(faint, fmt.Sprintf("and %d more", rest)))
		p.line("")
	}
}

// busiestFirst orders by the higher of an edge's two loads; edges without figures come last.
func busiestFirst(a, b EdgeSummary) int {
	load := func(e EdgeSummary) float64 {
		u, c := float64(e.Uplink.Utilisation), float64(e.CPU.UsedGFLOPS/e.CPU.GFLOPS)
		if cmp.Less(u, c) {
			return c
		}
		return u
	}
	return -cmp.Compare(load(a), load(b))
}

func loadTone(load Figure) tone {
	switch {
	case load >= 0.98:
		return bad
	case load >= 0.8:
		return doubt
	}
	return plain
}

func percentWhole(x Figure) string {
	if !x.Known() {
		return dash
	}
	return fmt.Sprintf("%.0f %%", 100*float64(x))
}

// changes says that links and nodes were not all the time what was planned at first.
func (p printer) changes(s Summary) {
	if len(s.Changes) == 0 {
		return
	}
	byHand := 0
	for _, c := range s.Changes {
		if c.ByHand {
			byHand++
		}
	}
	head := counted(len(s.Changes), "change") + " of links and nodes during the run"
	if byHand > 0 {
		head += fmt.Sprintf(", %d by hand (the experiment alone does not repeat this run)", byHand)
	}
	p.wrap(head+":", 2)
	for _, c := range s.Changes[:min(len(s.Changes), mostNamed)] {
		p.wrap("  "+c.String(), 4)
	}
	if more := len(s.Changes) - mostNamed; more > 0 {
		p.line(fmt.Sprintf("  and %d more", more))
	}
	p.line("")
}

func (p printer) broken(s Summary) {
	if len(s.Broken) == 0 {
		return
	}
	p.line(p.painted(doubt, fmt.Sprintf("The schedule breaks %s:", counted(len(s.Broken), "constraint"))))
	for _, v := range s.Broken[:min(len(s.Broken), mostNamed)] {
		p.wrap("  "+v.String(), 4)
	}
	if more := len(s.Broken) - mostNamed; more > 0 {
		p.line(fmt.Sprintf("  and %d more", more))
	}
	p.line("")
}

func (p printer) fidelity(s Summary) {
	var failed []Check
	for _, c := range s.Fidelity.Checks {
		if !c.OK {
			failed = append(failed, c)
		}
	}
	if len(failed) == 0 {
		if n := len(s.Fidelity.Checks); n > 0 {
			p.line(fmt.Sprintf("Fidelity: %s, %s", s.Fidelity.Verdict, every(n, "check")+" passed"))
			p.line("")
		}
		return
	}
	p.line(p.painted(bad, fmt.Sprintf("Fidelity: %s, %d of %s failed", s.Fidelity.Verdict, len(failed), counted(len(s.Fidelity.Checks), "check"))))
	for _, c := range failed[:min(len(failed), mostNamed)] {
		p.wrap(fmt.Sprintf("  %s of %s: %s, limit %s: %s", c.Name, c.Subject, number(c.Value), number(c.Limit), c.Advice), 4)
	}
	if more := len(failed) - mostNamed; more > 0 {
		p.line(fmt.Sprintf("  and %d more", more))
	}
	p.line("")
}

func (p printer) warnings(s Summary) {
	for _, w := range s.Warnings {
		p.wrap("Warning: "+w, 2)
	}
	if len(s.Warnings) > 0 {
		p.line("")
	}
}

func (p printer) verdict(s Summary) {
	lines := wrapped(strings.ToUpper(s.Verdict)+": "+printable(s.Reason), p.width, 2)
	word, rest, _ := strings.Cut(lines[0], ":")
	lines[0] = p.painted(bold, p.painted(verdictTone(s.Verdict), word)) + ":" + rest
	for _, line := range lines {
		p.line(line)
	}
}

func verdictTone(verdict string) tone {
	switch verdict {
	case Kept:
		return good
	case Violated:
		return bad
	}
	return doubt
}

// printable replaces what would move the cursor or change colours: names come from files.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}
