package scheduler

import "github.com/splitbed/splitbed/internal/units"

// connection is the sender of a flow. Windows are in packets, times in seconds. The names of Linux are in brackets.
type connection struct {
	queue []packet
	// initial is the window to begin with; window the one of the moment [snd_cwnd]; flight the packets that are under way.
	initial, window, flight int
	// sent and acknowledged count packets; at is when the last was sent [lsndtime].
	sent, acknowledged int
	at                 float64
	// limited tells whether the window was what kept packets back in this round, which ends at the packet number round, and most
	// is the most that were under way in it [is_cwnd_limited, cwnd_usage_seq, max_packets_out].
	limited     bool
	most, round int
	// used is the most under way since the time since, when the window was full for the last time [snd_cwnd_used, snd_cwnd_stamp].
	used  int
	since float64
	rtt   roundTrip
}

func newConnection(tcp TCP) connection {
	return connection{initial: tcp.InitialWindow, window: tcp.InitialWindow, rtt: roundTrip{least: tcp.MinRTO.Seconds()}}
}

// add puts a frame in line, in packets of a size. An empty one is a packet all the same.
func (c *connection) add(p packet, frame, size units.Bytes) {
	for ; frame > size; frame -= size {
		p.bits = 8 * float64(size)
		c.queue = append(c.queue, p)
	}
	p.bits, p.last = 8*float64(frame), true
	c.queue = append(c.queue, p)
}

// send takes from the line what may be sent now.
func (c *connection) send(now float64) []packet {
	n := min(len(c.queue), max(0, c.window-c.flight))
	if len(c.queue) > 0 && c.flight == 0 {
		c.restart(now)
		n = min(len(c.queue), c.window)
	}
	if n <= 0 {
		return nil
	}
	out := c.queue[:n]
	c.queue = c.queue[n:]
	c.flight += n
	c.sent += n
	c.at = now
	c.note(now)
	return out
}

// restart closes the window by half for every timeout that has passed since the last packet but the first.
func (c *connection) restart(now float64) {
	timeout := c.rtt.timeout()
	idle := now - c.at
	if c.sent == 0 || idle <= timeout {
		return
	}
	for idle -= timeout; idle > 0 && c.window > c.initial; idle -= timeout {
		c.window /= 2
	}
	c.window = max(c.window, c.initial)
	c.used, c.since = 0, now
}

// note looks whether the window or the flow is what bounds it, after packets were sent. A window that has not been full for a timeout
// goes half of the way to what is used of it.
func (c *connection) note(now float64) {
	full := c.flight >= c.window
	if c.acknowledged >= c.round || full || !c.limited && c.flight > c.most {
		c.limited, c.most, c.round = full, c.flight, c.sent
	}
	if c.bound() {
		c.used, c.since = 0, now
		return
	}
	c.used = max(c.used, c.flight)
	if now-c.since < c.rtt.timeout() {
		return
	}
	if used := max(c.used, c.initial); used < c.window {
		c.window = (c.window + used) / 2
	}
	c.used, c.since = 0, now
}

// bound tells whether the window is what bounds the flow.
func (c *connection) bound() bool { return c.limited || c.window < 2*c.most }

// acknowledge takes the acknowledgement of a packet that was sent so long ago.
func (c *connection) acknowledge(after float64) {
	c.flight--
	c.acknowledged++
	c.rtt.sample(after, c.acknowledged, c.sent)
	if c.bound() {
		c.window++
	}
}

// roundTrip is the estimate behind the retransmission timeout, in seconds.
type roundTrip struct {
	least float64
	// smooth is the mean [srtt]; deviation four times the mean deviation of the moment [mdev], highest its maximum in this round and
	// variation what the timeout has of it [rttvar].
	smooth, deviation, highest, variation float64
	round                                 int
}

func (r *roundTrip) timeout() float64 { return r.smooth + max(r.variation, r.least) }

// sample takes the round trip of a packet that was acknowledged as number acknowledged of sent.
func (r *roundTrip) sample(trip float64, acknowledged, sent int) {
	if r.variation == 0 {
		r.smooth, r.deviation = trip, 2*trip
		r.variation = max(r.deviation, r.least)
		r.highest, r.round = r.variation, sent
		return
	}
	off := trip - r.smooth
	r.smooth += off / 8
	if off < 0 {
		off = -off - r.deviation/4
		if off > 0 {
			off /= 8
		}
	} else {
		off -= r.deviation / 4
	}
	r.deviation += off
	r.highest = max(r.highest, r.deviation)
	r.variation = max(r.variation, r.highest)
	if acknowledged > r.round {
		if r.highest < r.variation {
			r.variation -= (r.variation - r.highest) / 4
		}
		r.round, r.highest = sent, r.least
	}
}
