package link

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/features"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
)

// Option changes how a network is built.
type Option func(*Live)

// WithDelayLine says which program a network runs that delays packets in user space.
func WithDelayLine(c delayline.Command) Option { return func(l *Live) { l.command = c } }

// HoldDelays leaves packets neither delayed nor lost until [Live.Engage]: connections can be made before that.
func HoldDelays() Option { return func(l *Live) { l.held = true } }

// supported tells whether the kernel can do what the network asks.
func supported(network Network) error {
	if slices.ContainsFunc(network.Links, func(l Link) bool { return l.Rest != nil }) {
		if err := features.U32(); err != nil {
			return fmt.Errorf("reserved parts of links: %w", err)
		}
	}
	netem, tun := false, false
	for _, k := range network.Links {
		var err error
		switch {
		case k.Delay == nil:
		case k.inUserSpace() && !tun:
			tun, err = true, features.Tun()
		case !k.inUserSpace() && !netem:
			netem, err = true, features.Netem()
		}
		if err != nil {
			return fmt.Errorf("%s asks for delay, jitter or loss: %w", k.Name, err)
		}
	}
	return nil
}

// startLine makes the devices of the delay line and starts it.
func (l *Live) startLine(ctx context.Context, journal object.Journal) (err error) {
	if len(l.net.Tuns) == 0 {
		return nil
	}
	if l.command.Binary == "" {
		return errors.New("the network delays packets in user space, and nothing says by which program")
	}
	files := map[Place]*os.File{}
	defer func() {
		// The line has descriptors of its own, and the devices end with it.
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, t := range l.net.Tuns {
		s := l.spaces[t.Namespace]
		if s == nil {
			return fmt.Errorf("the network does not list the namespace of %s", t.Place)
		}
		if files[t.Place], err = s.addTun(t); err != nil {
			return err
		}
	}
	var ways []delayline.Way
	pairs := map[string]int{} // by the edge
	for _, k := range l.net.Links {
		if !k.inUserSpace() {
			continue
		}
		in, out := files[k.DelayAt], files[k.Exit]
		if in == nil || out == nil {
			return fmt.Errorf("%s: the network lists no TUN device %s or %s", k.Name, k.DelayAt, k.Exit)
		}
		edge, _, _ := strings.Cut(k.Name, ".")
		if _, known := pairs[edge]; !known {
			pairs[edge] = len(pairs)
		}
		ways = append(ways, delayline.Way{Link: k.Name, In: in, Out: out, Pair: pairs[edge], Seed: seedOf(l.net.Seed, k.Name)})
	}
	l.line, err = delayline.Start(ctx, l.command, l.net.Line, ways, journal)
	return err
}

// seedOf gives every link draws of its own.
func seedOf(seed uint64, link string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", seed, link) // a hash never fails
	return h.Sum64()
}

// Line is the delay line; nil where no packet is delayed in user space.
func (l *Live) Line() *delayline.Line { return l.line }

// Engage lets the planned delays begin that were held.
func (l *Live) Engage(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.net.Links {
		if k.Delay == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := l.setDelay(k.Name, *k.Delay); err != nil {
			return err
		}
	}
	l.held = false
	return nil
}

// Lift lets packets of all links pass at once and none be lost from now on, until restore puts back what was.
func (l *Live) Lift(ctx context.Context) (restore func(context.Context) error, err error) {
	before := map[string]shape.Delay{}
	l.mu.Lock()
	for _, k := range l.net.Links {
		if k.Delay != nil {
			before[k.Name] = *k.Delay
		}
	}
	l.mu.Unlock()
	set := func(ctx context.Context, of func(shape.Delay) shape.Delay) error {
		for name, d := range before {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := l.SetDelay(name, of(d)); err != nil {
				return err
			}
		}
		return nil
	}
	restore = func(ctx context.Context) error {
		return set(ctx, func(d shape.Delay) shape.Delay { return d })
	}
	return restore, set(ctx, func(d shape.Delay) shape.Delay { return shape.Delay{Limit: d.Limit} })
}

// SetDelay changes what happens to the packets of a link from now on, and what Verify takes for planned. Those under way keep
// their times, and no later one overtakes them. It returns the time on the clock from which the change holds.
//
// The link must have a place for it (Link.DelayAt), which one has that is planned with a delay, if only with one of zero.
func (l *Live) SetDelay(link string, d shape.Delay) (at int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.setDelay(link, d)
}

func (l *Live) setDelay(link string, d shape.Delay) (at int64, err error) {
	for i := range l.net.Links {
		k := &l.net.Links[i]
		if k.Name != link {
			continue
		}
		switch {
		case k.Delay == nil:
			return 0, fmt.Errorf("%s was planned without a place for a delay; give it a delay or a loss in the topology", link)
		case k.inUserSpace():
			at, err = l.line.Set(link, d)
		default:
			err = l.spaces[k.DelayAt.Namespace].setNetem(k.DelayAt.Device, d)
			at = clock.Now()
		}
		if err != nil {
			return 0, fmt.Errorf("%s: delay on %s: %w", link, k.DelayAt, err)
		}
		k.Delay = &d
		return at, nil
	}
	return 0, fmt.Errorf("the network has no link %s", link)
}

// DelayDrops counts the packets that TUN devices have dropped since they were made, none of which was asked for: those that found
// the queue full on their way to the delay line, and those the kernel did not take back.
func (l *Live) DelayDrops() (map[string]int64, error) {
	drops := map[string]int64{}
	for _, t := range l.net.Tuns {
		s := l.spaces[t.Namespace]
		live, err := s.handle.LinkByName(t.Device)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Place, err)
		}
		if c := live.Attrs().Statistics; c != nil {
			drops[t.String()] = int64(c.TxDropped + c.TxErrors + c.RxDropped + c.RxErrors)
		}
	}
	return drops, nil
}
