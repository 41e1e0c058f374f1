package link

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// qdisc is one qdisc of a dump. Options and kind point into the message and are valid while it is.
type qdisc struct {
	index          int
	handle, parent uint32
	kind           string
	options        []byte
	counter        Counter
}

// eachQdisc dumps the qdiscs of all devices of the namespace. It stands beside the library's QdiscList because that
// knows no bfifo and takes twenty times as long, and counters are read all the time.
func (s *space) eachQdisc(visit func(qdisc) error) error {
	req := s.request(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL})
	var failed error
	err := req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWQDISC, func(msg []byte) bool {
		q, err := parseQdisc(msg)
		if err == nil {
			err = visit(q)
		}
		failed = err
		return err == nil
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil // a device came or went elsewhere in the namespace; what was read is right
	}
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("%s: list qdiscs: %w", s.Name, err)
	}
	return nil
}

// parseQdisc reads an RTM_NEWQDISC message: a struct tcmsg and attributes (linux/rtnetlink.h).
func parseQdisc(msg []byte) (qdisc, error) {
	if len(msg) < nl.SizeofTcMsg {
		return qdisc{}, fmt.Errorf("qdisc message of %d bytes, want at least %d", len(msg), nl.SizeofTcMsg)
	}
	tc := nl.DeserializeTcMsg(msg)
	q := qdisc{index: int(tc.Ifindex), handle: tc.Handle, parent: tc.Parent}
	err := eachAttr(msg[nl.SizeofTcMsg:], func(kind uint16, value []byte) error {
		switch kind {
		case nl.TCA_KIND:
			q.kind = unix.ByteSliceToString(value)
		case nl.TCA_OPTIONS:
			q.options = value
		case nl.TCA_STATS2:
			return q.counter.parse(value)
		}
		return nil
	})
	return q, err
}

// parse reads nested statistics (linux/gen_stats.h): struct gnet_stats_basic is bytes (64) and packets (32), struct
// gnet_stats_queue is qlen, backlog, drops and two more (32 each).
func (c *Counter) parse(stats []byte) error {
	return eachAttr(stats, func(kind uint16, value []byte) error {
		switch {
		case kind == nl.TCA_STATS_BASIC && len(value) >= 12:
			c.Bytes = int64(binary.NativeEndian.Uint64(value))
			c.Packets = int64(binary.NativeEndian.Uint32(value[8:]))
		case kind == nl.TCA_STATS_QUEUE && len(value) >= 12:
			c.Backlog = int64(binary.NativeEndian.Uint32(value[4:]))
			c.Drops = int64(binary.NativeEndian.Uint32(value[8:]))
		}
		return nil
	})
}

// eachAttr visits netlink attributes: length and kind (16 bits each), the value, padding to 4 bytes.
func eachAttr(b []byte, visit func(kind uint16, value []byte) error) error {
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return fmt.Errorf("netlink attribute of %d bytes in a message with %d left", size, len(b))
		}
		if err := visit(binary.NativeEndian.Uint16(b[2:])&nl.NLA_TYPE_MASK, b[unix.SizeofRtAttr:size]); err != nil {
			return err
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}
