package link

import (
	"context"
	"fmt"
	"reflect"

	"github.com/splitbed/splitbed/emulator/shape"
	"golang.org/x/sys/unix"
)

// holeHandle tells the queue of a class from the hole that takes its place while the link is down. The kernel does not
// put a qdisc of another kind under a handle that exists.
const holeHandle = 0x8000 << 16

// Change makes links what they are in links, all of which the network has, under the same names, places and classes. What waits in
// queues stays there, unless the link goes down: then it is lost, and so is all that comes until it is up again. The
// devices stay up and routes stay, so that nothing but the link's packets is gone; senders learn of it by their timeouts only, as
// on a real path whose other hops go on working.
//
// Links that are as they were are not touched. On error, those before it in links have changed.
func (l *Live) Change(ctx context.Context, links []Link) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := false
	defer func() {
		if changed {
			l.noteRates()
		}
	}()
	at := map[string]int{}
	for i, k := range l.net.Links {
		at[k.Name] = i
	}
	for _, k := range links {
		i, ok := at[k.Name]
		if !ok {
			return fmt.Errorf("change %s: there is no such link", k.Name)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if old := l.net.Links[i]; k.Delay == nil && old.Delay != nil {
			// It keeps its place, where packets are neither delayed nor lost any more.
			k.Delay, k.DelayAt, k.Exit = &shape.Delay{Limit: shape.MinDelayLimit}, old.DelayAt, old.Exit
		}
		if reflect.DeepEqual(l.net.Links[i], k) {
			continue
		}
		if err := l.change(l.net.Links[i], k); err != nil {
			return fmt.Errorf("change %s: %w", k.Name, err)
		}
		l.net.Links[i] = k
		changed = true
	}
	return nil
}

func (l *Live) change(old, k Link) error {
	s := l.spaces[k.At.Namespace]
	before, after := old.parts(), k.parts()
	if len(before) != len(after) || old.At != k.At {
		return fmt.Errorf("its classes are other than when it was built")
	}
	for n, p := range after {
		if before[n].name != p.name || before[n].queue != p.queue {
			return fmt.Errorf("its class %s is other than when it was built", p.name)
		}
		if before[n].Class != p.Class {
			if err := s.setClass(k.At.Device, p); err != nil {
				return err
			}
		}
		if p.queue == 0 {
			continue
		}
		if err := s.changeQueue(k.At.Device, before[n], p, old.Down, k.Down); err != nil {
			return fmt.Errorf("queue of %s: %w", p.name, err)
		}
	}
	return l.changeDelay(old, k)
}

// changeQueue sets the limit of a class's queue, or puts a hole in its place or the queue in the hole's.
func (s *space) changeQueue(device string, before, p part, wasDown, down bool) error {
	const replace = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	switch {
	case down && !wasDown:
		return s.modifyQdisc(replace, device, p.handle, p.queue|holeHandle, "blackhole", nil)
	case down:
		return nil
	case wasDown:
		options, err := bfifoOptions(p.Limit)
		if err != nil {
			return err
		}
		return s.modifyQdisc(replace, device, p.handle, p.queue, "bfifo", options)
	case before.Limit != p.Limit:
		return s.setBFIFO(device, p.handle, p.queue, p.Limit)
	}
	return nil
}

// changeDelay changes what happens to the link's packets on their way to it.
func (l *Live) changeDelay(old, k Link) error {
	if reflect.DeepEqual(old.Delay, k.Delay) {
		return nil
	}
	_, err := l.setDelay(k.Name, *k.Delay)
	return err
}
