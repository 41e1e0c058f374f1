package testutil

import "time"

// Bounds are how far measured figures may be from what was planned, as a share of that unless they are times (wall).
type Bounds struct {
	// Attempts is how often a figure is measured that other work on the host can only make worse.
	Attempts int
	// Goodput of a bulk flow.
	Goodput float64
	// Share of a link that a class of it gets among others.
	Share float64
	// Transfer is the time of a short transfer.
	Transfer float64
	// Queue is what a full queue adds to a round trip; a packet is a fortieth of the queues that are measured.
	Queue float64
	// Quota of CPU time.
	Quota float64
	// Netem and Line are how much longer round trips are than the delays netem or the delay line were asked for.
	Netem, Line RoundTrips
	// Prediction is how far a run's median transfer latency may be from the model's, Repeated from another run's.
	Prediction, Repeated float64
}

// RoundTrips bounds the median and the 95th percentile.
type RoundTrips struct{ P50, P95 time.Duration }

// On a host, tests of all packages and whatever else goes on share the cores; in the guest, time has no noise. There the bounds
// are about twice what was measured (docs/fidelity.md), and never more than what splitbed promises of a lightly loaded host.
var (
	onHost = Bounds{
		Attempts: 5,
		Goodput:  0.02, Share: 0.03, Transfer: 0.03, Queue: 0.05, Quota: 0.05,
		Netem:      RoundTrips{100 * time.Microsecond, 300 * time.Microsecond},
		Line:       RoundTrips{300 * time.Microsecond, time.Millisecond},
		Prediction: 0.05, Repeated: 0.02,
	}
	inGuest = Bounds{
		Attempts: 1,
		Goodput:  0.001, Share: 0.001, Transfer: 0.004, Queue: 0.025, Quota: 0.02,
		Netem:      RoundTrips{100 * time.Microsecond, 100 * time.Microsecond},
		Line:       RoundTrips{200 * time.Microsecond, 200 * time.Microsecond},
		Prediction: 0.003, Repeated: 0.001,
	}
)

// Tolerances are the bounds that hold here.
func Tolerances() Bounds {
	if InGuest() {
		return inGuest
	}
	return onHost
}
