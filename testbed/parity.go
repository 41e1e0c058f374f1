package testbed

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/replay"
)

// referenceFLOPs bounds what is computed for the agreement of answers beyond the one picture of every stream that parity needs:
// seconds on most hosts.
const referenceFLOPs = 1e12

// verifiedSingly is the number of streams up to which each of them is verified.
const verifiedSingly = 64

// verified says of every stream whether a frame of it is computed once more after the run, over the emulated link and
// unquantised. Beyond [verifiedSingly] streams that would take longer than the run; then, since all edges run the same files,
// it is every network once at each picture size, cut and wire format, where the uplink is fastest, and something at every
// edge.
func (p *Plan) verified() map[int]bool {
	type halves struct {
		picture pictureSize
		cut     int
		wire    workloads.Wire
	}
	rates := map[string]units.Rate{}
	for _, e := range p.Topology.Edges {
		rates[e.Name] = e.Uplink.Rate
	}
	var loaded []int
	fastest, smallest := map[halves]int{}, map[string]int{} // stream by halves, by edge
	for i, s := range p.Streams {
		if len(s.Arrivals) == 0 {
			continue
		}
		loaded = append(loaded, i)
		key := halves{pictureSize{s.Model, s.Height, s.Width}, s.Cut, s.Wire}
		if best, ok := fastest[key]; !ok || rates[s.Edge] > rates[p.Streams[best].Edge] {
			fastest[key] = i
		}
		if best, ok := smallest[s.Edge]; !ok || s.MessageBytes < p.Streams[best].MessageBytes {
			smallest[s.Edge] = i
		}
	}
	chosen := map[int]bool{}
	if len(loaded) > verifiedSingly {
		loaded = slices.Concat(slices.Collect(maps.Values(fastest)), slices.Collect(maps.Values(smallest)))
	}
	for _, i := range loaded {
		chosen[i] = true
	}
	return chosen
}

// references holds what the uncut float32 networks answer: for a stream of the plan, the class of each of its pictures, noClass
// where it was not asked.
type references map[uint32][]int32

// noClass is the answer that was not given.
const noClass = -1

// oracle runs uncut networks in this process.
type oracle struct {
	plan  *Plan
	store model.Store
	whole map[pictureSize]*engine.Session
}

func (o *oracle) close() {
	for _, session := range o.whole {
		session.Close()
	}
}

// ask runs a stream's uncut network on one of its pictures. Its answer is good until the next question.
func (o *oracle) ask(s Stream, shots *replay.Shots, n int) ([]float32, error) {
	size := pictureSize{s.Model, s.Height, s.Width}
	session := o.whole[size]
	if session == nil {
		file, err := o.store.Whole(s.Model, s.Height, s.Width)
		if err != nil {
			return nil, err
		}
		if session, err = engine.Open(file, engine.Options{Threads: o.plan.Host.Cores}); err != nil {
			return nil, err
		}
		o.whole[size] = session
	}
	if err := shots.Decode(n, session.Input()); err != nil {
		return nil, err
	}
	return session.Output(), session.Run()
}

// parity compares what the two halves of each stream's network answered over the emulated link with what
// the uncut network answers here to the same picture. It also returns the classes of the uncut networks, of as many
// pictures as referenceFLOPs allow.
func (p *Plan) parity(ctx context.Context, store model.Store, verified []replay.Verified) ([]fidelity.Check, references, error) {
	o := oracle{p, store, map[pictureSize]*engine.Session{}}
	defer o.close()
	var checks []fidelity.Check
	classes, spent := references{}, 0.0
	films := newFilms(store)
	for _, v := range verified {
		s := p.Streams[v.Stream]
		pictures, err := films.pictures(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		shots, err := pictures.Load(s.Height, s.Width)
		if err != nil {
			return nil, nil, err
		}
		if v.Picture < 0 || v.Picture >= shots.Len() {
			return nil, nil, fmt.Errorf("%s at %s verified picture %d of %d", s.Task, s.Edge, v.Picture, shots.Len())
		}
		classes[v.Stream] = make([]int32, shots.Len())
		for n := range shots.Len() {
			classes[v.Stream][n] = noClass
			if n != v.Picture {
				if spent+s.FLOPs+s.TailFLOPs > referenceFLOPs {
					continue
				}
				spent += s.FLOPs + s.TailFLOPs
			}
			answer, err := o.ask(s, shots, n)
			if err != nil {
				return nil, nil, err
			}
			classes[v.Stream][n] = replay.Class(answer)
			if n == v.Picture {
				checks = append(checks, fidelity.Parity(s.Task+" at "+s.Edge, engine.Difference(v.Output, answer)))
			}
		}
	}
	return checks, classes, nil
}

// mark notes in every frame what the uncut network answers to its picture. The frames are those of the streams, in their order.
func (r references) mark(streams []Stream, frames []results.Frame) {
	for i, s := range streams {
		classes := r[uint32(i)]
		for n := range s.Arrivals {
			if len(classes) > 0 {
				frames[n].Reference = classes[s.picture(n, len(classes))]
			}
		}
		frames = frames[len(s.Arrivals):]
	}
}
