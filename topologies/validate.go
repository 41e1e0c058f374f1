package topologies

import (
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

const (
	// MaxEdges bounds a topology: edge addresses would allow more, a host would not.
	MaxEdges = 1000
	// MaxRate is beyond what one host can forward, whatever the dilation.
	MaxRate = units.Rate(1e12)
	// Packet is a full Ethernet frame (1500 B of IP and a 14 B header), the unit a queue is counted in.
	Packet = units.Bytes(1514)
	// minPackets is what a queue must hold: with less, a packet that arrives while another is sent is dropped, and
	// the link does not reach its rate.
	minPackets = 2
	// maxSpan bounds delays and queues, well before their wall times overflow at high dilations.
	maxSpan = units.Virtual(3600e9)
)

// Validate checks everything a topology can get wrong in itself. Its error is a *spec.Error, which points into the file
// when the topology came from one.
func (t *Topology) Validate() error {
	c := t.source
	if err := c.Field("name").CheckName(t.Name); err != nil {
		return err
	}
	if !(t.Threshold > 0 && t.Threshold <= 1) {
		return c.Field("threshold").Errorf("above 0, at most 1", "%v is not a fraction of an uplink", t.Threshold)
	}
	if t.Generate != nil {
		if len(t.Edges) > 0 || len(t.Trunks) > 0 {
			return c.Field("generate").Errorf("edges and trunks, or generate", "stands beside edges or trunks")
		}
		return t.Generate.validate(c.Field("generate"))
	}
	if len(t.Edges) == 0 {
		return c.Field("edges").Errorf("a list of edges, or generate", "a topology has at least one edge")
	}
	if len(t.Edges) > MaxEdges {
		return c.Field("edges").Errorf(fmt.Sprintf("1 to %d", MaxEdges), "%d edges are too many", len(t.Edges))
	}
	names := spec.Unique{CloudName: "the cloud node"}
	for i, e := range t.Edges {
		at := c.Field("edges").Index(i)
		if err := e.validate(at); err != nil {
			return err
		}
		if err := names.Add(at.Field("name"), e.Name, fmt.Sprintf("edge %d", i+1)); err != nil {
			return err
		}
	}
	return t.validateTrunks(names)
}

func (e Edge) validate(c spec.Cursor) error {
	if err := c.Field("name").CheckName(e.Name); err != nil {
		return err
	}
	if !(e.Compute > 0) {
		return c.Field("compute").Errorf("above 0, such as 290GFLOPS", "an edge needs a compute budget, and %v is none", e.Compute)
	}
	if err := e.Uplink.validate(c.Field("uplink")); err != nil {
		return err
	}
	if e.Downlink != nil {
		return e.Downlink.validate(c.Field("downlink"))
	}
	return nil
}

func (t *Topology) validateTrunks(names spec.Unique) error {
	c := t.source
	next := map[string]string{}
	known := make([]string, len(t.Trunks))
	for i, k := range t.Trunks {
		at := c.Field("trunks").Index(i)
		if err := at.Field("name").CheckName(k.Name); err != nil {
			return err
		}
		if err := names.Add(at.Field("name"), k.Name, fmt.Sprintf("trunk %d", i+1)); err != nil {
			return err
		}
		if err := k.Link.validate(at); err != nil {
			return err
		}
		next[k.Name], known[i] = k.Trunk, k.Name
	}
	exists := func(at spec.Cursor, name string) error {
		if _, ok := next[name]; name == "" || ok {
			return nil
		}
		if len(known) == 0 {
			return at.Errorf("", "there is no trunk %q, as there is no list of trunks", spec.Clip(name))
		}
		return at.Errorf(strings.Join(known, ", "), "there is no trunk %q", spec.Clip(name))
	}
	for i, e := range t.Edges {
		if err := exists(c.Field("edges").Index(i).Field("trunk"), e.Trunk); err != nil {
			return err
		}
	}
	for i, k := range t.Trunks {
		at := c.Field("trunks").Index(i).Field("trunk")
		if err := exists(at, k.Trunk); err != nil {
			return err
		}
		path := []string{k.Name}
		for to := k.Trunk; to != "" && len(path) <= len(t.Trunks); to = next[to] {
			path = append(path, to)
			if to == k.Name {
				return at.Errorf("", "the trunks run in a circle: %s", strings.Join(path, " → "))
			}
		}
	}
	return nil
}

func (l Link) validate(c spec.Cursor) error {
	if !(l.Rate > 0 && l.Rate <= MaxRate) {
		if at := c.Field("rate"); l.Rate != 0 || c.Has("rate") {
			return at.Errorf(fmt.Sprintf("above 0, at most %v", MaxRate), "a link cannot have the rate %v", l.Rate)
		}
		return c.Field("rate").Errorf("a rate such as 10Mbps", "is missing")
	}
	for _, span := range []struct {
		key   string
		value units.Virtual
	}{{"delay", l.Delay}, {"jitter", l.Jitter}, {"queue", l.Queue}} {
		if span.value < 0 || span.value > maxSpan {
			return c.Field(span.key).Errorf(fmt.Sprintf("0s to %v", maxSpan), "%v is out of range", span.value)
		}
	}
	// Jitter is truncated at ±3σ. Where that reaches below no delay at all, the distribution asked for cannot be had.
	if 3*l.Jitter > l.Delay {
		return c.Field("jitter").Errorf(fmt.Sprintf("at most a third of the delay, %v", l.Delay/3),
			"a delay of %v ± 3 × %v would be negative at times", l.Delay, l.Jitter)
	}
	for _, p := range []struct {
		key   string
		value units.Probability
	}{{"loss", l.Loss}, {"reorder", l.Reorder}, {"duplicate", l.Duplicate}} {
		if !(p.value >= 0 && p.value < 1) {
			return c.Field(p.key).Errorf("from 0% to below 100%", "a link cannot work with %v", p.value)
		}
	}
	if shortest := l.Rate.Time(minPackets * Packet); l.Queue < shortest {
		return c.Field("queue").Errorf("at least "+roundUp(shortest).String(),
			"%v at %v is shorter than two packets of %d bytes", l.Queue, l.Rate, int64(Packet))
	}
	return nil
}

// roundUp makes a limit short to read while keeping it one that is allowed.
func roundUp(v units.Virtual) units.Virtual {
	const grain = units.Virtual(1e3)
	return (v + grain - 1) / grain * grain
}

func (g *Generate) validate(c spec.Cursor) error {
	if g.Edges < 1 || g.Edges > MaxEdges {
		return c.Field("edges").Errorf(fmt.Sprintf("1 to %d", MaxEdges), "cannot generate %d edges", g.Edges)
	}
	// What holds for both ends of a range holds for every link drawn from it.
	for _, l := range []Link{{Rate: g.Rate.Low, Delay: g.Delay.Low}, {Rate: g.Rate.High, Delay: g.Delay.High}} {
		l.Queue = DefaultQueue
		if shortest := l.Rate.Time(minPackets * Packet); l.Rate > 0 && l.Queue < shortest {
			return c.Field("rate").Errorf("", "at %v the default queue of %v is shorter than two packets", l.Rate, l.Queue)
		}
		if err := l.validate(c); err != nil {
			return err
		}
	}
	return Edge{Name: "edge", Compute: g.Compute, Uplink: Link{Rate: 1e9, Queue: DefaultQueue}}.validate(c)
}
