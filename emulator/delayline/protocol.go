package delayline

import (
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
)

// The harness and the process exchange JSON values over a socket, a request and its answer at a time. The first request sets up.
type request struct {
	Setup  []wayConfig `json:"setup,omitempty"`
	Set    *change     `json:"set,omitempty"`
	Reset  bool        `json:"reset,omitempty"`
	Report bool        `json:"report,omitempty"`
}

// wayConfig is a way with the descriptors of its devices in the process.
type wayConfig struct {
	Link string `json:"link"`
	In   int    `json:"in"`
	Out  int    `json:"out"`
	Pair int    `json:"pair"`
	Seed uint64 `json:"seed"`
}

type change struct {
	Way   int         `json:"way"`
	Delay shape.Delay `json:"delay"`
}

type answer struct {
	At     int64   `json:"at"` // CLOCK_MONOTONIC
	Report *Report `json:"report,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Report says how the line has kept its times since it was reset. Times are wall times.
type Report struct {
	At       int64  `json:"at"`    // CLOCK_MONOTONIC
	Since    int64  `json:"since"` // CLOCK_MONOTONIC
	Priority string `json:"priority"`
	// Delayed is how many packets waited; the times after it say how much later than due they went on.
	Delayed int64         `json:"delayed"`
	P50     time.Duration `json:"p50_ns"`
	P95     time.Duration `json:"p95_ns"`
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
	// StallP99 is how long, at most, the thread was not to be had at 99 % of all moments, whether packets were under
	// way or not.
	StallP99     time.Duration `json:"stall_p99_ns"`
	LongestStall time.Duration `json:"longest_stall_ns"`
	Fault        string        `json:"fault,omitempty"` // the latest
	Ways         []Count       `json:"ways"`
}

// Count is what became of the packets of a way. All but Overflowed and Failed was asked for.
type Count struct {
	Link       string `json:"link"`
	Packets    int64  `json:"packets"` // that have come
	Lost       int64  `json:"lost,omitempty"`
	Duplicated int64  `json:"duplicated,omitempty"`
	Reordered  int64  `json:"reordered,omitempty"`
	Overflowed int64  `json:"overflowed,omitempty"` // that found as many waiting as the limit allows
	Failed     int64  `json:"failed,omitempty"`     // that the kernel did not take back
	Waiting    int    `json:"waiting,omitempty"`    // now
	Gone       bool   `json:"gone,omitempty"`       // the device was removed
}

// Dropped is how many packets were lost that should not have been.
func (r Report) Dropped() int64 {
	n := int64(0)
	for _, w := range r.Ways {
		n += w.Overflowed + w.Failed
	}
	return n
}

// Late is the figure to judge a line by: its packets' 99th percentile or that of all moments, whichever is worse.
func (r Report) Late() time.Duration { return max(r.P99, r.StallP99) }
