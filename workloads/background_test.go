package workloads

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/pcap"
	"github.com/splitbed/splitbed/internal/units"
)

func traceFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPacketsOfATrace(t *testing.T) {
	var capture bytes.Buffer
	w, err := pcap.NewWriter(&capture, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		at     int64
		length int
	}{{5_000_000_000, 1514}, {5_250_000_000, 3100}, {4_900_000_000, 60}} {
		if err := w.Write(p.at, make([]byte, 60), p.length); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	const ms = units.Virtual(1e6)
	want := []Send{{0, 60}, {100 * ms, 1514}, {350 * ms, 1514}, {350 * ms, 1514}, {350 * ms, 72}}
	for name, content := range map[string][]byte{
		"a.pcap": capture.Bytes(),
		"a.csv":  []byte("seconds,bytes\n0, 60\n0.1,1514\n\n0.35,3100\n"),
	} {
		got, err := readPackets(traceFile(t, name, content))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestUnreadableTracesAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"nothing":         {nil, "has no packets"},
		"a heading only":  {[]byte("seconds,bytes\n"), "has no packets"},
		"one column":      {[]byte("0.1\n"), "line 1"},
		"not a time":      {[]byte("0.1,60\nNaN,60\n"), "line 2"},
		"no bytes":        {[]byte("0.1,0\n"), "line 1"},
		"a long line":     {bytes.Repeat([]byte("x"), 1<<20), "no capture"},
		"a broken pcap":   {[]byte("\xd4\xc3\xb2\xa1\x02\x00"), "not a capture file"},
		"a gzipped trace": {[]byte("\x1f\x8b\x08\x00"), "line 1"},
		"far too many":    {bytes.Repeat([]byte("1,1000000000\n"), 3), "more than 1000000 packets"},
	} {
		_, err := readPackets(traceFile(t, "trace", test.content))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, err := readPackets(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte("seconds,bytes\n0, 60\n0.1,1514\n\n0.35,3100\n"))
	f.Add([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x01\x00\x00\x00" +
		"\x05\x00\x00\x00\x07\x00\x00\x00\x02\x00\x00\x00\xea\x05\x00\x00ab"))
	f.Fuzz(func(t *testing.T, text []byte) {
		packets, err := recordedPackets(bytes.NewReader(text))
		if err != nil {
			return
		}
		for i, p := range packets {
			if i > 0 && p.At < packets[i-1].At {
				t.Fatalf("packet %d is at %v, after one at %v", i, p.At, packets[i-1].At)
			}
			if p.At < 0 || p.Bytes < 1 || p.Bytes > maxPacket {
				t.Fatalf("a packet of %v at %v", p.Bytes, p.At)
			}
		}
	})
}

// TestWebTransfersAreAPoissonProcess holds count and mean size of many transfers against what was asked for.
func TestWebTransfersAreAPoissonProcess(t *testing.T) {
	web := Traffic{Kind: Web, Transfers: 50, Size: webSizes()}
	const life = units.Virtual(200e9)
	sends := web.Sends(life, rand.New(rand.NewPCG(1, 2)))
	if n, want := float64(len(sends)), 50*200.0; math.Abs(n-want) > 4*math.Sqrt(want) {
		t.Errorf("%v transfers, want %v within four deviations", n, want)
	}
	// The gaps of a Poisson process vary as much as they are long.
	var sum, squares, small float64
	last := units.Virtual(0)
	for _, s := range sends {
		gap := (s.At - last).Seconds()
		sum, squares, last = sum+gap, squares+gap*gap, s.At
		if s.Bytes < 30e3 {
			small++
		}
		if s.At < 0 || s.At >= life || s.Bytes < 1e3 || s.Bytes > 10e6 {
			t.Fatalf("a transfer %+v", s)
		}
	}
	n := float64(len(sends))
	if cv := math.Sqrt(squares/n-sum*sum/n/n) / (sum / n); math.Abs(cv-1) > 0.05 {
		t.Errorf("gaps vary by %.3f of their mean, want 1", cv)
	}
	if part := small / n; math.Abs(part-0.5) > 0.03 {
		t.Errorf("%.3f of the transfers are below the median", part)
	}
	again := web.Sends(life, rand.New(rand.NewPCG(1, 2)))
	if diff := cmp.Diff(sends, again); diff != "" {
		t.Error("the same seed gave other transfers")
	}
}
