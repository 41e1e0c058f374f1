package link_test

import (
	"testing"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/link"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
)

// TestALinkThatChangesIsReadBackAsWhatItIs reads a link back while it becomes another again and again, as one that follows a trace does.
func TestALinkThatChangesIsReadBackAsWhatItIs(t *testing.T) {
	topo, err := topology(edge("gw", 10e6)).Expand()
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, topo, emulator.Options{})
	at := func(r units.Rate) []link.Link {
		state := topologies.State{Link: topo.Edges[0].Uplink.AtRate(r)}
		links, err := l.plan.Relink(topo, emulator.Options{Dilation: 1, Links: map[string]topologies.State{"gw.uplink": state}})
		if err != nil {
			t.Fatal(err)
		}
		return links
	}
	slow, fast := at(5e6), at(20e6)
	reading, changed := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			for _, links := range [][]link.Link{slow, fast} {
				if err := l.Change(t.Context(), links); err != nil {
					changed <- err
					return
				}
			}
			select {
			case <-reading:
				changed <- nil
				return
			default:
			}
		}
	}()
	for range 50 {
		if err := l.VerifyLinks(t.Context()); err != nil {
			t.Error(err)
			break
		}
	}
	close(reading)
	if err := <-changed; err != nil {
		t.Error(err)
	}
}
