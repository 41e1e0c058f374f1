package link

import "github.com/splitbed/splitbed/internal/units"

// Counter is what a link has carried since it was built, and what waits. Bytes include the headers down to Ethernet.
type Counter struct {
	Bytes   int64 // sent
	Packets int64 // sent
	Drops   int64 // packets that found the queue full
	Backlog int64 // bytes waiting now
}

// Counters reads all links by name ("gw-a.uplink") and, of those that are divided, their classes ("gw-a.uplink/cam-1") and the
// rest ("gw-a.uplink/(rest)"), with one dump for every namespace in which links are shaped. It is cheap enough to be called
// every 20 ms.
func (l *Live) Counters() (map[string]Counter, error) {
	counters := make(map[string]Counter, len(l.net.Links))
	for _, s := range l.shaping {
		err := s.space.eachQdisc(func(q qdisc) error {
			if name, ok := s.queues[queueAt{q.index, q.handle}]; ok {
				counters[name] = q.counter
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return counters, nil
}

// Rates are the rates (wall) that links and their parts are set to, by the names of Counters; 0 while a link is down. The map
// is not to be changed.
func (l *Live) Rates() map[string]units.Rate { return *l.rates.Load() }

// noteRates makes Rates what the links are.
func (l *Live) noteRates() {
	rates := map[string]units.Rate{}
	for _, k := range l.net.Links {
		for _, p := range k.parts() {
			rates[p.name] = p.Rate()
			if k.Down {
				rates[p.name] = 0
			}
		}
	}
	l.rates.Store(&rates)
}

// shaping is a namespace in which links are shaped, with the names of what is counted there.
type shaping struct {
	space  *space
	queues map[queueAt]string
}

// queueAt is a qdisc of a device. The root of a link counts all of its packets, as long as the link is there; the queues
// of its classes only their own.
type queueAt struct {
	device int
	handle uint32
}

// indexLinks groups the links by namespace, in the plan's order.
func (l *Live) indexLinks() {
	at := map[string]int{}
	for _, k := range l.net.Links {
		s := l.spaces[k.At.Namespace]
		i, ok := at[s.Name]
		if !ok {
			i = len(l.shaping)
			at[s.Name] = i
			l.shaping = append(l.shaping, shaping{s, map[queueAt]string{}})
		}
		device, queues := s.index[k.At.Device], l.shaping[i].queues
		queues[queueAt{device, rootHandle}] = k.Name
		if k.Rest == nil {
			continue
		}
		for _, p := range k.parts()[1:] {
			queues[queueAt{device, p.queue}] = p.name
		}
	}
}
