package results

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/emulator/fidelity"
)

// keeps judges a task at an edge: kept when at least the quantile of its frames was on time, unseen where the workload
// has no frame of it in the window. The verdict is decided where the interval of the share lies wholly on its side of
// the quantile.
func (c Counts) keeps(quantile float64) (verdict string, decided bool) {
	switch {
	case c.Frames == 0:
		return Unseen, false
	// Rounding may put quantile·frames a little above the whole number it is.
	case float64(c.OnTime) >= quantile*float64(c.Frames)-1e-9:
		return Kept, float64(c.OnTimeLow) >= quantile
	}
	return Violated, float64(c.OnTimeHigh) < quantile
}

// judge gives the verdict of a run and a sentence that says why.
func judge(in Input, s Summary) (verdict, reason string) {
	if err := in.Rule.Validate(); err != nil {
		return Invalid, err.Error()
	}
	if len(s.Tasks) == 0 && s.Schedule.Deployed > 0 {
		return Invalid, fmt.Sprintf("no frame was due in the window while one of the %s was deployed", counted(s.Schedule.Deployed, "task"))
	}
	if len(s.Tasks) == 0 {
		return Invalid, fmt.Sprintf("none of the %s was deployed, so there was nothing to measure", counted(s.Schedule.Tasks, "task"))
	}
	if in.Fidelity.Verdict != fidelity.Valid && !in.Simulated {
		return Invalid, unfaithful(s.Fidelity)
	}
	if silent := silent(s.Tasks); len(silent) > 0 {
		return Invalid, "no frame was captured in the window of " + listed(silent, func(t string) string { return t }) + ": run longer"
	}
	if failed := having(s.Tasks, Violated); len(failed) > 0 {
		return Violated, violated(in, s, failed)
	}
	return Kept, kept(s)
}

func having(tasks []TaskSummary, verdict string) []TaskSummary {
	var out []TaskSummary
	for _, t := range tasks {
		if t.Verdict == verdict {
			out = append(out, t)
		}
	}
	return out
}

// silent lists the tasks without a frame at any of their edges.
func silent(tasks []TaskSummary) []string {
	frames := map[string]int{}
	var order []string
	for _, t := range tasks {
		if _, ok := frames[t.Task]; !ok {
			order = append(order, t.Task)
		}
		frames[t.Task] += t.Frames
	}
	return slices.DeleteFunc(order, func(task string) bool { return frames[task] > 0 })
}

func unfaithful(f Fidelity) string {
	var failed []Check
	for _, c := range f.Checks {
		if !c.OK {
			failed = append(failed, c)
		}
	}
	if len(failed) == 0 {
		return "nothing shows that the emulation kept its promises: no fidelity check was made"
	}
	return fmt.Sprintf("the emulation did not keep its promises, so its times prove nothing: %d of %s failed: ", len(failed), counted(len(f.Checks), "check")) +
		listed(failed, func(c Check) string { return c.Name + " of " + c.Subject }) + "; " + failed[0].Advice
}

func violated(in Input, s Summary, failed []TaskSummary) string {
	slices.SortStableFunc(failed, worstFirst)
	busy := busyEdges(s.Edges)
	rates := make(map[string]Figure, len(s.Edges))
	for _, e := range s.Edges {
		rates[e.Edge] = e.Uplink.Rate
	}
	reason := listed(failed, func(t TaskSummary) string {
		way := t.Edge + ".uplink"
		if rate := rates[t.Edge]; rate.Known() && rate > 0 {
			way += " (" + rateText(rate) + ")"
		}
		for _, trunk := range in.Trunks[t.Edge] {
			way += " and trunk " + trunk
		}
		if in.Rule.On == EndToEnd && busy[t.Edge] != "" {
			way += " and a CPU that was busy for " + busy[t.Edge] + " of the window"
		}
		lost := ""
		if t.Lost > 0 {
			// Perhaps not on the way: also what an edge had not computed when the run ended is lost.
			lost = fmt.Sprintf(", %d lost,", t.Lost)
		}
		return fmt.Sprintf("%s at %s: %s of %s on time%s through %s", t.Task, t.Edge, share(t.OnTime, t.Frames), counted(t.Frames, "frame"), lost, way)
	})
	if len(failed) == 1 {
		reason += ", needs " + percent(in.Rule.Quantile)
	} else {
		reason += "; each needs " + percent(in.Rule.Quantile)
	}
	if n := undecided(failed); n > 0 {
		reason += fmt.Sprintf("; too short to tell at 95 %% for %d of these %d", n, len(failed))
	}
	return reason
}

func kept(s Summary) string {
	reason := fmt.Sprintf("%s kept the deadline at every edge: %s of %s on time, each at least %s",
		every(s.Schedule.Deployed, "deployed task"), share(s.QoS.OnTime, s.QoS.Frames), counted(s.QoS.Frames, "frame"), percent(float64(s.QoS.Quantile)))
	unseen := len(having(s.Tasks, Unseen))
	if n := undecided(s.Tasks) - unseen; n > 0 {
		reason += fmt.Sprintf("; too short to tell at 95 %% for %d of %d task-edge pairs", n, len(s.Tasks))
		if need := framesToTell(float64(s.QoS.Quantile)); need > 0 {
			reason += fmt.Sprintf(" (%d frames each would be enough if all were on time)", need)
		}
	}
	if unseen > 0 {
		reason += fmt.Sprintf("; no frame was due at %d of %d task-edge pairs, whose frames are rarer than the window is long", unseen, len(s.Tasks))
	}
	if busy := busyEdges(s.Edges); len(busy) > 0 && s.QoS.On != EndToEnd {
		edges := slices.Sorted(maps.Keys(busy))
		reason += "; " + listed(edges, func(edge string) string { return "the CPU of " + edge + " was busy for " + busy[edge] }) +
			" of the window, and frames that waited for it did so before their transfer began: qos.on: end_to_end counts that"
	}
	return reason
}

// busyShare is the part of its budget from which on an edge has no more to give: frames wait for it, and ever longer where they
// ask for more than that.
const busyShare = 0.95

// busyEdges are the edges whose CPU had no more to give, and for what share of the window they computed.
func busyEdges(edges []EdgeSummary) map[string]string {
	busy := map[string]string{}
	for _, e := range edges {
		if used := float64(e.CPU.UsedGFLOPS / e.CPU.GFLOPS); used >= busyShare { // not where it is not known
			busy[e.Edge] = percentWhole(Figure(min(used, 1)))
		}
	}
	return busy
}

// framesToTell is the number of frames, all on time, from which on the interval lies above the quantile;
// 0 when no number is enough.
func framesToTell(quantile float64) int {
	if quantile >= 1 {
		return 0
	}
	return int(math.Ceil(math.Log((1-confidence)/2) / math.Log(quantile)))
}

func undecided(tasks []TaskSummary) int {
	n := 0
	for _, t := range tasks {
		if !t.Decided {
			n++
		}
	}
	return n
}

// worstFirst orders by the share on time, then by how late the latest frames were.
func worstFirst(a, b TaskSummary) int {
	share := func(t TaskSummary) float64 {
		if t.Frames == 0 {
			return 1
		}
		return float64(t.OnTime) / float64(t.Frames)
	}
	late := func(t TaskSummary) float64 { return float64(t.Transfer.P99) / float64(t.Deadline) }
	return cmp.Or(cmp.Compare(share(a), share(b)), -cmp.Compare(late(a), late(b)))
}

// mostNamed is how many things a sentence names before it counts the rest.
const mostNamed = 10

func listed[T any](items []T, name func(T) string) string {
	var names []string
	for _, item := range items[:min(len(items), mostNamed)] {
		names = append(names, name(item))
	}
	text := strings.Join(names, "; ")
	if more := len(items) - mostNamed; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// worst is the first rows of an order when there are too many to show, and all rows as they are
// otherwise.
func worst[T any](rows []T, most int, order func(a, b T) int) []T {
	if len(rows) <= most {
		return rows
	}
	return slices.SortedStableFunc(slices.Values(rows), order)[:most]
}
