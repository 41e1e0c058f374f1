package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/splitbed/splitbed/emulator/capture"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Capture is a link whose packets are to be captured.
type Capture struct {
	Link string `yaml:"link" json:"link"` // "gw-a.uplink"
	// Snaplen is how much of each packet is kept, Limit how large the file may get.
	Snaplen units.Bytes `yaml:"snaplen" json:"snaplen"`
	Limit   units.Bytes `yaml:"limit" json:"limit"`
}

// NewCapture is the capture of a link with what a file leaves out: the headers of every packet, and 100 MB of them.
func NewCapture(link string) Capture { return Capture{Link: link, Snaplen: 96, Limit: 100e6} }

// UnmarshalSpec reads the name of a link, or a mapping.
func (k *Capture) UnmarshalSpec(c spec.Cursor) error {
	if link, ok := c.Scalar(); ok {
		*k = NewCapture(link)
		return nil
	}
	type plain Capture
	p := plain(NewCapture(""))
	if err := c.Decode(&p); err != nil {
		return err
	}
	*k = Capture(p)
	return nil
}

// checkCaptures refuses captures that cannot be made on the links of an expanded topology.
func checkCaptures(c spec.Cursor, captures []Capture, links []string) error {
	seen := map[string]bool{}
	for i, k := range captures {
		at := c.Index(i)
		if err := k.validate(at); err != nil {
			return err
		}
		if err := at.OneOf(links, k.Link, "there is no link"); err != nil {
			return err
		}
		if seen[k.Link] {
			return at.Errorf("", "%q is already captured", k.Link)
		}
		seen[k.Link] = true
	}
	return nil
}

func (k Capture) validate(c spec.Cursor) error {
	const shortest, longest, least = units.Bytes(64), units.Bytes(65535), units.Bytes(1000)
	switch {
	case k.Snaplen < shortest || k.Snaplen > longest:
		return c.Field("snaplen").Errorf(fmt.Sprintf("%v to %v", shortest, longest), "%v of each packet cannot be kept", k.Snaplen)
	case k.Limit < least:
		return c.Field("limit").Errorf(fmt.Sprintf("at least %v", least), "%v hold no packets", k.Limit)
	}
	return nil
}

// captureDir holds a run's captures.
const captureDir = "capture"

// startCaptures captures links, as the experiment asks, until the returned function is called. The replay has begun: packets are those
// of the window and after it, and their times virtual, from its start.
func (t *testbed) startCaptures(ctx context.Context) (stop func() error, err error) {
	asked := t.plan.Experiment.Emulation.Capture
	if len(asked) == 0 {
		return func() error { return nil }, nil
	}
	dir := t.dir.file(captureDir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	stop = func() error {
		cancel()
		return group.Wait()
	}
	for _, k := range asked {
		l, ok := t.plan.Network.Link(k.Link)
		if !ok {
			return nil, errors.Join(fmt.Errorf("the plan has no link %s", k.Link), stop())
		}
		c, err := capture.Open(capture.Spec{
			Namespace: netns.Path(l.At.Namespace), Device: l.At.Device, Path: filepath.Join(dir, k.Link+".pcap"),
			Snaplen: int(k.Snaplen), Limit: int64(k.Limit), Time: func(at int64) int64 { return int64(t.timeline.virtual(at)) },
		})
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		group.Go(func() error {
			got, err := c.Run(ctx)
			detail := []string{fmt.Sprintf("%d packets", got.Packets)}
			if got.Dropped > 0 {
				detail = append(detail, fmt.Sprintf("%d more were dropped by the kernel before they could be read", got.Dropped))
			}
			if got.Full {
				detail = append(detail, fmt.Sprintf("ended at its limit of %v; later packets are not in it", k.Limit))
			}
			return errors.Join(err, t.dir.event(event{Event: "capture", Subject: k.Link, Detail: strings.Join(detail, "; ")}))
		})
	}
	return stop, nil
}
