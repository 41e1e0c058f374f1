package topologies

import (
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
)

// YAML writes the topology as a file that Parse reads back into an equal one.
func (t *Topology) YAML() ([]byte, error) { return spec.Encode(t) }

// DOT draws the topology for Graphviz: nodes with their compute, links with what shapes them. Expand it first to see
// what it runs as.
func (t *Topology) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n\trankdir=LR;\n\tnode [shape=box];\n", t.Name)
	cloud := CloudName
	if t.Cloud.Compute > 0 {
		cloud = fmt.Sprintf("%s\n%v", CloudName, t.Cloud.Compute)
	}
	fmt.Fprintf(&b, "\t%q [label=%q, shape=ellipse];\n", CloudName, cloud)
	towards := func(trunk string) string {
		if trunk == "" {
			return CloudName
		}
		return trunk
	}
	for _, k := range t.Trunks {
		fmt.Fprintf(&b, "\t%q [shape=diamond];\n", k.Name)
		fmt.Fprintf(&b, "\t%q -> %q [label=%q, dir=both];\n", k.Name, towards(k.Trunk), k.Link.label())
	}
	for _, e := range t.Edges {
		fmt.Fprintf(&b, "\t%q [label=%q];\n", e.Name, fmt.Sprintf("%s\n%v", e.Name, e.Compute))
		fmt.Fprintf(&b, "\t%q -> %q [label=%q];\n", e.Name, towards(e.Trunk), e.Uplink.label())
		if e.Downlink != nil {
			fmt.Fprintf(&b, "\t%q -> %q [label=%q, style=dashed];\n", towards(e.Trunk), e.Name, e.Downlink.label())
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func (l Link) label() string {
	parts := []string{l.Rate.String()}
	if l.Delay > 0 {
		delay := l.Delay.String()
		if l.Jitter > 0 {
			delay += " ± " + l.Jitter.String()
		}
		parts = append(parts, delay)
	}
	if l.Loss > 0 {
		parts = append(parts, "loss "+l.Loss.String())
	}
	return strings.Join(parts, ", ")
}
