package link

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/splitbed/splitbed/emulator/shape"
)

// WriteCommands writes the ip and tc commands that make the same network, for reading and for doing it by hand. A node is taken
// to have a namespace of its name.
func (n Network) WriteCommands(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, s := range n.Namespaces {
		line("ip netns add %s", s.Name)
		line("ip -n %s link set dev lo up", s.Name)
		for _, c := range s.settings(true) {
			line("ip netns exec %s sysctl -qw %s='%s'", s.Name, strings.ReplaceAll(c.Key, "/", "."), c.Value)
		}
	}
	for _, p := range n.Pairs {
		line("ip -n %s link add name %s address %s mtu %d type veth peer name %s netns %s address %s mtu %d",
			p.A.Namespace, p.A.Device, p.A.MAC, shape.MTU, p.B.Device, p.B.Namespace, p.B.MAC, shape.MTU)
	}
	for _, k := range n.Links {
		line("# %s", k.Name)
		k.writeShaper(line)
		if k.Delay != nil {
			line("tc -n %s qdisc add dev %s root handle 1: netem %s", k.DelayAt.Namespace, k.DelayAt.Device, netemWords(*k.Delay))
		}
	}
	for _, p := range n.Pairs {
		for _, e := range []End{p.A, p.B} {
			for _, a := range e.Addresses {
				line("ip -n %s address add %s/%d dev %s", e.Namespace, a, a.BitLen(), e.Device)
			}
			segments := ""
			if e.GSOSegments > 0 {
				segments = fmt.Sprintf(" gso_max_segs %d", e.GSOSegments)
			}
			line("ip -n %s link set dev %s up%s", e.Namespace, e.Device, segments)
		}
	}
	for _, s := range n.Namespaces {
		for _, r := range s.Routes {
			line("ip -n %s neigh replace %s lladdr %s nud permanent dev %s", s.Name, r.To, r.Via, r.Device)
			line("ip -n %s route add %s dev %s scope link%s", s.Name, r.To, r.Device, s.routeWords(r))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeShaper writes the tree on the device a link is shaped on.
func (k Link) writeShaper(line func(format string, args ...any)) {
	add := func(what, format string, args ...any) {
		line("tc -n %s %s add dev %s %s", k.At.Namespace, what, k.At.Device, fmt.Sprintf(format, args...))
	}
	parts := k.parts()
	add("qdisc", "root handle 1: htb default %d", min(len(parts), 2))
	for _, p := range parts {
		above := "1:"
		if p.above != rootHandle {
			above = fmt.Sprintf("1:%x", p.above&0xffff)
		}
		add("class", "parent %s classid 1:%x htb rate %dbit ceil %dbit burst %d cburst %d quantum %d", above, p.handle&0xffff,
			8*p.BytesPerSecond, 8*p.Ceil, int64(p.Burst), p.ceilBurst(), p.Quantum)
		if p.queue != 0 {
			add("qdisc", "parent 1:%x handle %x: bfifo limit %d", p.handle&0xffff, p.queue>>16, int64(p.Limit))
		}
	}
	if len(k.Classes) == 0 {
		return
	}
	add("filter", "parent 1: prio 1 handle 2: protocol ip u32 divisor %d", classBuckets)
	for n, c := range k.Classes {
		add("filter", "parent 1: prio 1 protocol ip u32 ht 2:%x: match ip src %s match u32 %#08x %#08x at %d flowid 1:%x",
			uint32(c.Port>>1)%classBuckets, c.Source, uint32(c.Port)<<16, uint32(portMask), portsAt, classOf(n)&0xffff)
	}
	add("filter", "parent 1: prio 1 protocol ip u32 match ip protocol 6 0xff hashkey mask %#08x at %d link 2:", hashMask, portsAt)
}

// ceilBurst is the depth of the ceiling's bucket in bytes.
func (p part) ceilBurst() int64 {
	if p.Ceil == p.BytesPerSecond {
		return int64(p.Burst)
	}
	return int64(math.Round(float64(p.CeilBuffer) * 64e-9 * float64(p.Ceil)))
}

func (n Namespace) routeWords(r Route) string {
	words := ""
	if r.Source.IsValid() {
		words += " src " + r.Source.String()
	}
	if n.QuickACK {
		words += " quickack 1"
	}
	if n.Congestion != "" {
		words += " congctl " + n.Congestion
	}
	return words
}

func netemWords(d shape.Delay) string {
	words := fmt.Sprintf("limit %d delay %s", d.Limit, tcTime(d.Delay))
	if d.Jitter > 0 {
		// tc's normal distribution ends at four standard deviations where splitbed's ends at three.
		words += fmt.Sprintf(" %s distribution normal rate %dbit", tcTime(d.Jitter), 8*d.OrderRate())
	}
	percent := func(word string, p float64) {
		if p > 0 {
			words += fmt.Sprintf(" %s %g%%", word, math.Round(p*1e8)/1e6)
		}
	}
	percent("loss", float64(d.Loss))
	percent("duplicate", float64(d.Duplicate))
	percent("reorder", float64(d.Reorder))
	return words
}

// tcTime is a time as tc reads it; it has no unit below the nanosecond and none above the second.
func tcTime(d time.Duration) string { return fmt.Sprintf("%dns", d.Nanoseconds()) }
