package results

// Probe is one figure of a link or a CPU, measured while nothing else went on, beside its plan: a row of
// `splitbed selftest`, and of a summary's probes.
type Probe struct {
	Subject  string `json:"subject"`
	Quantity string `json:"quantity"`
	// Statistic says which of a distribution, "p50" or "p95"; empty for a single figure.
	Statistic string `json:"statistic,omitempty"`
	// Plan and Measured are bits per second, virtual seconds (rtt, queue), a share (loss) or cores of this host (cpu).
	Plan     Figure `json:"plan"`
	Measured Figure `json:"measured"`
	// Error is measured ÷ plan − 1 of a rate, a queue or a CPU, measured − plan of a round trip or a loss.
	Error Figure `json:"error"`
	OK    bool   `json:"ok"`
}

// The quantities of a Probe.
const (
	ProbeRate  = "rate"  // of the narrowest link on a way, headers included
	ProbeRTT   = "rtt"   // of a small message, to the cloud and back over idle links
	ProbeQueue = "queue" // what a full queue adds to the round trip
	ProbeLoss  = "loss"  // the share of small messages that did not arrive
	ProbeCPU   = "cpu"   // what the engine got, in cores
)
