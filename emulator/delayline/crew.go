package delayline

import (
	"errors"
	"fmt"
	"time"
)

// Threads is how many threads move the packets between so many pairs of ends: one for each core but one, and none without a pair.
// The last core is left to the kernel's own packet thread, which waits for threads in real time, and to the ends.
func Threads(pairs, cores int) int { return max(1, min(pairs, cores-1)) }

// ThreadOf is the thread that moves the packets between a pair of ends. Both ways are its own: on two threads, data and their
// acknowledgements wake up each other's, and cost almost twice as much.
func ThreadOf(pair, threads int) int { return pair % threads }

// crew is the threads of a delay line, each with ways of its own.
type crew struct {
	ways  []*way // in the order of the set-up
	lines []*line
	ended chan struct{} // has a value for each thread that has ended
}

// newCrew divides the ways among as many threads as [Threads] says. Their descriptors stay the caller's to close
// once the threads have ended.
func newCrew(ways []*way, cores int) (*crew, error) {
	pairs := 0
	for _, w := range ways {
		pairs = max(pairs, w.pair+1)
	}
	threads := Threads(pairs, cores)
	c := &crew{ways: ways, ended: make(chan struct{}, threads)}
	for n := range threads {
		var own []*way
		for _, w := range ways {
			if ThreadOf(w.pair, threads) == n {
				own = append(own, w)
			}
		}
		l, err := newLine(own)
		if err != nil {
			return nil, errors.Join(err, c.release())
		}
		c.lines = append(c.lines, l)
	}
	return c, nil
}

func (c *crew) release() (err error) {
	for _, l := range c.lines {
		err = errors.Join(err, l.release())
	}
	return err
}

// start lets the threads run until stop.
func (c *crew) start() {
	for _, l := range c.lines {
		l.start()
		go func() {
			<-l.ended
			c.ended <- struct{}{}
		}()
	}
}

// stop ends the threads and waits for them.
func (c *crew) stop() (err error) {
	for _, l := range c.lines {
		err = errors.Join(err, l.stop())
	}
	return err
}

// failed is why a thread has ended that was not to.
func (c *crew) failed() error {
	for _, l := range c.lines {
		select {
		case <-l.ended:
			return errors.Join(errStopped, l.err)
		default:
		}
	}
	return errStopped
}

// each runs f on every thread, one after the other.
func (c *crew) each(f func(l *line)) error {
	for _, l := range c.lines {
		if err := l.call(func() { f(l) }); err != nil {
			return err
		}
	}
	return nil
}

// set changes what happens to the packets of a way that come from now on.
func (c *crew) set(q change) (at int64, err error) {
	if q.Way < 0 || q.Way >= len(c.ways) {
		return 0, fmt.Errorf("no way %d", q.Way)
	}
	w := c.ways[q.Way]
	l := c.lines[ThreadOf(w.pair, len(c.lines))]
	err = l.call(func() { at = l.set(w, q.Delay) })
	return at, err
}

// stallShare is the part of the time that may be worse than the figure of [Report.StallP99].
const stallShare = 0.01

// report adds up what the threads have done. Stalls are those of the worst of them.
func (c *crew) report() (Report, error) {
	r := Report{Ways: make([]Count, len(c.ways))}
	var late histogram
	err := c.each(func(l *line) {
		r.At, r.Since, r.Priority = l.now(), l.since, l.priority
		late.merge(&l.late)
		r.StallP99 = max(r.StallP99, l.stalls.exceeding(time.Duration(stallShare*float64(r.At-l.since))))
		r.LongestStall = max(r.LongestStall, time.Duration(l.stalls.max))
		if l.fault != nil {
			r.Fault = l.fault.Error()
		}
		for _, w := range l.ways {
			count := w.count
			count.Waiting, count.Gone = w.packets.length, w.gone
			r.Ways[w.index] = count
		}
	})
	r.Delayed, r.Max = late.total, time.Duration(late.max)
	r.P50, r.P95, r.P99 = late.quantile(0.5), late.quantile(0.95), late.quantile(0.99)
	return r, err
}
