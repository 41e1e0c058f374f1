package scheduler

import (
	"math"

	"github.com/splitbed/splitbed/internal/units"
)

// server is a queue that is served at a rate in bits/s, which changes with time and is 0 while it is down: nothing leaves it
// then. Times are seconds; +Inf is never.
type server struct {
	rate pieces
	// burst is the depth of its bucket in bits, see [Hop].
	burst float64
	// free is when it will have sent all it has taken, its burst aside.
	free float64
}

func newServer(rate pieces, burst units.Bytes) server {
	return server{rate: rate, burst: 8 * float64(burst), free: math.Inf(-1)}
}

// serve takes bits and tells when the last of them leave: when all are sent, or, from a bucket, when those before its last packet do not
// overdraw it.
func (s *server) serve(now, bits, last float64) float64 {
	s.free = s.after(max(s.free, now), bits)
	if s.burst == 0 {
		return s.free
	}
	return max(s.up(now), s.before(s.free, s.burst+last))
}

// up is the first moment from a time on when it is not down.
func (s *server) up(from float64) float64 {
	if n := s.rate.find(from); s.rate.values[n] == 0 {
		return s.rate.ends[n]
	}
	return from
}

// after is when so many bits are sent, from a time on.
func (s *server) after(from, bits float64) float64 {
	for n := s.rate.find(from); bits > 0; n++ {
		rate, end := s.rate.values[n], s.rate.ends[n]
		if to := from + bits/rate; to <= end {
			return to
		}
		bits -= rate * (end - from)
		from = end
	}
	return from
}

// before is from when on so many bits are sent until a time; −Inf where that was never.
func (s *server) before(to, bits float64) float64 {
	for n := s.rate.find(to); bits > 0 && to < math.Inf(1); n-- {
		rate := s.rate.values[n]
		from := to - bits/rate
		if n == 0 || from >= s.rate.ends[n-1] {
			return from
		}
		bits -= rate * (to - s.rate.ends[n-1])
		to = s.rate.ends[n-1]
	}
	return to
}

// sending is the rate at which what leaves at a time was sent.
func (s *server) sending(at float64) float64 {
	n := s.rate.find(at)
	if s.rate.values[n] == 0 {
		n-- // it left when the link went down
	}
	return s.rate.values[n]
}

// spans calls f for every part of a time in which the rate is constant.
func (s *server) spans(from, to float64, f func(from, to, rate float64)) {
	for n := s.rate.find(from); from < to; n++ {
		end := min(to, s.rate.ends[n])
		f(from, end, s.rate.values[n])
		from = end
	}
}

// changes are the times at which the rate becomes another.
func (s *server) changes() []float64 { return s.rate.ends[:len(s.rate.ends)-1] }

// way delays what passes it and keeps it in order, also where the delay becomes shorter. A delay of [Forever] holds it until there is
// another.
type way struct {
	delay pieces
	last  float64
}

func newWay(delay Course[units.Virtual]) way {
	return way{newPieces(delay, func(d units.Virtual) float64 {
		if d == Forever {
			return math.Inf(1)
		}
		return d.Seconds()
	}), math.Inf(-1)}
}

// pass is when what comes at a time is through: +Inf is never.
func (w *way) pass(at float64) float64 {
	n := w.delay.find(at)
	for math.IsInf(w.delay.values[n], 1) && n < len(w.delay.values)-1 {
		at = w.delay.ends[n]
		n++
	}
	w.last = max(w.last, at+w.delay.values[n])
	return w.last
}
