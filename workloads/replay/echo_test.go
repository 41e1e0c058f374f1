package replay

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEchoesComeBackAndAreCounted(t *testing.T) {
	b := newBed(t, 1)
	b.setup(nil, nil, nil)
	for name, p := range map[string]EchoProbe{
		"idle":   {Count: 30, Interval: int64(time.Millisecond), Wait: int64(time.Second)},
		"loaded": {Count: 30, Interval: int64(time.Millisecond), Wait: int64(time.Second), Fill: 100e3, Load: 1e6},
	} {
		r, err := b.edges[0].Echo(b.ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		if r.Sent != p.Count || r.Arrived != p.Count || r.Returned != p.Count {
			t.Errorf("%s: of %d echoes %d were sent, %d arrived and %d returned over loopback", name, p.Count, r.Sent, r.Arrived, r.Returned)
		}
		for what, q := range map[string]Quantiles{"round trip": r.RoundTrip, "way up": r.Up} {
			if q.P50 <= 0 || q.P95 < q.P50 || q.P99 < q.P95 || q.Max < q.P99 {
				t.Errorf("%s: quantiles of the %s: %+v", name, what, q)
			}
		}
		if r.Up.P50 > r.RoundTrip.P50 {
			t.Errorf("%s: the way up takes %d ns, up and down %d ns", name, r.Up.P50, r.RoundTrip.P50)
		}
	}
	for _, p := range []EchoProbe{{}, {Count: 1, Interval: 1}, {Count: MostEchoes + 1, Interval: 1, Wait: 1}, {Count: 1, Interval: 1, Wait: 1, Load: -1}} {
		// A wrong order ends the node, so each has its own.
		b := newBed(t, 1)
		b.setup(nil, nil, nil)
		if _, err := b.edges[0].Echo(b.ctx, p); err == nil {
			t.Errorf("%+v: no error", p)
		}
	}
}

func TestADownlinkIsProbedByTheEdge(t *testing.T) {
	b := newBed(t, 1)
	b.setup(nil, nil, nil)
	r, err := b.edges[0].Probe(b.ctx, Probe{Duration: int64(200 * time.Millisecond), Skip: 10e3, Down: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Bytes <= 0 || r.Nanoseconds <= 0 || r.Bytes > r.Total-10e3 {
		t.Errorf("a probe of the downlink over loopback found %+v", r)
	}
}

// TestProbesTakeTheConnectionsThatWereMadeForThem counts the connections that stand: a probe that made one of its own would leave those.
func TestProbesTakeTheConnectionsThatWereMadeForThem(t *testing.T) {
	b := newBed(t, 1)
	b.setup(nil, nil, func(s *Setup) {
		if s.Role == Edge {
			s.Probes = 2
		}
	})
	stand := func() int { return established(t, b.address) }
	if n := stand(); n != 2 {
		t.Errorf("%d connections stand before the first probe, want 2", n)
	}
	for n, p := range []Probe{{Duration: int64(50 * time.Millisecond)}, {Duration: int64(50 * time.Millisecond), Down: true}, {Duration: int64(50 * time.Millisecond)}} {
		if _, err := b.edges[0].Probe(b.ctx, p); err != nil {
			t.Fatal(err)
		}
		if got, want := stand(), max(0, 1-n); got != want {
			t.Errorf("%d connections stand after probe %d, want %d", got, n, want)
		}
	}
	b.expectNoFaults()
}

// established counts the connections of this host to an address.
func established(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(table)) {
		// proc_net_tcp(5): number, local and remote address in hexadecimal, state (01: established).
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", number)) && f[3] == "01" {
			n++
		}
	}
	return n
}

func TestAnEchoThatComesTwiceCountsOnce(t *testing.T) {
	var a arrivals
	for _, number := range []uint32{0, 1, 1, 63, 64, 64, MostEchoes - 1, MostEchoes, 1 << 31} {
		a.add(number)
	}
	if a.count != 5 {
		t.Errorf("%d different echoes, want 5", a.count)
	}
}

func TestParseDatagramTakesWhatWasPutAndNothingElse(t *testing.T) {
	d := datagram{kind: echoDatagram, id: 7, number: 9, sent: 1 << 40, turned: -3}
	var b [datagramBytes]byte
	d.put(b[:])
	if got, ok := parseDatagram(b[:]); !ok || got != d {
		t.Errorf("%+v became %+v, %v", d, got, ok)
	}
	if _, ok := parseDatagram(b[:datagramBytes-1]); ok {
		t.Error("a datagram that is too short was taken")
	}
	b[0]++
	if _, ok := parseDatagram(b[:]); ok {
		t.Error("a datagram of somebody else's was taken")
	}
}

// TestTheReflectorSendsNothingBackForLoad keeps a flood from doubling, and strangers from being answered.
func TestTheReflectorSendsNothingBackForLoad(t *testing.T) {
	b := newBed(t, 1)
	b.setup(nil, nil, nil)
	fd, err := datagramSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to, err := socketAddress(b.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []datagram{{kind: loadDatagram}, {kind: 99}, {kind: echoDatagram, number: 1}} {
		var packet [datagramBytes]byte
		d.put(packet[:])
		if err := unix.Sendto(fd, packet[:], 0, to); err != nil {
			t.Fatal(err)
		}
	}
	// Datagrams over loopback keep their order, so what was answered before the echo is here when the echo is.
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000); n != 1 || err != nil {
		t.Fatalf("no echo came back: %v", err)
	}
	var back [datagramBytes]byte
	n, err := unix.Read(fd, back[:])
	if d, ok := parseDatagram(back[:n]); err != nil || !ok || d.kind != echoDatagram {
		t.Errorf("the first answer is %+v (%v, %v), want the echo", d, ok, err)
	}
	if n, _ := unix.Read(fd, back[:]); n > 0 {
		t.Error("something else than the echo was answered")
	}
}

func TestLoadIsSentAtItsRates(t *testing.T) {
	for name, c := range map[string]struct {
		probe   EchoProbe
		seconds float64
		due     int64
	}{
		"at once, then by rate":     {EchoProbe{Fill: 1000, Load: 500}, 2, 2000},
		"while it fills":            {EchoProbe{Fill: 1000, FillRate: 100, Load: 50}, 4, 400},
		"just filled":               {EchoProbe{Fill: 1000, FillRate: 100, Load: 50}, 10, 1000},
		"after it has filled":       {EchoProbe{Fill: 1000, FillRate: 100, Load: 50}, 14, 1200},
		"nothing before it started": {EchoProbe{Fill: 1000, FillRate: 100, Load: 50}, 0, 0},
	} {
		if got := c.probe.loadDue(c.seconds); got != c.due {
			t.Errorf("%s: %d bytes are due after %g s, want %d", name, got, c.seconds, c.due)
		}
	}
}
