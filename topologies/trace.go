package topologies

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Trace is a link's rate over time, read from a file. It begins with the measured window and begins anew at its end.
type Trace struct {
	Path string // absolute
	// Steps begin at 0 and ascend; each holds until the next, the last until Period.
	Steps  []Step
	Period units.Virtual
}

// Step is a rate from a time on. It is above 0: see [ParseTrace].
type Step struct {
	At   units.Virtual
	Rate units.Rate
}

const (
	// traceBin is the span over which packet delivery opportunities are gathered into a rate. HTB gives rates and cannot be told
	// of single packets; a tenth of a second is below the deadlines of frames and above the time of some packets on a mobile link.
	traceBin = units.Virtual(100 * time.Millisecond)

	// shortestStep keeps the harness from being busy with changes.
	shortestStep = units.Virtual(time.Millisecond)

	maxTraceSteps = 1_000_000
)

// UnmarshalSpec reads the file whose path stands in a spec.
func (t *Trace) UnmarshalSpec(c spec.Cursor) error {
	name, ok := c.Scalar()
	if !ok {
		return c.Wrong("the path of a file of rates over time")
	}
	path, err := c.Path(name)
	if err != nil {
		return err
	}
	read, err := spec.Once(c.Files(), path, readTrace)
	if err != nil {
		return c.Wrap(err)
	}
	*t = *read
	return nil
}

func readTrace(path string) (*Trace, error) {
	data, err := spec.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseTrace(path, data)
}

// MarshalText writes the path.
func (t Trace) MarshalText() ([]byte, error) { return []byte(t.Path), nil }

// ParseTrace reads a trace in one of two formats, told apart by their lines:
//
//	seconds,rate      CSV: from when on which rate, such as "1.5,4Mbps"; a heading is allowed, and so are lines that begin with #.
//	                  The last rate holds as long as the one before it.
//	17                Mahimahi's packet delivery opportunities: milliseconds, one a line, ascending; each lets one full packet pass.
//	                  They are gathered over tenths of a second; the last one ends the trace.
//
// A step without any rate lets one packet pass in its time, because the kernel's shaper knows no rate of nothing. Errors name file
// and line. At most a million steps are read.
func ParseTrace(path string, data []byte) (*Trace, error) {
	t := &Trace{Path: path}
	lines := bufio.NewScanner(bytes.NewReader(data))
	var opportunities []int64
	seen := 0
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		seen++
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", path, number, fmt.Sprintf(format, args...))
		}
		if seen > maxTraceSteps*10 {
			return nil, bad("the trace is too long")
		}
		first, rest, csv := strings.Cut(text, ",")
		if !csv {
			ms, err := strconv.ParseInt(text, 10, 64)
			switch {
			case err != nil || ms < 0 || ms > int64(maxSpan/1e6):
				return nil, bad("%q is neither \"seconds,rate\" nor a number of milliseconds", spec.Clip(text))
			case len(t.Steps) > 0:
				return nil, bad("a line without a rate among lines with one")
			case len(opportunities) > 0 && ms < opportunities[len(opportunities)-1]:
				return nil, bad("%d ms comes after %d ms; times must ascend", ms, opportunities[len(opportunities)-1])
			}
			opportunities = append(opportunities, ms)
			continue
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
		if err != nil && seen == 1 {
			continue // the heading
		}
		if len(opportunities) > 0 {
			return nil, bad("a line with a rate among lines without one")
		}
		if err != nil || !(seconds >= 0) || seconds > maxSpan.Seconds() {
			return nil, bad("%q is no time; allowed: seconds from 0 on, such as 1.5", spec.Clip(first))
		}
		rate, err := units.ParseRate(strings.TrimSpace(rest))
		if err != nil {
			return nil, bad("%v", err)
		}
		if rate > MaxRate {
			return nil, bad("a rate of %v; allowed: at most %v", rate, MaxRate)
		}
		at := units.Virtual(math.Round(seconds * 1e9))
		if len(t.Steps) == 0 && at != 0 {
			return nil, bad("the first rate begins at %v; it must begin at 0", at)
		}
		if len(t.Steps) > 0 && at < t.Steps[len(t.Steps)-1].At+shortestStep {
			return nil, bad("%v comes after %v; times must ascend, by at least %v", at, t.Steps[len(t.Steps)-1].At, shortestStep)
		}
		t.Steps = append(t.Steps, Step{at, rate})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(opportunities) > 0 {
		if err := t.gather(opportunities); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	} else if err := t.end(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.raise()
	return t, nil
}

// end gives the last rate of a CSV its time.
func (t *Trace) end() error {
	switch n := len(t.Steps); n {
	case 0:
		return fmt.Errorf("there is no rate in it; allowed: lines such as 1.5,4Mbps, or milliseconds, one a line")
	case 1:
		t.Period = maxSpan
	default:
		t.Period = 2*t.Steps[n-1].At - t.Steps[n-2].At
	}
	return nil
}

// gather makes rates of delivery opportunities.
func (t *Trace) gather(ms []int64) error {
	t.Period = units.Virtual(ms[len(ms)-1]) * units.Virtual(time.Millisecond)
	if t.Period < shortestStep {
		return fmt.Errorf("it ends where it begins")
	}
	bins := int((t.Period + traceBin - 1) / traceBin)
	counts := make([]int, bins)
	for _, at := range ms {
		// The last opportunity is the end of the trace, and belongs to what was before it.
		counts[min(int(units.Virtual(at)*units.Virtual(time.Millisecond)/traceBin), bins-1)]++
	}
	for n, count := range counts {
		from := units.Virtual(n) * traceBin
		length := min(traceBin, t.Period-from)
		t.Steps = append(t.Steps, Step{from, units.Rate(float64(count) * float64(8*Packet) / length.Seconds())})
	}
	return nil
}

// raise gives every step without a rate room for one packet.
func (t *Trace) raise() {
	for n, s := range t.Steps {
		if s.Rate == 0 {
			t.Steps[n].Rate = units.Rate(float64(8*Packet) / (t.until(n) - s.At).Seconds())
		}
	}
}

// until is when step n ends.
func (t *Trace) until(n int) units.Virtual {
	if n+1 < len(t.Steps) {
		return t.Steps[n+1].At
	}
	return t.Period
}

// Mean is the mean rate over the whole trace.
func (t *Trace) Mean() units.Rate {
	bits := 0.0
	for n, s := range t.Steps {
		bits += float64(s.Rate) * (t.until(n) - s.At).Seconds()
	}
	return units.Rate(bits / t.Period.Seconds())
}

// Slowest is the lowest rate of the trace.
func (t *Trace) Slowest() units.Rate {
	slowest := t.Steps[0].Rate
	for _, s := range t.Steps {
		slowest = min(slowest, s.Rate)
	}
	return slowest
}

// Between lists the steps from a time to another, the one that holds at the beginning first; times may be negative and beyond the
// period. Equal rates that follow each other are one step.
func (t *Trace) Between(from, to units.Virtual) []Step {
	var steps []Step
	round := from / t.Period
	if from%t.Period < 0 {
		round--
	}
	for ; ; round++ {
		for n, s := range t.Steps {
			at := s.At + round*t.Period
			if at >= to {
				return steps
			}
			if t.until(n)+round*t.Period <= from {
				continue
			}
			if len(steps) > 0 && steps[len(steps)-1].Rate == s.Rate {
				continue
			}
			steps = append(steps, Step{max(at, from), s.Rate})
		}
	}
}
