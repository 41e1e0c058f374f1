package link

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/vishvananda/netlink/nl"
)

func TestNetemOptionsSayWhatWasPlanned(t *testing.T) {
	for name, c := range map[string]struct {
		delay shape.Delay
		want  netemSettings
	}{
		"a delay":                              {shape.Delay{Delay: 30 * time.Millisecond, Limit: 1234}, netemSettings{Delay: 30 * time.Millisecond, Limit: 1234}},
		"longer than ticks of 32 bits can say": {shape.Delay{Delay: 10 * time.Minute, Limit: 1}, netemSettings{Delay: 10 * time.Minute, Limit: 1}},
		"jitter, in order": {shape.Delay{Delay: time.Second, Jitter: 1500 * time.Nanosecond, Limit: 1},
			netemSettings{Delay: time.Second, Jitter: 1500 * time.Nanosecond, Limit: 1, Rate: 125e9}},
		"loss and duplicates": {shape.Delay{Loss: 0.25, Duplicate: 1, Limit: 1}, netemSettings{Loss: 1 << 30, Duplicate: math.MaxUint32, Limit: 1}},
		"reorder":             {shape.Delay{Delay: time.Second, Reorder: 0.5, Limit: 1}, netemSettings{Delay: time.Second, Reorder: 1 << 31, Gap: 1, Limit: 1}},
	} {
		got, err := parseNetem(netemOptions(c.delay))
		if err != nil || got != c.want {
			t.Errorf("%s: %s (%v)", name, cmp.Diff(c.want, got), err)
		}
	}
}

func TestJitterBringsItsDistribution(t *testing.T) {
	tables := func(d shape.Delay) (sizes []int) {
		err := eachAttr(netemOptions(d)[nl.SizeofTcNetemQopt:], func(kind uint16, value []byte) error {
			if kind == nl.TCA_NETEM_DELAY_DIST {
				sizes = append(sizes, len(value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return sizes
	}
	if got := tables(shape.Delay{Delay: 1, Jitter: 1}); !cmp.Equal(got, []int{2 * len(shape.Normal())}) {
		t.Errorf("tables of %v bytes, want one of %d", got, 2*len(shape.Normal()))
	}
	if got := tables(shape.Delay{Delay: 1}); len(got) > 0 {
		t.Errorf("a constant delay has tables of %v bytes", got)
	}
}

func TestADumpedQdiscIsRead(t *testing.T) {
	stats := nl.NewRtAttr(nl.TCA_STATS2, nil)
	basic := binary.NativeEndian.AppendUint64(nil, 5_000_000_000) // more than 32 bits hold
	basic = binary.NativeEndian.AppendUint32(basic, 3_300_000)
	stats.AddRtAttr(nl.TCA_STATS_BASIC, append(basic, 0, 0, 0, 0))
	var queue []byte
	for _, v := range []uint32{7, 10_598, 42, 1, 2} { // packets, bytes, drops, requeues, overlimits
		queue = binary.NativeEndian.AppendUint32(queue, v)
	}
	stats.AddRtAttr(nl.TCA_STATS_QUEUE, queue)
	msg := (&nl.TcMsg{Ifindex: 9, Handle: queueHandle, Parent: classHandle}).Serialize()
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bfifo")),
		nl.NewRtAttr(nl.TCA_OPTIONS, binary.NativeEndian.AppendUint32(nil, 62_500)),
		stats,
	} {
		msg = append(msg, a.Serialize()...)
	}
	q, err := parseQdisc(msg)
	if err != nil {
		t.Fatal(err)
	}
	if q.index != 9 || q.handle != queueHandle || q.parent != classHandle || q.kind != "bfifo" {
		t.Errorf("got %+v", q)
	}
	if limit, err := bfifoLimit(q.options); limit != 62_500 || err != nil {
		t.Errorf("limit is %d (%v), want 62500", limit, err)
	}
	if want := (Counter{Bytes: 5_000_000_000, Packets: 3_300_000, Drops: 42, Backlog: 10_598}); q.counter != want {
		t.Errorf("counter is %+v, want %+v", q.counter, want)
	}
}

func FuzzParseQdisc(f *testing.F) {
	f.Add(append((&nl.TcMsg{}).Serialize(), nl.NewRtAttr(nl.TCA_STATS2, make([]byte, 12)).Serialize()...))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, msg []byte) {
		q, err := parseQdisc(msg)
		if err == nil && len(q.kind)+len(q.options) > len(msg) {
			t.Errorf("%d bytes of kind and options in a message of %d", len(q.kind)+len(q.options), len(msg))
		}
	})
}

func TestMACsAreReadAsTheyAreWritten(t *testing.T) {
	want := MAC{2, 0x5b, 1, 0, 0xa, 0xff}
	text, err := want.MarshalText()
	if err != nil || string(text) != "02:5b:01:00:0a:ff" {
		t.Errorf("written as %s (%v)", text, err)
	}
	var got MAC
	if err := got.UnmarshalText(text); err != nil || got != want {
		t.Errorf("read back as %s (%v), want %s", got, err, want)
	}
	for _, bad := range []string{"", "02:5b", "00:00:00:00:fe:80:00:00", "x"} {
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %s", bad, got)
		}
	}
}

func TestAMismatchNamesEverything(t *testing.T) {
	err := &MismatchError{[]Difference{{"gw-a.uplink", "HTB rate (bytes/s)", "1250000", "2500000"}, {"gw-b/eth0", "state", "up", "down"}}}
	for _, want := range []string{"gw-a.uplink: HTB rate (bytes/s) is 2500000, planned 1250000", "gw-b/eth0: state is down, planned up"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}
