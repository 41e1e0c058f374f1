package testbed

import (
	"slices"

	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/scheduler"
	"github.com/splitbed/splitbed/workloads"
	"github.com/splitbed/splitbed/workloads/model"
	"github.com/splitbed/splitbed/workloads/replay"
	"github.com/splitbed/splitbed/workloads/video"
	"github.com/splitbed/splitbed/workloads/wire"
)

// costTables makes the cost tables of an instance, one for all places that share it.
type costTables struct {
	system *system
	rules  Scheduler
	made   map[costKey][]scheduler.Demand
}

// costKey is what a cost table follows from.
type costKey struct {
	picture  pictureSize // of nominal ratios the network's usual size
	input    units.Bytes // of a frame; 0 with nominal ratios, which are per byte
	fps      float64
	deadline units.Virtual
	delay    units.Virtual
	wire     workloads.Wire
	video    *video.Clip
	encoding float64
}

// task is a task of the instance.
func (c *costTables) task(task workloads.Task) scheduler.Task {
	t := scheduler.Task{Name: task.Name, At: make([]scheduler.Place, 0, len(task.At)), Start: task.Start, Stop: task.Stop}
	var keys []costKey // by index into t.Costs
	for _, source := range task.At {
		edge := c.system.edges[source.Edge]
		key := costKey{
			picture: pictureSize{task.Model, source.Height, source.Width}, input: source.Input, fps: source.FPS,
			deadline: task.Deadline, delay: c.system.delay(edge), wire: task.Wire, video: source.Video, encoding: task.Encoding,
		}
		if c.rules.Ratios == RatiosNominal {
			key.picture, key.input, key.fps = pictureSize{model: task.Model}, 0, task.FPS
		}
		cost := slices.Index(keys, key)
		if cost < 0 {
			cost = len(keys)
			keys = append(keys, key)
			t.Costs = append(t.Costs, c.table(key, task, source))
		}
		t.At = append(t.At, scheduler.Place{Edge: int32(edge), Cost: int32(cost), Input: float64(source.Input) * source.FPS})
	}
	return t
}

func (c *costTables) table(key costKey, task workloads.Task, source workloads.Source) []scheduler.Demand {
	if table, ok := c.made[key]; ok {
		return table
	}
	var table []scheduler.Demand
	if c.rules.Ratios == RatiosNominal {
		table = c.nominal(key)
	} else {
		table = c.exact(key, task, source)
	}
	c.made[key] = table
	return table
}

// exact is what the real tensors of a source's pictures ask for, for each byte a second of its input. With framing, a frame counts
// with the TCP/IP and Ethernet headers it has on the link.
func (c *costTables) exact(key costKey, task workloads.Task, source workloads.Source) []scheduler.Demand {
	input := float64(key.input) * key.fps
	var table []scheduler.Demand
	profile := c.system.profile(task, source)
	for cut := range profile.Layers {
		sum := 0.0
		bytes := c.system.messageBytes(task, source, cut)
		if c.rules.Framing {
			bytes = shape.WireBytes(bytes)
		}
		rate := scheduler.Bandwidth(bytes, key.fps, key.deadline, key.delay, c.rules.Margin)
		if cut == 0 && key.video != nil {
			// The largest packet keeps its deadline, and all of them together leave no backlog.
			rate = scheduler.Bandwidth(bytes, 0, key.deadline, key.delay, c.rules.Margin)
			for _, f := range key.video.Frames {
				packet := replay.HeaderBytes + f.Bytes
				if c.rules.Framing {
					packet = shape.WireBytes(packet)
				}
				sum += 8 * float64(packet)
			}
			rate = max(rate, units.Rate(sum/key.video.Length.Seconds()))
		}
		table = append(table, scheduler.Demand{
			Rate: rate / units.Rate(input), Compute: units.FLOPS(c.system.operations(profile, cut) * key.fps / input)})
	}
	return table
}

// nominal is the paper's form: after layer k a byte of input has become r_k bytes and cost l_k operations, with r and l those of
// the network at its usual picture size, whatever the pictures of the task. There are no headers in it.
func (c *costTables) nominal(key costKey) []scheduler.Demand {
	profile := c.system.usual[key.picture.model]
	input := float64(profile.Height*profile.Width*3) / key.encoding
	const frame = units.Bytes(1 << 30) // large, so that rounding to whole bytes does not matter
	var table []scheduler.Demand
	for cut, layer := range profile.Layers {
		ratio := 1.0
		if cut > 0 {
			ratio = float64(wire.Bytes(key.wire, layer.Shape)) / input
		}
		rate := scheduler.Bandwidth(frame, key.fps, key.deadline, key.delay, c.rules.Margin)
		table = append(table, scheduler.Demand{
			Rate: rate * units.Rate(ratio/(float64(frame)*key.fps)), Compute: units.FLOPS(c.system.operations(profile, cut) / input)})
	}
	return table
}

// usualProfiles describes every network of a workload at the picture size it was made for; an ONNX file has one only.
func usualProfiles(workload *workloads.Resolved, store model.Store) (map[string]model.Profile, error) {
	profiles := map[string]model.Profile{}
	for _, task := range workload.Tasks {
		if _, ok := profiles[task.Model]; ok {
			continue
		}
		h, w := task.At[0].Height, task.At[0].Width
		if !model.IsFile(task.Model) {
			var err error
			if h, w, err = model.UsualSize(task.Model); err != nil {
				return nil, err
			}
		}
		var err error
		if profiles[task.Model], err = store.Describe(task.Model, h, w); err != nil {
			return nil, err
		}
	}
	return profiles, nil
}
