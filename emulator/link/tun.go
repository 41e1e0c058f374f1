package link

import (
	"errors"
	"fmt"
	"os"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addTun makes a TUN device and returns its other end. The device goes with the last descriptor of that.
//
// A packet keeps its struct virtio_net_hdr on the way through: the kernel does not compute checksums it need not, and hands over
// segments of one packet at once where the device may carry them so (GSOSegments).
func (s *space) addTun(t Tun) (file *os.File, err error) {
	err = s.file.Do(func(ns.NetNS) error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("/dev/net/tun: %w", err)
		}
		req, err := unix.NewIfreq(t.Device)
		if err == nil {
			req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
		}
		if err == nil {
			err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4)
		}
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		file = os.NewFile(uintptr(fd), t.String())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make the TUN device %s: %w", t.Place, err)
	}
	return file, nil
}

// bringUpTun gives a device its queue before it is up, since then nothing can be lost in one that is too short.
func (s *space) bringUpTun(t Tun) error {
	device := s.device(t.Device)
	if err := s.handle.LinkSetTxQLen(device, t.Queue); err != nil {
		return fmt.Errorf("a queue of %d packets: %w", t.Queue, err)
	}
	if err := s.handle.LinkSetMTU(device, int(shape.MTU)); err != nil {
		return fmt.Errorf("MTU: %w", err)
	}
	return s.bringUp(End{Device: t.Device, GSOSegments: t.GSOSegments})
}

func compareTun(t Tun, live *netlink.LinkAttrs, report func(Difference)) {
	compareDevice(End{Namespace: t.Namespace, Device: t.Device, GSOSegments: t.GSOSegments}, live, nil, report)
	if live != nil {
		differ(report, t.String(), "queue (packets)", t.Queue, live.TxQLen)
	}
}
