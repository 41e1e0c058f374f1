package workloads

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/video"
)

// ModelInfo is what resolving needs to know of the networks.
type ModelInfo interface {
	// MinSize is the height and width in pixels of the smallest picture a network takes. The error for an
	// unknown network lists the known ones.
	MinSize(model string) (h, w int, err error)
	// FileSize is the height and width in pixels of the pictures an ONNX file takes, given a shape [1,3,H,W] or none.
	FileSize(path string, shape []int) (h, w int, err error)
	// Clip is what is replayed of a video: a file, or a shipped one by name.
	Clip(fileOrName string, keyframes bool) (*video.Clip, error)
}

// Resolved is a workload with everything decided: what each task does at each edge.
type Resolved struct {
	Name       string       `json:"name"`
	Tasks      []Task       `json:"tasks"`
	Background []Background `json:"background,omitempty"`
}

// Resolve decides what a workload leaves to a topology and a seed: input by edge, picture sizes, phases. The same
// arguments give the same result. Errors are *spec.Error.
//
// A frame of d encoded bytes is a 4:3 picture of encoding·d/3 pixels, its sides rounded to multiples of four. A
// network runs at no more than eight sizes; where its sources ask for more, each takes the nearest of eight in a
// geometric grid, and a frame keeps its d bytes. Where the picture would be smaller than the network takes, or than a JPEG
// of that encoding can be, it is the smallest one, Input is what that picture encodes to, and FPS falls by the same factor. So
// Input·FPS, the bytes a second a source delivers, is always what the workload asks for (to half a byte a frame).
//
// A video's frames keep their size, their times and their bytes, and are scaled only where the network takes no smaller ones.
// Frames with recorded times are never rarer: they have the bytes of the smallest picture instead. A trace with sizes gives d as
// their mean. An onoff task's FPS, which is what its bursts have, becomes the mean rate.
// Pictures of a directory keep the aspect of the first of them, and their mean file size is d. A network with a shape runs at
// that shape alone: its sources with a share of an input have whole frames, at a share of the rate.
func (w *Workload) Resolve(topo *topologies.Topology, seed uint64, models ModelInfo) (*Resolved, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	topo, err := topo.Expand()
	if err != nil {
		return nil, err
	}
	if err := w.Check(topo); err != nil {
		return nil, err
	}
	r := resolver{topo: topo, seed: seed, models: models, networks: map[string]*network{}, recorded: map[string]spec.Cursor{}, files: spec.Files{}}
	out := &Resolved{Name: w.Name, Background: slices.Clone(w.Background)}
	for i := range out.Background {
		if err := out.Background[i].read(w.source.Field("background").Index(i), r.files); err != nil {
			return nil, err
		}
	}
	for i, t := range w.Tasks {
		at := w.source.Field("tasks").Index(i)
		smallest := map[string]size{}
		if t.Model.file() {
			h, width, err := models.FileSize(t.Model[0].Model, t.Shape)
			if err != nil {
				return nil, at.Field("model").Wrap(err)
			}
			t.Shape = []int{1, channels, h, width}
			smallest[t.Model[0].Model] = size{h, width}
		}
		for _, part := range t.Model {
			name := part.Model
			if isFile(name) {
				continue
			}
			h, width, err := models.MinSize(name)
			if err != nil {
				return nil, at.Field("model").Wrap(err)
			}
			smallest[name] = size{h, width}
		}
		if err := t.record(at, r.files); err != nil {
			return nil, err
		}
		tasks, err := r.tasks(at, t, smallest)
		if err != nil {
			return nil, err
		}
		out.Tasks = append(out.Tasks, tasks...)
	}
	for _, n := range r.networks {
		n.settle()
	}
	for i := range out.Tasks {
		if err := r.fits(out.Tasks[i]); err != nil {
			return nil, err
		}
	}
	for i := range out.Tasks {
		t := &out.Tasks[i]
		for j := range t.At {
			t.At[j].draw(r.random(t.Name, t.At[j].Edge))
		}
	}
	return out, nil
}

// fits refuses a trace with frames too small for the pictures they are to be.
func (r *resolver) fits(t Task) error {
	for _, s := range t.At {
		if s.Recorded == nil {
			continue
		}
		if err := s.Recorded.fits(s.Height, s.Width); err != nil {
			return r.recorded[t.Name].Wrap(err)
		}
	}
	return nil
}

type resolver struct {
	topo     *topologies.Topology
	seed     uint64
	models   ModelInfo
	networks map[string]*network
	recorded map[string]spec.Cursor // where a task names its trace
	files    spec.Files
	sources  int
}

// network gathers the sources that run one network, whose picture sizes are chosen together.
type network struct {
	smallest size
	wishes   []wish
}

// wish is what a source would have if pictures came in any size.
type wish struct {
	source   *Source
	bytes    float64 // encoded bytes of a frame
	encoding float64 // raw bytes ÷ encoded bytes of this source's pictures
	aspect   size
	clip     *video.Clip // of a video
}

// picture is the one to run, were there no limit on the number of sizes. rarer says that it holds more bytes than the
// source has for a frame, so that frames must become rarer: the smallest picture that the network takes and, where it is
// to be made, a JPEG can be encoded as.
func (w wish) picture(smallest size) (picture size, rarer bool) {
	picture = w.aspect.scaled(w.bytes * w.encoding / channels)
	least := 0.0
	if w.source.Frames == "" && w.clip == nil {
		// Where no size is large enough, making the picture says so.
		if least = camera.LeastPixels(w.encoding); math.IsInf(least, 1) {
			least = 0
		}
	}
	if picture.holds(smallest) && picture.pixels() >= least {
		return picture, false
	}
	if picture = w.aspect.atLeast(smallest); picture.pixels() < least {
		height := math.Sqrt(least * float64(w.aspect.height) / float64(w.aspect.width))
		picture = w.aspect.atLeast(size{max(int(math.Ceil(height)), smallest.height), smallest.width})
	}
	return picture, true
}

// random is the stream of random numbers that belongs to a name.
func (r *resolver) random(names ...string) *rand.Rand {
	h := fnv.New64a()
	for _, n := range names {
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(n)))
		h.Write(length[:]) // so that "a","bc" and "ab","c" differ; a hash never fails to write
		h.Write([]byte(n))
	}
	return rand.New(rand.NewPCG(r.seed, h.Sum64()))
}

// tasks makes the tasks of an entry; smallest is the smallest picture each of its networks takes.
func (r *resolver) tasks(at spec.Cursor, t TaskSpec, smallest map[string]size) ([]Task, error) {
	common, err := r.pictures(at, t)
	if err != nil {
		return nil, err
	}
	var out []Task
	names := t.names()
	starts, stops := r.lives(t, len(names))
	for i, name := range names {
		random := r.random(name)
		task := Task{
			Name: name, Model: t.Model.draw(random), Deadline: t.Deadline, Wire: t.Wire, Start: starts[i], Stop: stops[i],
			FPS: t.FPS.Low, Encoding: common.encoding,
		}
		net := r.network(task.Model, t.Shape, smallest[task.Model])
		whole := common
		if t.Input.Frames == "" && t.Input.Video == "" {
			whole.bytes = t.Input.Size.Draw(random.Float64())
		}
		recorded := t.Arrival.Recorded
		r.recorded[name] = at.Field("arrival").Field(Replayed)
		if common.clip != nil {
			task.FPS = common.clip.FPS()
		} else if recorded != nil {
			task.FPS = recorded.FPS()
			if recorded.Sized() {
				whole.bytes = recorded.MeanBytes()
			}
		} else if !t.FPS.Constant() { // so that a constant one leaves the other draws as they were
			task.FPS = t.FPS.Draw(random.Float64())
		}
		task.FPS *= t.Arrival.active()
		parts := r.parts(t, random)
		if r.sources += len(parts); r.sources > maxSources {
			return nil, at.Field("count").Errorf("", "tasks and edges together make more than %d sources", maxSources)
		}
		task.At = make([]Source, len(parts))
		for i, p := range parts {
			source := &task.At[i]
			*source = Source{Edge: p.edge, FPS: task.FPS, Arrival: t.Arrival.Kind, On: t.Arrival.On, Off: t.Arrival.Off,
				Frames: t.Input.Frames, Video: common.clip, Recorded: recorded}
			net.add(t, source, whole, p.part)
		}
		out = append(out, task)
	}
	return out, nil
}

// pictures is what a task's frames have in common: for those of a directory or a video everything, for synthetic ones all but
// their size.
func (r *resolver) pictures(at spec.Cursor, t TaskSpec) (wish, error) {
	if t.Input.Video != "" {
		clip, err := r.models.Clip(t.Input.Video, t.Input.Keyframes)
		if err != nil {
			return wish{}, at.Field("input").Field("video").Wrap(err)
		}
		shown := size{clip.Height, clip.Width}
		return wish{bytes: clip.MeanBytes(), encoding: channels * shown.pixels() / clip.MeanBytes(), aspect: shown, clip: clip}, nil
	}
	if t.Input.Frames == "" {
		return wish{encoding: t.Encoding, aspect: fourToThree()}, nil
	}
	pictures, err := spec.Once(r.files, t.Input.Frames, survey)
	if err != nil {
		return wish{}, at.Field("input").Field("frames").Wrap(err)
	}
	return pictures, nil
}

func (r *resolver) network(model string, shape []int, smallest size) *network {
	key := fmt.Sprint(model, shape)
	if r.networks[key] == nil {
		r.networks[key] = &network{smallest: smallest}
	}
	return r.networks[key]
}

// add gives a source its part of a whole input.
func (n *network) add(t TaskSpec, s *Source, whole wish, part float64) {
	if len(t.Shape) > 0 {
		s.Height, s.Width = t.Shape[2], t.Shape[3]
		s.Input = units.Bytes(max(1, math.Round(whole.bytes)))
		s.FPS *= part
		return
	}
	whole.source = s
	if t.Input.Frames != "" {
		s.FPS *= part // the files travel as they are
	} else {
		whole.bytes *= part
	}
	n.wishes = append(n.wishes, whole)
}

// settle chooses the network's picture sizes and gives every source one of them.
func (n *network) settle() {
	wanted, rarer := make([]size, len(n.wishes)), make([]bool, len(n.wishes))
	for i, w := range n.wishes {
		wanted[i], rarer[i] = w.picture(n.smallest)
	}
	if len(wanted) == 0 {
		return
	}
	sizes := choose(wanted)
	for i, w := range n.wishes {
		picture := nearest(sizes, wanted[i].pixels())
		s := w.source
		s.Height, s.Width = picture.height, picture.width
		s.Input = units.Bytes(max(1, math.Round(w.bytes)))
		if rarer[i] && w.clip == nil && !s.Sized() {
			s.Input = units.Bytes(max(1, math.Round(picture.encoded(w.encoding))))
			if s.Recorded == nil {
				s.FPS *= w.bytes / float64(s.Input)
			}
		}
	}
}

// draw takes a source's seed and phase from its stream.
func (s *Source) draw(random *rand.Rand) {
	s.Seed = random.Uint64()
	switch {
	case s.Arrival != Periodic:
	case s.Video != nil:
		s.Phase = units.Virtual(random.Float64() * float64(s.Video.Length))
	default:
		s.Phase = units.Virtual(random.Float64() * period(s.FPS))
	}
}

// part is an edge's part of a task's input.
type part struct {
	edge string
	part float64
}

// parts shares a task's input out. The edges come in the topology's order, whatever order the task names them in.
func (r *resolver) parts(t TaskSpec, random *rand.Rand) []part {
	var out []part
	for _, e := range r.topo.Edges {
		if len(t.Edges) > 0 && !slices.Contains(t.Edges, e.Name) {
			continue
		}
		p := part{e.Name, 1}
		switch t.Share.Kind {
		case Proportional:
			p.part = float64(e.Uplink.Rate)
		case Dirichlet:
			// Exponential weights, divided by their sum, are uniform over all ways to share.
			p.part = random.ExpFloat64()
		case Explicit:
			if p.part = t.Share.Parts[e.Name]; p.part == 0 {
				continue
			}
		}
		out = append(out, p)
	}
	if t.Share.Kind == Full {
		return out
	}
	if t.Share.Kind == Subset {
		drawn := random.Perm(len(out))[:t.Share.Subset]
		slices.Sort(drawn)
		some := make([]part, len(drawn))
		for i, at := range drawn {
			some[i] = out[at]
		}
		out = some
	}
	sum := 0.0
	for _, p := range out {
		sum += p.part
	}
	for i := range out {
		out[i].part /= sum
	}
	return out
}
