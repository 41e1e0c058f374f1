package replay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/units"
)

// EchoProbe asks an edge to send small datagrams to the cloud, which sends them back, and, if asked, to keep its
// uplink's queue full meanwhile. Times are wall nanoseconds.
type EchoProbe struct {
	// Count datagrams are sent, one every Interval.
	Count    int   `json:"count"`
	Interval int64 `json:"interval"`
	// Fill bytes are sent first, FillRate bytes a second or, where that is 0, as fast as the edge can; then Load bytes a
	// second. 0 sends none.
	Fill     units.Bytes `json:"fill,omitempty"`
	FillRate units.Bytes `json:"fill_rate,omitempty"`
	Load     units.Bytes `json:"load,omitempty"`
	// After is how long the queue is given to fill before the first echo.
	After int64 `json:"after,omitempty"`
	// Wait is how long an echo may take.
	Wait int64 `json:"wait"`
}

// EchoResult is what became of the datagrams of an EchoProbe.
type EchoResult struct {
	// Sent were sent, Arrived reached the cloud and Returned came back; one that was duplicated counts once. Arrived is Returned where
	// the cloud could not be asked.
	Sent     int `json:"sent"`
	Arrived  int `json:"arrived"`
	Returned int `json:"returned"`
	// RoundTrip is the time until those that returned had, Up until they were in the cloud (both ends share a clock).
	RoundTrip Quantiles `json:"round_trip"`
	Up        Quantiles `json:"up"`
}

// Quantiles of a span, in wall nanoseconds; all 0 where there was nothing to measure.
type Quantiles struct {
	P50 int64 `json:"p50_ns"`
	P95 int64 `json:"p95_ns"`
	P99 int64 `json:"p99_ns"`
	Max int64 `json:"max_ns"`
}

// QuantilesOf gives nearest-rank quantiles; it sorts spans.
func QuantilesOf(spans []int64) Quantiles {
	if len(spans) == 0 {
		return Quantiles{}
	}
	slices.Sort(spans)
	rank := func(percent int) int64 { return spans[(len(spans)*percent+99)/100-1] }
	return Quantiles{P50: rank(50), P95: rank(95), P99: rank(99), Max: spans[len(spans)-1]}
}

// echo measures round trips to the cloud.
func (e *edge) echo(ctx context.Context, p EchoProbe) (EchoResult, error) {
	if p.Count < 1 || p.Count > MostEchoes || p.Interval <= 0 || p.Wait <= 0 || p.Fill < 0 || p.FillRate < 0 || p.Load < 0 || p.After < 0 {
		return EchoResult{}, fmt.Errorf("an echo probe needs 1 to %d datagrams, an interval and a time to wait: %+v", MostEchoes, p)
	}
	to, err := socketAddress(e.setup.Address)
	if err != nil {
		return EchoResult{}, fmt.Errorf("echo probe: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var result EchoResult
	id := rand.Uint32()
	var group errgroup.Group
	if p.Load > 0 {
		group.Go(func() error { return clock.OnThread(func() error { return load(ctx, to, id, p) }) })
	}
	group.Go(func() error {
		defer cancel() // and with it the load
		return clock.OnRealTimeThread(func() (err error) { result, err = echoes(ctx, to, id, p); return err })
	})
	if err := group.Wait(); err != nil {
		return EchoResult{}, fmt.Errorf("echo probe: %w", err)
	}
	return result, nil
}

// loadTick is how often the load is made up for.
const loadTick = int64(time.Millisecond)

// loadTogether is how many packets of load are written at most at a time; 44 make the largest IP packet.
const loadTogether = 32

// loadDue is how many bytes of load are to be sent in the first seconds.
func (p EchoProbe) loadDue(seconds float64) int64 {
	if p.FillRate == 0 {
		return int64(p.Fill) + int64(float64(p.Load)*seconds)
	}
	filling := float64(p.Fill) / float64(p.FillRate)
	if seconds < filling {
		return int64(float64(p.FillRate) * seconds)
	}
	return int64(p.Fill) + int64(float64(p.Load)*(seconds-filling))
}

// load sends Fill bytes and then Load bytes a second, until ctx ends.
func load(ctx context.Context, to unix.Sockaddr, id uint32, p EchoProbe) error {
	fd, err := datagramSocket()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// Packets of one write are cut by the kernel, as late as it may: one by one they would cost more than fast links leave.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, maxDatagram); err != nil {
		return fmt.Errorf("send load: %w", err)
	}
	packets := make([]byte, loadTogether*maxDatagram)
	for at := 0; at < len(packets); at += maxDatagram {
		datagram{kind: loadDatagram, id: id}.put(packets[at:])
	}
	started := clock.Now()
	for sent := int64(0); ctx.Err() == nil; {
		now := clock.Now()
		due := p.loadDue(float64(now-started) / 1e9)
		if sent >= due {
			clock.SleepUntil(now + loadTick)
			continue
		}
		together := min(loadTogether, (due-sent+loadWireBytes-1)/loadWireBytes)
		switch err := unix.Sendto(fd, packets[:together*maxDatagram], 0, to); err {
		case nil:
			sent += together * loadWireBytes
		case unix.EAGAIN, unix.ENOBUFS:
			clock.SleepUntil(now + loadTick/10)
		case unix.EINTR, unix.ECONNREFUSED:
		default:
			return fmt.Errorf("send load: %w", err)
		}
	}
	return nil
}

// echoes sends the datagrams and takes them back, then asks the cloud how many it has seen.
func echoes(ctx context.Context, to unix.Sockaddr, id uint32, p EchoProbe) (EchoResult, error) {
	fd, err := datagramSocket()
	if err != nil {
		return EchoResult{}, err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, to); err != nil {
		return EchoResult{}, fmt.Errorf("connect a datagram socket: %w", err)
	}
	r := receiver{fd: fd, id: id, seen: make([]bool, p.Count)}
	var result EchoResult
	packet := make([]byte, datagramBytes)
	due := clock.Now() + p.After
	for ; result.Sent < p.Count; result.Sent++ {
		if err := r.until(ctx, due); err != nil {
			return result, err
		}
		datagram{kind: echoDatagram, id: id, number: uint32(result.Sent), sent: clock.Now()}.put(packet)
		if _, err := unix.Write(fd, packet); err != nil && err != unix.EAGAIN && err != unix.ENOBUFS && err != unix.ECONNREFUSED {
			return result, fmt.Errorf("send an echo: %w", err)
		}
		due = max(due+p.Interval, clock.Now())
	}
	last := clock.Now()
	if err := r.whileMissing(ctx, last+p.Wait, func() bool { return len(r.round) < p.Count }); err != nil {
		return result, err
	}
	result.Returned = len(r.round)
	result.RoundTrip, result.Up = QuantilesOf(r.round), QuantilesOf(r.up)
	// Everything that is to arrive has; the report itself may be lost, and so is asked for again.
	const askings = 20
	for range askings {
		datagram{kind: reportDatagram, id: id, sent: clock.Now()}.put(packet)
		if _, err := unix.Write(fd, packet); err != nil && err != unix.EAGAIN && err != unix.ENOBUFS && err != unix.ECONNREFUSED {
			return result, fmt.Errorf("ask for a report: %w", err)
		}
		if err := r.whileMissing(ctx, clock.Now()+p.Wait, func() bool { return !r.reported }); err != nil {
			return result, err
		}
		if r.reported {
			result.Arrived = r.arrived
			return result, nil
		}
	}
	// A host so busy, or a link so bad, fails the checks of what did come back: no reason to give up here.
	result.Arrived = result.Returned
	return result, nil
}

// receiver takes back what the cloud returns.
type receiver struct {
	fd        int
	id        uint32
	seen      []bool
	round, up []int64
	reported  bool
	arrived   int
}

// until takes back what comes before a time on the clock.
func (r *receiver) until(ctx context.Context, due int64) error {
	return r.whileMissing(ctx, due, func() bool { return true })
}

// whileMissing takes back what comes before a time on the clock, as long as something is missing.
func (r *receiver) whileMissing(ctx context.Context, due int64, missing func() bool) error {
	for missing() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		left := due - clock.Now()
		if left <= 0 {
			return nil
		}
		timeout := unix.NsecToTimespec(min(left, int64(100*time.Millisecond))) // so that ctx is looked at
		n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}, &timeout, nil)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("wait for an echo: %w", err)
		}
		if n > 0 {
			if err := r.take(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *receiver) take() error {
	var buffer [maxDatagram]byte
	for {
		n, err := unix.Read(r.fd, buffer[:])
		now := clock.Now()
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR || err == unix.ECONNREFUSED:
			continue
		case err != nil:
			return fmt.Errorf("take an echo back: %w", err)
		}
		d, ok := parseDatagram(buffer[:n])
		if !ok || d.id != r.id {
			continue
		}
		switch {
		case d.kind == reportDatagram:
			r.reported, r.arrived = true, int(d.number)
		case d.kind == echoDatagram && int(d.number) < len(r.seen) && !r.seen[d.number]:
			r.seen[d.number] = true
			r.round, r.up = append(r.round, now-d.sent), append(r.up, d.turned-d.sent)
		}
	}
}

// reflector is the cloud's end of echo probes. It belongs to the loop's thread.
type reflector struct {
	fds    []int
	probes map[reflected]*arrivals
}

// reflected is a probe as the cloud knows it: ids are drawn at random, and each edge has an address of its own.
type reflected struct {
	from [4]byte
	id   uint32
}

// arrivals counts the different echoes of a probe that have come.
type arrivals struct {
	seen  []uint64 // bits by number
	count uint32
}

// mostProbes bounds what a reflector remembers; when there are more it forgets all.
const mostProbes = 1000

func (a *arrivals) add(number uint32) {
	if number >= MostEchoes {
		return
	}
	word, bit := int(number/64), uint64(1)<<(number%64)
	for len(a.seen) <= word {
		a.seen = append(a.seen, 0)
	}
	if a.seen[word]&bit == 0 {
		a.seen[word] |= bit
		a.count++
	}
}

// startReflector answers datagrams to the addresses the cloud listens on, on the loop's thread.
func startReflector(l *loop, addresses []string) (*reflector, error) {
	r := &reflector{probes: map[reflected]*arrivals{}}
	for _, text := range addresses {
		address, err := socketAddress(text)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for datagrams: %w", err), r.close(l))
		}
		fd, err := datagramSocket()
		if err != nil {
			return nil, errors.Join(err, r.close(l))
		}
		r.fds = append(r.fds, fd)
		if err := unix.Bind(fd, address); err != nil {
			return nil, errors.Join(fmt.Errorf("listen for datagrams on %s: %w", text, err), r.close(l))
		}
		if err := l.call(func() error { return l.watch(fd, unix.EPOLLIN, func(uint32) { r.reflect(fd) }) }); err != nil {
			return nil, errors.Join(err, r.close(l))
		}
	}
	return r, nil
}

// datagramBurst bounds what is taken from one socket before the others get their turn.
const datagramBurst = 256

func (r *reflector) reflect(fd int) {
	var buffer [maxDatagram]byte
	for range datagramBurst {
		n, from, err := unix.Recvfrom(fd, buffer[:], 0)
		if err != nil {
			return // nothing waits, or an edge is gone: its probe will say so
		}
		peer, fromEdge := from.(*unix.SockaddrInet4)
		d, ok := parseDatagram(buffer[:n])
		if !ok || !fromEdge || d.kind == loadDatagram {
			continue
		}
		key := reflected{peer.Addr, d.id}
		a := r.probes[key]
		if a == nil {
			if len(r.probes) >= mostProbes {
				clear(r.probes)
			}
			a = &arrivals{}
			r.probes[key] = a
		}
		switch d.kind {
		case echoDatagram:
			a.add(d.number)
			d.turned = clock.Now()
		case reportDatagram:
			d.number = a.count
		default:
			continue
		}
		d.put(buffer[:])
		_ = unix.Sendto(fd, buffer[:datagramBytes], 0, from) // what cannot be sent is a datagram lost, which the probe counts
	}
}

func (r *reflector) close(l *loop) error {
	fds := r.fds
	r.fds = nil
	if len(fds) == 0 {
		return nil
	}
	return l.call(func() error {
		var errs []error
		for _, fd := range fds {
			l.forget(fd)
			errs = append(errs, unix.Close(fd))
		}
		return errors.Join(errs...)
	})
}
