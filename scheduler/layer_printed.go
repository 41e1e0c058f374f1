package scheduler

import "context"

// layerPrinted is the paper's offline algorithm with everything it leaves open read in the plainest way (section "Layer
// Scheduling Algorithms"): tasks in ascending order of their largest input; each is tried with k* and, where that does
// not fit, with the cuts nearest to it, outwards. Under this reading a fixed cut after the second layer deploys
// more, which is not what the paper reports; see [greedy] for the reading under which its figures hold.
type layerPrinted struct{}

func (layerPrinted) Name() string { return "layer-printed" }

func (l layerPrinted) Plan(ctx context.Context, inst Instance) (Schedule, error) {
	return inTurn(ctx, l.Name(), inst, byLargestInput, func(s *State, j int) (int, bool) {
		t := &inst.Tasks[j]
		for _, k := range nearestFirst(kStar(t), t.Cuts()) {
			if s.Fits(j, k) {
				return k, true
			}
		}
		return 0, false
	})
}
