package workloads

import (
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/video"
)

// Workload is what a workload file says.
type Workload struct {
	Name       string       `yaml:"name" json:"name"`
	Tasks      []TaskSpec   `yaml:"tasks" json:"tasks"`
	Background []Background `yaml:"background,omitempty" json:"background,omitempty"`

	source spec.Cursor // where the workload stands in a file, for errors found later
}

// TaskSpec describes one task, or Count tasks alike.
type TaskSpec struct {
	Name string `yaml:"name" json:"name"`
	// Count n makes NAME-1 … NAME-n; 0 is one task called NAME.
	Count int `yaml:"count,omitempty" json:"count,omitempty"`
	// Model is a built-in network's name, the path of an ONNX file, which ends in .onnx, or several networks to draw from.
	Model Mix `yaml:"model,flow" json:"model"`
	// Shape is an ONNX file's input, [1,3,H,W], where the file leaves it open; empty for a built-in network.
	Shape []int   `yaml:"shape,omitempty,flow" json:"shape,omitempty"`
	Edges EdgeSet `yaml:"edges,flow" json:"edges"`
	Share Share   `yaml:"share,flow" json:"share"`
	Input Input   `yaml:"input,omitempty,flow" json:"input,omitzero"`
	// Encoding is raw 8-bit RGB bytes ÷ encoded bytes of a picture.
	Encoding float64 `yaml:"encoding" json:"encoding"`
	// FPS is frames a second, drawn once for each task; a video and recorded frames have their own.
	FPS      spec.Distribution[float64] `yaml:"fps,omitempty,flow" json:"fps,omitzero"`
	Arrival  Arrival                    `yaml:"arrival,flow" json:"arrival"`
	Deadline units.Virtual              `yaml:"deadline" json:"deadline"`
	Wire     Wire                       `yaml:"wire,flow" json:"wire"`
	// Start and Stop bound the tasks' lives from the beginning of the window; Stop 0 is the end of the run. Life is how long they
	// stay, instead of Stop.
	Start Start         `yaml:"start,omitempty,flow" json:"start,omitzero"`
	Stop  units.Virtual `yaml:"stop,omitempty" json:"stop,omitempty"`
	Life  Life          `yaml:"life,omitempty,flow" json:"life,omitzero"`
}

// DefaultTask holds what a task leaves out: one input of its own at every edge, one frame a second, and the paper's
// deadline and bytes on the wire. 3.1 is what JPEG makes of a camera picture in the paper's setting.
func DefaultTask() TaskSpec {
	return TaskSpec{
		Share:    Share{Kind: Full},
		Encoding: 3.1,
		FPS:      spec.Constant(1.0),
		Arrival:  Arrival{Kind: Periodic},
		Deadline: units.Virtual(200e6),
		Wire:     Wire{DType: Uint8, Compress: CompressNone, Scale: ScaleTensor},
	}
}

func dtypes() spec.Choice {
	return spec.Choice{string(Uint4), string(Uint8), string(Float16), string(Float32)}
}

func compressions() spec.Choice {
	return spec.Choice{CompressNone, CompressS2, CompressZstd}
}

func scales() spec.Choice { return spec.Choice{ScaleTensor, ScaleChannel} }

// Parse reads a workload. File is the name errors carry, and relative paths in the workload start from its
// directory. Every error is a *spec.Error.
func Parse(file string, data []byte) (*Workload, error) {
	w := &Workload{}
	if _, err := spec.Decode(file, data, w); err != nil {
		return nil, err
	}
	return w, nil
}

// YAML writes the workload as a file that Parse reads back into an equal one.
func (w *Workload) YAML() ([]byte, error) { return spec.Encode(w) }

// UnmarshalSpec reads a workload that stands by itself or inside an experiment, where it can also be a shipped name or
// a path, and checks it.
func (w *Workload) UnmarshalSpec(c spec.Cursor) error {
	if name, ok := c.Reference(); ok {
		named, err := LoadFrom(c.Dir(), name)
		if err != nil {
			return c.Wrap(err)
		}
		*w = *named
		return nil
	}
	type plain Workload
	p := plain{source: c}
	if err := c.Decode(&p); err != nil {
		return err
	}
	*w = Workload(p)
	return w.Validate()
}

// UnmarshalSpec reads a task over DefaultTask.
func (t *TaskSpec) UnmarshalSpec(c spec.Cursor) error {
	type plain TaskSpec
	p := plain(DefaultTask())
	if err := c.Decode(&p); err != nil {
		return err
	}
	if p.Count == 0 && c.Has("count") {
		return c.Field("count").Errorf("at least 1", "no task is made")
	}
	if p.Input.Video != "" || p.Arrival.Kind == Replayed {
		switch {
		case c.Has("fps") && p.Input.Video != "":
			return c.Field("fps").Errorf("no fps beside a video", "the video's frames have times of their own")
		case c.Has("fps"):
			return c.Field("fps").Errorf("no fps beside a trace", "recorded frames have times of their own")
		}
		p.FPS = spec.Distribution[float64]{}
	}
	if p.Model.file() {
		path, err := c.Field("model").Path(p.Model[0].Model)
		if err != nil {
			return err
		}
		p.Model = One(path)
	}
	*t = TaskSpec(p)
	return nil
}

// isFile tells an ONNX file from a built-in network.
func isFile(model string) bool { return strings.HasSuffix(model, ".onnx") }

// EdgeSet names the edges a task runs at; empty is all of them.
type EdgeSet []string

const allEdges = "all"

// UnmarshalSpec reads "all" or a list of names.
func (s *EdgeSet) UnmarshalSpec(c spec.Cursor) error {
	if word, ok := c.Scalar(); ok {
		if word != allEdges {
			return c.Wrong("all, or a list of names of edges")
		}
		*s = nil
		return nil
	}
	var names []string
	if err := c.Decode(&names); err != nil {
		return err
	}
	if len(names) == 0 {
		return c.Errorf("all, or a list of names of edges", "names no edge")
	}
	*s = names
	return nil
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (s EdgeSet) MarshalYAML() (any, error) {
	if len(s) == 0 {
		return allEdges, nil
	}
	return []string(s), nil
}

// Share says how a task's input is spread over its edges.
type Share struct {
	// Kind is one of the constants below.
	Kind string
	// Subset is the number of edges a Subset share draws.
	Subset int
	// Parts is the fraction of the input at each edge of an Explicit share.
	Parts map[string]float64
}

// The kinds of share. With Full every edge has an input of its own; the others share one input out.
const (
	Full         = "full"
	Proportional = "proportional" // to the edges' uplink rates
	Even         = "even"
	Dirichlet    = "dirichlet" // random parts, uniform over all ways to share
	Subset       = "subset"    // even, over some edges drawn at random
	Explicit     = "explicit"
)

const allowedShares = "full, proportional, even, dirichlet, {subset: n}, or parts such as {gw-a: 0.7, gw-b: 0.3}"

// UnmarshalSpec reads a word, {subset: n}, or parts by edge.
func (s *Share) UnmarshalSpec(c spec.Cursor) error {
	if word, ok := c.Scalar(); ok {
		switch word {
		case Full, Proportional, Even, Dirichlet:
			*s = Share{Kind: word}
			return nil
		}
		return c.Errorf(allowedShares, "%q is unknown", spec.Clip(word))
	}
	switch keys := c.Keys(); {
	case len(keys) == 0:
		return c.Wrong(allowedShares)
	case len(keys) == 1 && keys[0] == Subset:
		*s = Share{Kind: Subset}
		return c.Field(Subset).Decode(&s.Subset)
	}
	*s = Share{Kind: Explicit}
	return c.Decode(&s.Parts)
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (s Share) MarshalYAML() (any, error) {
	switch s.Kind {
	case Subset:
		return map[string]int{Subset: s.Subset}, nil
	case Explicit:
		return s.Parts, nil
	}
	return s.Kind, nil
}

// Input is the size of a frame: encoded bytes, drawn once for each task, the pictures of a directory, or a video's frames.
type Input struct {
	Size   spec.Distribution[units.Bytes]
	Frames string
	// Video is a file, or the name of a shipped one. With Keyframes only its key frames are captured.
	Video     string
	Keyframes bool
}

const allowedInputs = "bytes such as 200kB, a distribution such as {uniform: [100kB, 1MB]}, {frames: DIR}, or {video: FILE, keyframes: true}"

// UnmarshalSpec reads a size, a distribution of sizes or a directory.
func (in *Input) UnmarshalSpec(c spec.Cursor) error {
	if c.Has("video") {
		var file videoInput
		if err := c.Decode(&file); err != nil {
			return err
		}
		if file.Video == "" {
			return c.Field("video").Errorf("a file, or "+strings.Join(video.Shipped(), ", "), "no video is named")
		}
		*in = Input{Video: file.Video, Keyframes: file.Keyframes}
		if video.IsShipped(file.Video) {
			return nil
		}
		path, err := c.Field("video").Path(file.Video)
		in.Video = path
		return err
	}
	if c.Has("frames") {
		var dir struct {
			Frames string `yaml:"frames"`
		}
		if err := c.Decode(&dir); err != nil {
			return err
		}
		path, err := c.Field("frames").Path(dir.Frames)
		*in = Input{Frames: path}
		return err
	}
	*in = Input{}
	return c.Decode(&in.Size)
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (in Input) MarshalYAML() (any, error) {
	switch {
	case in.Frames != "":
		return map[string]string{"frames": in.Frames}, nil
	case in.Video != "":
		return videoInput{in.Video, in.Keyframes}, nil
	}
	return in.Size, nil
}

type videoInput struct {
	Video     string `yaml:"video"`
	Keyframes bool   `yaml:"keyframes"`
}
