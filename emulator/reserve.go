package emulator

import (
	"net/netip"

	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// Reservation is a task's part of every link from an edge to the cloud.
type Reservation struct {
	Edge, Task string
	Rate       units.Rate
	// Port is the first of the two TCP ports that the edge sends the task's frames from; it is even, and not 0.
	Port uint16
	// Smallest is the task's smallest transfer on the wire; it bounds the burst of its classes.
	Smallest units.Bytes
}

// Sharing is how the tasks of an edge share its uplink, and those of all edges the trunks.
type Sharing struct {
	// Reserved divides the links among these. Without any, every link is one FIFO.
	Reserved []Reservation
	// AtOnce is the most that is reserved at one moment, by link; a link that is not there has all its reservations at once.
	AtOnce map[string]units.Rate
	// Borrow lets each use what the others leave idle.
	Borrow bool
}

// reservation is a Reservation at its edge.
type reservation struct {
	Reservation
	source netip.Addr
}

// reserve sorts the reservations by the links they are on, by name.
func (b *builder) reserve() {
	index := map[string]int{}
	for i, e := range b.topo.Edges {
		index[e.Name] = i
	}
	for _, r := range b.opt.Sharing.Reserved {
		i, ok := index[r.Edge]
		if !ok {
			continue // an edge without a way has no links to divide
		}
		here := reservation{r, edgeAddress(i)}
		b.reserved[topologies.Uplink(r.Edge)] = append(b.reserved[topologies.Uplink(r.Edge)], here)
		for _, j := range b.path[i] {
			name := topologies.Uplink(b.topo.Trunks[j].Name)
			b.reserved[name] = append(b.reserved[name], here)
		}
	}
}

// divide gives a link the classes of those who have reserved a part of it.
func (b *builder) divide(k *link.Link, l topologies.Link) error {
	here := b.reserved[k.Name]
	if len(here) == 0 {
		return nil
	}
	var asked []shape.Reservation
	for _, r := range here {
		asked = append(asked, shape.Reservation{Rate: r.Rate, Smallest: r.Smallest})
	}
	rest, classes, err := shape.Divide(l, b.opt.Dilation, k.Egress, asked, b.opt.Sharing.AtOnce[k.Name], b.opt.Sharing.Borrow)
	if err != nil {
		return err
	}
	k.Rest = &rest
	for n, c := range classes {
		name := k.Name + "/" + here[n].Task
		if k.Name != topologies.Uplink(here[n].Edge) {
			name += "@" + here[n].Edge
		}
		k.Classes = append(k.Classes, link.Class{Name: name, Source: here[n].source, Port: here[n].Port, Class: c})
	}
	return nil
}

// reservedBy lists an edge's reservations as links, as which the packets of its frames meet them.
func (b *builder) reservedBy(edge string) []topologies.Link {
	var classes []topologies.Link
	for _, r := range b.reserved[topologies.Uplink(edge)] {
		classes = append(classes, topologies.Link{Rate: r.Rate, Queue: r.Rate.Time(topologies.Packet * 16)})
	}
	return classes
}
