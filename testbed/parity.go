package testbed

import (
	"fmt"
	"math"

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
		checks = append(checks, fidelity.Parity(s.Task+" at "+s.Edge, relativeDifference(v.Output, session.Output())))
	}
	return checks, nil
}

// relativeDifference is the largest difference between two vectors ÷ the largest element of the second;
// NaN where they cannot be compared.
func relativeDifference(got, want []float32) float64 {
	if len(got) != len(want) || len(want) == 0 {
		return math.NaN()
	}
	largest, difference := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		difference = max(difference, math.Abs(float64(got[i])-float64(want[i])))
	}
	if largest == 0 {
		return difference
	}
	return difference / largest
}
