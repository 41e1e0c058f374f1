package link

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/splitbed/splitbed/internal/units"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addBFIFO adds a queue of limit bytes. The library has no type for it: its TCA_OPTIONS are a struct tc_fifo_qopt
// (linux/pkt_sched.h), which is the limit alone, in bytes for bfifo.
func (s *space) addBFIFO(device string, parent, handle uint32, limit units.Bytes) error {
	options, err := bfifoOptions(limit)
	if err != nil {
		return err
	}
	return s.addQdisc(device, parent, handle, "bfifo", options)
}

// setBFIFO gives a queue another limit. What waits beyond it stays.
func (s *space) setBFIFO(device string, parent, handle uint32, limit units.Bytes) error {
	options, err := bfifoOptions(limit)
	if err != nil {
		return err
	}
	return s.modifyQdisc(0, device, parent, handle, "bfifo", options)
}

func bfifoOptions(limit units.Bytes) ([]byte, error) {
	if limit < 0 || limit > math.MaxUint32 {
		return nil, fmt.Errorf("a queue of %d bytes; the kernel takes up to %d", int64(limit), uint32(math.MaxUint32))
	}
	return binary.NativeEndian.AppendUint32(nil, uint32(limit)), nil
}

// bfifoLimit reads the options back.
func bfifoLimit(options []byte) (units.Bytes, error) {
	if len(options) < 4 {
		return 0, fmt.Errorf("bfifo options of %d bytes, want 4", len(options))
	}
	return units.Bytes(binary.NativeEndian.Uint32(options)), nil
}

// addQdisc adds a qdisc whose options are already in the kernel's form.
func (s *space) addQdisc(device string, parent, handle uint32, kind string, options []byte) error {
	return s.modifyQdisc(unix.NLM_F_CREATE|unix.NLM_F_EXCL, device, parent, handle, kind, options)
}

func (s *space) modifyQdisc(flags int, device string, parent, handle uint32, kind string, options []byte) error {
	req := s.request(unix.RTM_NEWQDISC, flags|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(s.index[device]), Handle: handle, Parent: parent})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)))
	if options != nil {
		req.AddData(nl.NewRtAttr(nl.TCA_OPTIONS, options))
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
