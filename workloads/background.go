package workloads

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// Background is traffic beside the tasks.
type Background struct {
	// Link is "EDGE.uplink" or "EDGE.downlink".
	Link    string  `yaml:"link" json:"link"`
	Traffic Traffic `yaml:"kind,flow" json:"kind"`
	Flows   int     `yaml:"flows" json:"flows"`
	// Congestion is the congestion control of TCP flows; empty is that of the frames.
	Congestion string        `yaml:"congestion,omitempty" json:"congestion,omitempty"`
	Start      units.Virtual `yaml:"start" json:"start"`
	Stop       units.Virtual `yaml:"stop" json:"stop"`
}

// Traffic is what each flow of background traffic sends. Rates and packets count all headers from Ethernet up, as links do.
type Traffic struct {
	// Kind is one of the constants below.
	Kind string `json:"kind"`
	// Rate and Packet are those of UDP and OnOff, which sends for On and pauses for Off in turn.
	Rate   units.Rate    `json:"rate,omitempty"`
	Packet units.Bytes   `json:"packet,omitempty"`
	On     units.Virtual `json:"on,omitempty"`
	Off    units.Virtual `json:"off,omitempty"`
	// Transfers begin so many times a second at random, each of a Size, of Web.
	Transfers float64                        `json:"transfers,omitempty"`
	Size      spec.Distribution[units.Bytes] `json:"-"`
	// File holds the packets of Trace.
	File string `json:"file,omitempty"`
	// Packets is what Resolve has read of it.
	Packets []Send `json:"-"`
}

// The kinds of background traffic.
const (
	Bulk     = "bulk"  // a TCP connection that always has data to send
	UDP      = "udp"   // packets at a constant rate
	OnOff    = "onoff" // the same with pauses
	Web      = "web"   // transfers at random, each on a TCP connection of its own
	Replayed = "trace" // packets of recorded sizes at recorded times
)

// Send is what a flow sends at a time from its start: a packet with its headers, or the payload of a transfer.
type Send struct {
	At    units.Virtual
	Bytes units.Bytes
}

func kinds() spec.Choice { return spec.Choice{Bulk, UDP, OnOff, Web, Replayed} }

func controls() spec.Choice { return spec.Choice{"cubic", "reno", "bbr"} }

const (
	maxFlows     = 1000
	maxTransfers = 1000
	// A UDP packet has 42 bytes of headers; the longest fills the MTU of 1500.
	minPacket, maxPacket = units.Bytes(64), units.Bytes(1514)

	defaultPacket = units.Bytes(1200)
)

// webSizes is what Web transfers where nothing else is said: mostly small, sometimes large.
func webSizes() spec.Distribution[units.Bytes] {
	return spec.Distribution[units.Bytes]{Kind: spec.Lognormal, Centre: 30e3, Sigma: 1.5, Low: 1e3, High: 10e6}
}

// paced and web are how the figures of a kind are written.
type paced struct {
	Rate   units.Rate    `yaml:"rate"`
	Packet units.Bytes   `yaml:"packet"`
	On     units.Virtual `yaml:"on,omitempty"`
	Off    units.Virtual `yaml:"off,omitempty"`
}

type web struct {
	Rate float64                        `yaml:"rate"`
	Size spec.Distribution[units.Bytes] `yaml:"size,flow"`
}

// UnmarshalSpec reads bulk, or a kind with its figures: {udp: {rate: 5Mbps}}.
func (t *Traffic) UnmarshalSpec(c spec.Cursor) error {
	kind, bare := c.Scalar()
	keys := c.Keys()
	if len(keys) == 1 {
		kind = keys[0]
	} else if !bare {
		return c.Wrong("one kind of traffic: " + strings.Join(kinds(), ", "))
	}
	if err := kinds().Check(c, kind); err != nil {
		return err
	}
	form := map[string]string{
		UDP:      "{udp: {rate: 5Mbps, packet: 1200B}}",
		OnOff:    "{onoff: {rate: 5Mbps, on: 1s, off: 2s}}",
		Web:      "{web: {rate: 3, size: 100kB}}",
		Replayed: "{trace: FILE}",
	}[kind]
	switch at := c.Field(kind); {
	case kind == Bulk && !bare:
		return c.Errorf("kind: bulk", "bulk has no figures")
	case kind == Bulk:
		*t = Traffic{Kind: Bulk}
		return nil
	case bare:
		return c.Errorf(form, "%s lacks its figures", kind)
	case kind == Web:
		w := web{Size: webSizes()}
		err := at.Decode(&w)
		*t = Traffic{Kind: kind, Transfers: w.Rate, Size: w.Size}
		return err
	case kind == Replayed:
		file, ok := at.Scalar()
		if !ok {
			return at.Wrong("the path of a CSV, pcap or pcapng file")
		}
		path, err := at.Path(file)
		*t = Traffic{Kind: kind, File: path}
		return err
	default:
		p := paced{Packet: defaultPacket}
		err := at.Decode(&p)
		*t = Traffic{Kind: kind, Rate: p.Rate, Packet: p.Packet, On: p.On, Off: p.Off}
		return err
	}
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (t Traffic) MarshalYAML() (any, error) {
	switch t.Kind {
	case UDP, OnOff:
		return map[string]paced{t.Kind: {t.Rate, t.Packet, t.On, t.Off}}, nil
	case Web:
		return map[string]web{Web: {t.Transfers, t.Size}}, nil
	case Replayed:
		return map[string]string{Replayed: t.File}, nil
	}
	return t.Kind, nil
}

// Datagrams tells whether the traffic is UDP.
func (t Traffic) Datagrams() bool { return t.Kind == UDP || t.Kind == OnOff || t.Kind == Replayed }

// UnmarshalSpec reads background traffic; one flow unless it says otherwise.
func (b *Background) UnmarshalSpec(c spec.Cursor) error {
	type plain Background
	p := plain{Flows: 1}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*b = Background(p)
	return nil
}

func (b Background) validate(c spec.Cursor) error {
	if _, _, ok := topologies.SplitLink(b.Link); !ok {
		return c.Field("link").Errorf("EDGE.uplink or EDGE.downlink", "%q is not a link", spec.Clip(b.Link))
	}
	if err := b.Traffic.validate(c.Field("kind")); err != nil {
		return err
	}
	if b.Flows < 1 || b.Flows > maxFlows {
		return c.Field("flows").Errorf(fmt.Sprintf("1 to %d", maxFlows), "%d is no number of flows", b.Flows)
	}
	if b.Congestion != "" {
		at := c.Field("congestion")
		if err := controls().Check(at, b.Congestion); err != nil {
			return err
		}
		if b.Traffic.Datagrams() {
			return at.Errorf("only beside bulk and web", "%s has no congestion control", b.Traffic.Kind)
		}
	}
	return validateLife(c, b.Start, b.Stop)
}

func (t Traffic) validate(c spec.Cursor) error {
	if err := kinds().Check(c, t.Kind); err != nil {
		return err
	}
	at := c.Field(t.Kind)
	switch t.Kind {
	case Web:
		if !(t.Transfers > 0 && t.Transfers <= maxTransfers) {
			return at.Field("rate").Errorf(fmt.Sprintf("above 0, at most %d", maxTransfers), "%v is no number of transfers a second", t.Transfers)
		}
		if !(t.Size.Low > 0) {
			return at.Field("size").Errorf("above 0B", "a transfer of %v is none", t.Size.Low)
		}
	case UDP, OnOff:
		const fastest = units.Rate(100e9)
		if !(t.Rate > 0 && t.Rate <= fastest) {
			return at.Field("rate").Errorf(fmt.Sprintf("above 0, at most %v", fastest), "nothing is sent at %v", t.Rate)
		}
		if t.Packet < minPacket || t.Packet > maxPacket {
			return at.Field("packet").Errorf(fmt.Sprintf("%dB to %dB", int(minPacket), int(maxPacket)), "no packet has %v", t.Packet)
		}
		for _, span := range []struct {
			key  string
			long units.Virtual
			what string
		}{{"on", t.On, "burst"}, {"off", t.Off, "pause"}} {
			switch {
			case t.Kind == UDP && span.long != 0:
				return at.Field(span.key).Errorf("only in onoff", "does not belong here")
			case t.Kind == OnOff && (span.long <= 0 || span.long > maxSpan):
				return at.Field(span.key).Errorf(fmt.Sprintf("above 0s, at most %v", maxSpan), "%v is no %s", span.long, span.what)
			}
		}
	}
	return nil
}

// read reads the packets of a trace.
func (b *Background) read(c spec.Cursor, files spec.Files) error {
	if b.Traffic.Kind != Replayed {
		return nil
	}
	packets, err := spec.Once(files, b.Traffic.File, readPackets)
	if err != nil {
		return c.Field("kind").Field(Replayed).Wrap(err)
	}
	b.Traffic.Packets = packets
	return nil
}

// Sends lists what a flow of a trace or of web transfers sends within its life, in order of time. A trace is as Resolve has
// read it; transfers come as a Poisson process.
func (t Traffic) Sends(life units.Virtual, random *rand.Rand) []Send {
	var sends []Send
	switch t.Kind {
	case Replayed:
		for _, p := range t.Packets {
			if p.At >= life {
				break
			}
			sends = append(sends, p)
		}
	case Web:
		for at := 0.0; ; {
			at += random.ExpFloat64() / t.Transfers * 1e9
			if at >= float64(life) {
				break
			}
			sends = append(sends, Send{units.Virtual(at), units.Bytes(max(1, t.Size.Draw(random.Float64())))})
		}
	}
	return sends
}
