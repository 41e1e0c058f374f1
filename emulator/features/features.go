package features

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNotSupported says that the running kernel lacks a feature.
var ErrNotSupported = errors.New("not supported by this kernel")

// Netem probes sch_netem, which delays and loses packets.
func Netem() error {
	return tryQdisc("netem", "load or install the module sch_netem; Debian's and Ubuntu's kernels have it", func(a netlink.QdiscAttrs) netlink.Qdisc {
		return netlink.NewNetem(a, netlink.NetemQdiscAttrs{Latency: 1000})
	})
}

// HTB probes sch_htb, which gives a link its rate.
func HTB() error {
	return tryQdisc("htb", "load or install the module sch_htb", func(a netlink.QdiscAttrs) netlink.Qdisc {
		return netlink.NewHtb(a)
	})
}

// U32 probes cls_u32, which finds the classes of packets where tasks reserve parts of a link.
func U32() error {
	return inNewNetNS(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		root := netlink.MakeHandle(1, 0)
		if err := netlink.QdiscAdd(netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: lo.Attrs().Index, Handle: root, Parent: netlink.HANDLE_ROOT})); err != nil {
			return explain("htb", "load or install the module sch_htb", err)
		}
		filter := &netlink.U32{ClassId: root | 1, FilterAttrs: netlink.FilterAttrs{
			LinkIndex: lo.Attrs().Index, Parent: root, Priority: 1, Protocol: unix.ETH_P_IP}}
		return explain("cls_u32", "load or install the module cls_u32; without it links can be shared but not reserved", netlink.FilterAdd(filter))
	})
}

// Veth probes pairs of virtual Ethernet devices.
func Veth() error {
	return inNewNetNS(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "probe0"
		err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "probe1", PeerTxQLen: -1})
		return explain("veth", "load or install the module veth", err)
	})
}

// Tun probes TUN devices, which a delay line in user space needs.
func Tun() error {
	return inNewNetNS(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return explain("tun", "load or install the module tun", err)
		}
		defer unix.Close(fd)
		req, err := unix.NewIfreq("probe0")
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		return explain("tun", "load or install the module tun", unix.IoctlIfreq(fd, unix.TUNSETIFF, req))
	})
}

// RTOMin probes the sysctl tcp_rto_min_us (Linux 6.11). Without it a route's locked rto_min does the same.
func RTOMin() error {
	return inNewNetNS(func() error {
		err := os.WriteFile("/proc/sys/net/ipv4/tcp_rto_min_us", []byte("400000"), 0)
		return explain("tcp_rto_min_us", "Linux 6.11 has it", err)
	})
}

// tryQdisc puts a qdisc on the loopback device of a new namespace.
func tryQdisc(name, remedy string, make func(netlink.QdiscAttrs) netlink.Qdisc) error {
	return inNewNetNS(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		q := make(netlink.QdiscAttrs{LinkIndex: lo.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})
		return explain(name, remedy, netlink.QdiscAdd(q))
	})
}

// inNewNetNS runs a function in an unnamed network namespace, on a thread that ends with it.
func inNewNetNS(try func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make a network namespace to probe in: %w", err)
			return
		}
		done <- try()
	}()
	return <-done
}

// explain tells a missing feature from a probe that failed.
func explain(name, remedy string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%s is %w (%w); %s", name, ErrNotSupported, err, remedy)
	default:
		return fmt.Errorf("probe %s: %w", name, err)
	}
}
