package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/scheduler"
)

// Schema is the version of summary.json. Fields may be added without a new one.
const Schema = 1

// The verdicts of a run and of a task at an edge.
const (
	Kept     = "kept"
	Violated = "violated"
	Invalid  = "invalid" // neither a pass nor a failure
	// Unseen is the verdict on a task at an edge where no frame was due in the window, because its frames are rarer than the
	// window is long. A task that is unseen at all of its edges makes a run invalid.
	Unseen = "unseen"
)

// NotEmulated is the fidelity verdict of a simulation, of which there is nothing to check.
const NotEmulated = "simulated"

// Summary is summary.json. Times are virtual seconds.
type Summary struct {
	Schema     int    `json:"schema"`
	Run        string `json:"run"`
	Experiment string `json:"experiment"`
	Seed       uint64 `json:"seed"`
	Runtime    string `json:"runtime"`
	// Delay says what delayed, lost or reordered packets, netem or userspace; absent where nothing did.
	Delay          string    `json:"delay,omitempty"`
	Dilation       Figure    `json:"dilation"`
	Started        time.Time `json:"started"`
	VirtualSeconds Figure    `json:"virtual_seconds"`
	WallSeconds    Figure    `json:"wall_seconds"`
	// CloudVirtual says that the cloud had a compute budget. Without one it used what the host had left, and
	// tail and end-to-end times are not virtual.
	CloudVirtual bool `json:"cloud_virtual"`
	// Simulated says that a model made the frames: nothing was emulated or measured.
	Simulated bool   `json:"simulated,omitempty"`
	Verdict   string `json:"verdict"`
	// Reason says in a sentence why, naming the tasks and uplinks that fail.
	Reason   string        `json:"reason"`
	QoS      QoS           `json:"qos"`
	Schedule Schedule      `json:"schedule"`
	Tasks    []TaskSummary `json:"tasks"`
	Edges    []EdgeSummary `json:"edges"`
	// Background is the traffic beside the tasks' own; absent where there is none.
	Background []BackgroundSummary `json:"background,omitempty"`
	Fidelity   Fidelity            `json:"fidelity"`
	// Warnings say where the run leaves what is emulated faithfully, although every check holds.
	Warnings []string `json:"warnings,omitempty"`
	// Probes are what was measured of links and CPUs before the replay, beside the plan.
	Probes []Probe `json:"probes,omitempty"`
	// Changes is what became of links and nodes while the run lasted, in the order it happened.
	Changes []Change `json:"changes,omitempty"`
	// Broken lists the constraints the schedule breaks, where it was tried all the same.
	Broken []scheduler.Violation `json:"broken,omitempty"`
}

// Change is something that became other than planned at first: a link by an event or by hand, or a node that was killed.
type Change struct {
	// At is when it had taken effect.
	At      Figure `json:"at_s"`
	Subject string `json:"subject"`
	Change  string `json:"change"`
	// ByHand says that a user did it while the run lasted, and no event of the experiment, so that running that again does not
	// repeat this run.
	ByHand bool `json:"by_hand,omitempty"`
}

// String is the change in a line: "2.001 s  gw-a.uplink: rate 5Mbps".
func (c Change) String() string {
	text := fmt.Sprintf("%.3f s  %s: %s", float64(c.At), c.Subject, c.Change)
	if c.ByHand {
		text += " (by hand)"
	}
	return text
}

// QoS counts the frames of all deployed tasks that were captured in the window.
type QoS struct {
	Quantile Figure `json:"quantile"`
	On       string `json:"on"`
	Counts
	// The latency the rule is about (On), of the frames that arrived.
	P50 Figure `json:"p50_s"`
	P95 Figure `json:"p95_s"`
	P99 Figure `json:"p99_s"`
	Max Figure `json:"max_s"`
}

// Counts says what became of frames. In JSON its fields stand among those of the object it is part of.
type Counts struct {
	Frames int `json:"frames"`
	OnTime int `json:"on_time"`
	Late   int `json:"late"`
	Lost   int `json:"lost"`
	// OnTimeLow and OnTimeHigh bound the share of frames on time at 95 % (Clopper–Pearson).
	OnTimeLow  Figure `json:"on_time_low"`
	OnTimeHigh Figure `json:"on_time_high"`
}

// Schedule is what was tried: how many of the workload's tasks were deployed, if only for a while, and an upper bound of how
// many any schedule could deploy, absent where it was not computed. Where an online algorithm decided, Rejected tasks were not
// admitted when they came, and Evicted ones had to go before their time.
type Schedule struct {
	Algorithm string `json:"algorithm"`
	Tasks     int    `json:"tasks"`
	Deployed  int    `json:"deployed"`
	Bound     Figure `json:"bound"`
	// AtEnd is how many of them still ran at the end of the window.
	AtEnd    int `json:"deployed_at_end,omitempty"`
	Rejected int `json:"rejected,omitempty"`
	Evicted  int `json:"evicted,omitempty"`
}

// Distribution is the quantiles of a latency over the frames that arrived, lost ones left out. A
// quantile is the smallest latency that at least this share of them does not exceed.
type Distribution struct {
	P50 Figure `json:"p50"`
	P95 Figure `json:"p95"`
	P99 Figure `json:"p99"`
	Max Figure `json:"max"`
}

// TaskSummary is one deployed task at one edge.
type TaskSummary struct {
	Task string `json:"task"`
	Edge string `json:"edge"`
	Cut  int    `json:"k"`
	// Wire is what its frames travelled as: the wire type of a tensor ("uint4 channel, zstd"), "JPEG" or "video packet" at cut 0.
	Wire     string `json:"wire,omitempty"`
	Deadline Figure `json:"deadline_s"`
	Counts
	Transfer Distribution `json:"transfer_s"`
	EndToEnd Distribution `json:"end_to_end_s"`
	// Predicted is the transfer latency the schedule should show.
	Predicted Figure `json:"predicted_transfer_s"`
	// Agreement is the share of frames with the class that the uncut float32 network answers to their picture, of those
	// that were answered and whose picture it was asked about; absent where there are none.
	Agreement Figure `json:"agreement"`
	// Decided is false where the 95 % interval of the share on time contains the quantile: the run was
	// too short to tell.
	Decided bool   `json:"decided"`
	Verdict string `json:"verdict"`
}

// EdgeSummary is one edge server and its uplink.
type EdgeSummary struct {
	Edge   string        `json:"edge"`
	Uplink UplinkSummary `json:"uplink"`
	CPU    CPUSummary    `json:"cpu"`
}

// UplinkSummary is what an uplink was asked for and what it carried in the window.
type UplinkSummary struct {
	Rate Figure `json:"rate_bps"`
	// Measured is the mean rate it carried, idle times included; Utilisation that ÷ Rate.
	Measured    Figure `json:"measured_bps"`
	Utilisation Figure `json:"utilisation"`
	Drops       int64  `json:"drops"`
	// QueueP99 is the 99th percentile of the time its queue takes to empty.
	QueueP99      Figure `json:"queue_p99_s"`
	Delay         Figure `json:"delay_s"`
	MeasuredDelay Figure `json:"measured_delay_s"`
}

// CPUSummary is an edge's compute budget and its use in the window.
type CPUSummary struct {
	GFLOPS Figure `json:"gflops"`
	// QuotaCores is the CFS quota in cores of the host, the dilation included.
	QuotaCores Figure `json:"quota_cores"`
	UsedGFLOPS Figure `json:"used_gflops"`
	// Throttled is the share of the window the edge was held back by its quota.
	Throttled Figure `json:"throttled"`
}

// Fidelity is the report of the run's checks on itself.
type Fidelity struct {
	Verdict string `json:"verdict"`
	// NextDilation is the dilation to try next where the run is invalid and a larger one would help; else 0.
	NextDilation Figure  `json:"next_dilation,omitempty"`
	Checks       []Check `json:"checks"`
}

// Check is a fidelity check with figures that may be absent.
type Check struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Value   Figure `json:"value"`
	Limit   Figure `json:"limit"`
	OK      bool   `json:"ok"`
	Advice  string `json:"advice,omitempty"`
}

// WriteSummary writes summary.json, whole or not at all.
func WriteSummary(path string, s Summary) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	})
}

// ReadSummary reads what WriteSummary wrote. Fields added since are ignored; a later schema is an error.
func ReadSummary(path string) (Summary, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Summary{}, fmt.Errorf("summary: %w", err)
	}
	var s Summary
	if err := json.Unmarshal(text, &s); err != nil {
		return Summary{}, fmt.Errorf("summary %s: %w", path, err)
	}
	if s.Schema != Schema {
		return Summary{}, fmt.Errorf("summary %s: %w: schema %d, this version reads %d", path, errSchema, s.Schema, Schema)
	}
	return s, nil
}

var errSchema = errors.New("not a summary of this version")
