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
	if limit < 0 || limit > math.MaxUint32 {
		return fmt.Errorf("a queue of %d bytes; the kernel takes up to %d", int64(limit), uint32(math.MaxUint32))
	}
	return s.addQdisc(device, parent, handle, "bfifo", binary.NativeEndian.AppendUint32(nil, uint32(limit)))
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
	req := s.request(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(s.index[device]), Handle: handle, Parent: parent})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)))
	req.AddData(nl.NewRtAttr(nl.TCA_OPTIONS, options))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
