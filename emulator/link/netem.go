package link

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The library's netem counts in ticks of a 32-bit microsecond, has no table of a distribution and cannot hold delays beyond
// 275 s. So the options are written here, as iproute2 writes them (tc/q_netem.c): a struct tc_netem_qopt, then
// attributes, of which these two are the delays in nanoseconds.
const (
	attrLatency64 = 10 // TCA_NETEM_LATENCY64
	attrJitter64  = 11 // TCA_NETEM_JITTER64
)

// setNetem puts a delay on a device, or changes the one that is there.
func (s *space) setNetem(device string, d shape.Delay) error {
	return s.modifyQdisc(unix.NLM_F_CREATE, device, netlink.HANDLE_ROOT, rootHandle, "netem", netemOptions(d))
}

// netemOptions is a delay as the kernel takes it.
func netemOptions(d shape.Delay) []byte {
	qopt := nl.TcNetemQopt{Limit: d.Limit, Loss: shape.ProbabilityBits(d.Loss), Duplicate: shape.ProbabilityBits(d.Duplicate)}
	if d.Reorder > 0 {
		qopt.Gap = 1 // every packet may be picked, each with the chance that follows
	}
	options := bytes.Clone(qopt.Serialize())
	add := func(kind int, value []byte) { options = append(options, nl.NewRtAttr(kind, value).Serialize()...) }
	add(attrLatency64, binary.NativeEndian.AppendUint64(nil, uint64(d.Delay)))
	if d.Jitter > 0 {
		add(attrJitter64, binary.NativeEndian.AppendUint64(nil, uint64(d.Jitter)))
		add(nl.TCA_NETEM_DELAY_DIST, distribution(shape.Normal()))
	}
	if d.Reorder > 0 {
		add(nl.TCA_NETEM_REORDER, (&nl.TcNetemReorder{Probability: shape.ProbabilityBits(d.Reorder)}).Serialize())
	}
	// Said also where it is none: what is not said does not change.
	rate := d.OrderRate()
	add(nl.TCA_NETEM_RATE64, binary.NativeEndian.AppendUint64(nil, rate))
	add(nl.TCA_NETEM_RATE, (&nl.TcNetemRate{Rate: uint32(min(rate, math.MaxUint32))}).Serialize())
	return options
}

func distribution(table []int16) []byte {
	var b []byte
	for _, v := range table {
		b = binary.NativeEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// netemSettings are the options that netem dumps; the table of the distribution is not among them.
type netemSettings struct {
	Delay, Jitter                 time.Duration
	Loss, Duplicate, Reorder, Gap uint32
	Limit                         uint32
	Rate                          uint64
}

// wantNetem is what the kernel must dump for a delay.
func wantNetem(d shape.Delay) (netemSettings, error) { return parseNetem(netemOptions(d)) }

// parseNetem reads netem's options, from a dump or from what netemOptions wrote.
func parseNetem(options []byte) (netemSettings, error) {
	var n netemSettings
	if len(options) < nl.SizeofTcNetemQopt {
		return n, fmt.Errorf("netem options of %d bytes, want at least %d", len(options), nl.SizeofTcNetemQopt)
	}
	qopt := nl.DeserializeTcNetemQopt(options)
	n.Loss, n.Duplicate, n.Gap, n.Limit = qopt.Loss, qopt.Duplicate, qopt.Gap, qopt.Limit
	var rate32, rate64 uint64
	err := eachAttr(options[nl.SizeofTcNetemQopt:], func(kind uint16, value []byte) error {
		switch {
		case kind == attrLatency64 && len(value) >= 8:
			n.Delay = time.Duration(binary.NativeEndian.Uint64(value))
		case kind == attrJitter64 && len(value) >= 8:
			n.Jitter = time.Duration(binary.NativeEndian.Uint64(value))
		case kind == nl.TCA_NETEM_REORDER && len(value) >= 4:
			n.Reorder = binary.NativeEndian.Uint32(value)
		case kind == nl.TCA_NETEM_RATE && len(value) >= 4:
			rate32 = uint64(binary.NativeEndian.Uint32(value))
		case kind == nl.TCA_NETEM_RATE64 && len(value) >= 8:
			rate64 = binary.NativeEndian.Uint64(value)
		}
		return nil
	})
	n.Rate = max(rate32, rate64)
	return n, err
}
