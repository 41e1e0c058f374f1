package link

// Counter is what a link has carried since it was built, and what waits. Bytes include the headers down to Ethernet.
type Counter struct {
	Bytes   int64 // sent
	Packets int64 // sent
	Drops   int64 // packets that found the queue full
	Backlog int64 // bytes waiting now
}

// Counters reads all links, by name ("gw-a.uplink"), with one dump for every namespace in which links are shaped. It is
// cheap enough to be called every 20 ms.
func (l *Live) Counters() (map[string]Counter, error) {
	counters := make(map[string]Counter, len(l.net.Links))
	for _, s := range l.shaping {
		err := s.space.eachQdisc(func(q qdisc) error {
			if name, ok := s.links[q.index]; ok && q.handle == queueHandle {
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

// shaping is a namespace in which links are shaped, with their names by device index.
type shaping struct {
	space *space
	links map[int]string
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
			l.shaping = append(l.shaping, shaping{s, map[int]string{}})
		}
		l.shaping[i].links[s.index[k.At.Device]] = k.Name
	}
}
