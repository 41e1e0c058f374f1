package link

import (
	"errors"
	"fmt"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// space is a namespace of the network with netlink sockets open in it. They, and so its methods, may be used
// concurrently.
type space struct {
	Namespace
	file   ns.NetNS
	handle *netlink.Handle
	// raw serves the requests that the library has no types for.
	raw map[int]*nl.SocketHandle
	// index finds the devices of the network; complete once all pairs are made.
	index map[string]int
	// lacksMinRTO is set where the kernel has no sysctl for it, so that routes carry it.
	lacksMinRTO bool
}

// replyTimeout bounds the wait for the kernel's answer, which comes at once unless something is broken.
const replyTimeout = 10 * time.Second

func openSpace(n Namespace, path string) (*space, error) {
	file, err := ns.GetNS(path)
	if err != nil {
		return nil, fmt.Errorf("network namespace of %s: %w", n.Name, err)
	}
	s := &space{Namespace: n, file: file, index: map[string]int{}}
	if err := s.openSockets(); err != nil {
		return nil, errors.Join(fmt.Errorf("netlink in the network namespace of %s: %w", n.Name, err), s.close())
	}
	return s, nil
}

func (s *space) openSockets() error {
	var err error
	at := netns.NsHandle(s.file.Fd())
	if s.handle, err = netlink.NewHandleAt(at, unix.NETLINK_ROUTE); err != nil {
		return err
	}
	if err := s.handle.SetSocketTimeout(replyTimeout); err != nil {
		return err
	}
	socket, err := nl.GetNetlinkSocketAt(at, netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	s.raw = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	timeout := unix.NsecToTimeval(replyTimeout.Nanoseconds())
	return errors.Join(socket.SetSendTimeout(&timeout), socket.SetReceiveTimeout(&timeout), socket.SetExtAck(true))
}

// request makes a request that is answered on the raw socket.
func (s *space) request(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = s.raw
	return req
}

func (s *space) close() error {
	if s.handle != nil {
		s.handle.Close()
	}
	for _, socket := range s.raw {
		socket.Close()
	}
	return s.file.Close()
}

// learnDevices looks up the devices of the namespace.
func (s *space) learnDevices() error {
	links, err := s.handle.LinkList()
	if err != nil {
		return fmt.Errorf("%s: list devices: %w", s.Name, err)
	}
	for _, l := range links {
		s.index[l.Attrs().Name] = l.Attrs().Index
	}
	return nil
}

// device is a link the library's calls can be made with.
func (s *space) device(name string) netlink.Link {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Index = name, s.index[name]
	return &netlink.Veth{LinkAttrs: attrs}
}
