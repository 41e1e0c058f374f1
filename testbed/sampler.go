package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/node"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
)

const (
	// sampleEvery is how often the links' counters are read: often enough that a queue of a few frames
	// is seen to stay full from one reading to the next, which is when a link shows its rate.
	sampleEvery = 10 * time.Millisecond
	// samplerShare bounds the part of a core the sampler takes: a reading of many links is followed by
	// a pause of this many times what it computed. A reading that had to wait, for the kernel's lock on network devices, say, costs nothing.
	samplerShare = 20
	// recordEvery is how often a reading goes into the records.
	recordEvery = 100 * time.Millisecond
)

// reading is a line of the samples log: one reading of a link or a CPU at CLOCK_MONOTONIC ns.
type reading struct {
	At        int64   `json:"at"`
	Subject   string  `json:"subject"`
	Bytes     int64   `json:"bytes,omitempty"`
	Drops     int64   `json:"drops,omitempty"`
	Backlog   int64   `json:"backlog,omitempty"`
	Rate      float64 `json:"rate_bps,omitempty"`
	CPU       float64 `json:"cpu_s,omitempty"`
	Throttled float64 `json:"throttled_s,omitempty"`
}

// sampler reads the links' counters and the nodes' CPU use while a replay lasts. It keeps the links'
// readings for the fidelity checks and appends some of all readings to a log.
type sampler struct {
	links *link.Live
	nodes map[string]node.Node
	log   *os.File
	// silent tells which nodes were killed on purpose: their CPU is not read any more.
	silent   func(node string) bool
	dilation units.Dilation

	points map[string][]fidelity.LinkPoint
	late   []time.Duration // of the sampler's own timer: the harness's
}

// run samples until ctx ends, on a real-time thread of its own.
func (s *sampler) run(ctx context.Context) error {
	return clock.OnRealTimeThread(func() error { return s.loop(ctx) })
}

func (s *sampler) loop(ctx context.Context) error {
	due, recorded := clock.Now(), int64(0)
	for ctx.Err() == nil {
		clock.SleepUntil(due)
		started, computed := clock.Now(), clock.ThreadCPU()
		s.late = append(s.late, time.Duration(started-due))
		counters, err := s.links.Counters()
		if err != nil {
			return fmt.Errorf("sample links: %w", err)
		}
		at := (started + clock.Now()) / 2
		planned := s.links.Rates()
		for subject, c := range counters {
			s.points[subject] = append(s.points[subject], fidelity.LinkPoint{
				At: at, Bytes: int64(c.Bytes), Backlog: int64(c.Backlog), Drops: c.Drops, Planned: planned[subject]})
		}
		if started-recorded >= int64(recordEvery) {
			recorded = started
			if err := s.record(at, counters, planned); err != nil {
				return err
			}
		}
		due = max(due+int64(sampleEvery), clock.Now()+samplerShare*(clock.ThreadCPU()-computed))
	}
	return nil
}

// record appends the readings of one moment to the log.
func (s *sampler) record(at int64, counters map[string]link.Counter, planned map[string]units.Rate) error {
	var readings []reading
	for subject, c := range counters {
		readings = append(readings, reading{At: at, Subject: subject, Bytes: int64(c.Bytes), Drops: c.Drops, Backlog: int64(c.Backlog),
			Rate: float64(planned[subject]) * float64(s.dilation)})
	}
	for name, n := range s.nodes {
		if s.silent(name) {
			continue
		}
		usage, err := n.Usage()
		if err != nil && s.silent(name) {
			continue // it was killed meanwhile
		}
		if err != nil {
			return fmt.Errorf("sample CPU of %s: %w", name, err)
		}
		readings = append(readings, reading{At: at, Subject: name + ".cpu", CPU: usage.CPU.Seconds(), Throttled: usage.ThrottledTime.Seconds()})
	}
	var lines []byte
	for _, r := range readings {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := s.log.Write(lines); err != nil {
		return fmt.Errorf("sample log: %w", err)
	}
	return nil
}

// latenessP99 is the 99th percentile of how late the harness's own timer fired.
func (s *sampler) latenessP99() time.Duration {
	if len(s.late) == 0 {
		return 0
	}
	return percentile99(s.late)
}

// readReadings reads a samples log; a torn last line is ignored.
func readReadings(path string) ([]reading, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []reading
	for decoder := json.NewDecoder(file); ; {
		var r reading
		if err := decoder.Decode(&r); err != nil {
			var torn *json.SyntaxError
			if errors.As(err, &torn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return all, nil
			}
			return all, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, r)
	}
}
