package testbed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/fidelity"
)

// delays is what a run knows about its delays in user space.
type delays struct {
	dropped map[string]int64 // by TUN device, before the replay
	report  delayline.Report
	lost    map[string]int64 // during the replay, by link or TUN device
	err     error            // why there is no report
}

// engage lets the planned delays begin. Connections stand by then: at a large dilation a handshake would take longer than TCP
// waits for it, and it would start over with the smallest window. None is made later but those of web transfers, which begin
// when they are due.
func (t *testbed) engage(ctx context.Context) error {
	if t.plan.Network.Delay == "" {
		return nil
	}
	if err := t.links.Engage(ctx); err != nil {
		return err
	}
	if err := t.dir.event(event{Event: "delays", Subject: t.plan.Network.Delay}); err != nil {
		return err
	}
	return t.links.Verify(ctx)
}

// watchDelays begins to count what the delay line does.
func (t *testbed) watchDelays() (err error) {
	if t.links.Line() == nil {
		return nil
	}
	if t.delays.dropped, err = t.links.DelayDrops(); err != nil {
		return err
	}
	return t.links.Line().Reset()
}

// readDelays ends the count.
func (t *testbed) readDelays() {
	line, d := t.links.Line(), &t.delays
	if line == nil {
		return
	}
	d.lost = map[string]int64{}
	if d.report, d.err = line.Report(); d.err != nil {
		select {
		case <-line.Exited(): // which tells more than a closed socket
			d.err = line.Err()
		case <-time.After(time.Second):
		}
		return
	}
	for _, w := range d.report.Ways {
		d.lost[w.Link] = w.Overflowed + w.Failed
	}
	dropped, err := t.links.DelayDrops()
	if err != nil {
		d.err = err
		return
	}
	for device, n := range dropped {
		d.lost[device] = n - d.dropped[device]
	}
}

// delayChecks holds what the delay line did against its limits.
func (t *testbed) delayChecks() []fidelity.Check {
	p, d := t.plan, t.delays
	if t.links.Line() == nil {
		return nil
	}
	if d.err != nil {
		return []fidelity.Check{fidelity.DelayLineGone(d.err, p.shortestDeadline())}
	}
	checks := []fidelity.Check{fidelity.DelayLine(p.Dilation.Virtual(d.report.Late()), p.shortestDeadline())}
	total := int64(0)
	for _, subject := range slices.Sorted(maps.Keys(d.lost)) {
		if n := d.lost[subject]; n > 0 {
			checks = append(checks, fidelity.DelayDrops(subject, n))
			total += n
		}
	}
	if total == 0 {
		checks = append(checks, fidelity.DelayDrops("delay line", 0))
	}
	return checks
}

// lineEnded tells whether an error is that the delay line ended by itself. Its check says so: the run is invalid, and the command
// has not failed.
func lineEnded(err error) bool {
	var ended *delayline.EndedError
	return errors.As(err, &ended)
}

// delayDetail is what events.jsonl keeps of a delay line's report.
func (d delays) detail() string {
	r := d.report
	return fmt.Sprintf("%d packets, late by %v (p50), %v (p95), %v (p99), %v (max); stalls %v (p99), %v (longest); priority %s",
		r.Delayed, r.P50, r.P95, r.P99, r.Max, r.StallP99, r.LongestStall, r.Priority)
}
