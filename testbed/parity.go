package testbed

import (
	"fmt"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/replay"
)

// parity compares what the two halves of each stream's network answered over the emulated link with what
// the uncut network answers here to the same picture.
func (p *Plan) parity(store model.Store, verified []replay.Verified) ([]fidelity.Check, error) {
	whole := map[pictureSize]*engine.Session{}
	defer func() {
		for _, session := range whole {
			session.Close()
		}
	}()
	var checks []fidelity.Check
	for _, v := range verified {
		s := p.Streams[v.Stream]
		size := pictureSize{s.Model, s.Height, s.Width}
		if whole[size] == nil {
			file, err := store.Whole(s.Model, s.Height, s.Width)
			if err != nil {
				return nil, err
			}
			if whole[size], err = engine.Open(file, engine.Options{Threads: p.Host.Cores}); err != nil {
				return nil, err
			}
		}
		pictures, err := s.pictures().Load(s.Height, s.Width)
		if err != nil {
			return nil, err
		}
		if v.Picture < 0 || v.Picture >= len(pictures) {
			return nil, fmt.Errorf("%s at %s verified picture %d of %d", s.Task, s.Edge, v.Picture, len(pictures))
		}
		session := whole[size]
		if err := camera.Decode(pictures[v.Picture], s.Height, s.Width, session.Input()); err != nil {
			return nil, err
		}
		if err := session.Run(); err != nil {
			return nil, err
		}
		checks = append(checks, fidelity.Parity(s.Task+" at "+s.Edge, engine.Difference(v.Output, session.Output())))
	}
	return checks, nil
}
