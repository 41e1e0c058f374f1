package workloads

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads/camera"
)

const (
	// maxTasks and maxSources bound what a few lines can ask for.
	maxTasks   = 20_000
	maxSources = 1_000_000
	maxFPS     = 1000
	// maxPicture bounds a decoded picture by what the cameras supply.
	maxPicture = units.Bytes(channels * camera.MaxPixels)
	// partsSlack is how far rounded parts such as 0.333 may miss 1 by.
	partsSlack = 0.005
	maxSpan    = units.Virtual(24 * 3600e9)
)

// Validate checks everything a workload can get wrong in itself. Its error is a *spec.Error, which points into the file
// when the workload came from one.
func (w *Workload) Validate() error {
	c := w.source
	if err := c.Field("name").CheckName(w.Name); err != nil {
		return err
	}
	if len(w.Tasks) == 0 {
		return c.Field("tasks").Errorf("a list of tasks", "a workload has at least one task")
	}
	names := spec.Unique{}
	total := 0
	for i, t := range w.Tasks {
		at := c.Field("tasks").Index(i)
		if err := t.validate(at); err != nil {
			return err
		}
		if total += max(1, t.Count); total > maxTasks {
			return at.Field("count").Errorf("", "makes more than %d tasks in all", maxTasks)
		}
		for _, name := range t.names() {
			if err := names.Add(at.Field("name"), name, fmt.Sprintf("a task of entry %d", i+1)); err != nil {
				return err
			}
		}
	}
	for i, b := range w.Background {
		if err := b.validate(c.Field("background").Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// names are the tasks one entry makes.
func (t TaskSpec) names() []string {
	if t.Count == 0 {
		return []string{t.Name}
	}
	names := make([]string, t.Count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", t.Name, i+1)
	}
	return names
}

func (t TaskSpec) validate(c spec.Cursor) error {
	if err := c.Field("name").CheckName(t.Name); err != nil {
		return err
	}
	if t.Count < 0 || t.Count > maxTasks {
		return c.Field("count").Errorf(fmt.Sprintf("1 to %d", maxTasks), "cannot make %d tasks", t.Count)
	}
	if err := t.Model.validate(c.Field("model")); err != nil {
		return err
	}
	if err := t.validateShape(c.Field("shape")); err != nil {
		return err
	}
	if err := t.validateShare(c); err != nil {
		return err
	}
	if err := t.validateInput(c); err != nil {
		return err
	}
	switch {
	case t.Input.Video != "":
		if err := t.validateVideo(c); err != nil {
			return err
		}
	case t.Arrival.Kind == Replayed:
		if err := t.validateReplayed(c); err != nil {
			return err
		}
	case !(t.FPS.Low > 0 && t.FPS.High <= maxFPS):
		return c.Field("fps").Errorf(fmt.Sprintf("above 0, at most %d", maxFPS), "%v is no number of frames a second%s", t.FPS, boundable(t.FPS.Kind))
	}
	if err := t.Arrival.validate(c.Field("arrival")); err != nil {
		return err
	}
	if t.Deadline <= 0 || t.Deadline > maxSpan {
		return c.Field("deadline").Errorf("a time above 0 such as 200ms", "no frame can be answered within %v", t.Deadline)
	}
	if err := dtypes().Check(c.Field("wire").Field("dtype"), string(t.Wire.DType)); err != nil {
		return err
	}
	if err := compressions().Check(c.Field("wire").Field("compress"), t.Wire.Compress); err != nil {
		return err
	}
	if err := t.Wire.validateScale(c.Field("wire").Field("scale")); err != nil {
		return err
	}
	return t.validateLife(c)
}

func (w Wire) validateScale(c spec.Cursor) error {
	if err := scales().Check(c, w.Scale); err != nil {
		return err
	}
	if w.Scale == ScaleChannel && w.DType != Uint4 && w.DType != Uint8 {
		return c.Errorf(ScaleTensor, "%s has no scales", w.DType)
	}
	return nil
}

func validateLife(c spec.Cursor, start, stop units.Virtual) error {
	if start < 0 || start > maxSpan {
		return c.Field("start").Errorf("0s or later, from the beginning of the window", "%v is out of range", start)
	}
	if stop < 0 || stop > maxSpan {
		return c.Field("stop").Errorf("later than start, from the beginning of the window", "%v is out of range", stop)
	}
	if stop != 0 && stop <= start {
		return c.Field("stop").Errorf("later than start", "%v is not after the start at %v", stop, start)
	}
	return nil
}

func (t TaskSpec) validateShape(c spec.Cursor) error {
	const allowed = "[1, 3, H, W]"
	switch {
	case !t.Model.file() && len(t.Shape) > 0:
		return c.Errorf("only beside an .onnx file", "the built-in network %s takes any frame size", spec.Clip(t.Model[0].Model))
	case len(t.Shape) == 0:
		return nil
	case len(t.Shape) != 4 || t.Shape[0] != 1 || t.Shape[1] != 3:
		return c.Errorf(allowed, "%v is not a batch of one RGB picture", t.Shape)
	}
	for i, side := range t.Shape[2:] {
		const longest = 1 << 14
		if side < 1 || side > longest {
			return c.Index(i+2).Errorf(fmt.Sprintf("1 to %d", longest), "%d is no side of a picture", side)
		}
	}
	if raw := units.Bytes(3 * t.Shape[2] * t.Shape[3]); raw > maxPicture {
		return c.Errorf("at most "+maxPicture.String(), "a picture takes %v", raw)
	}
	return nil
}

func (t TaskSpec) validateShare(c spec.Cursor) error {
	seen := spec.Unique{}
	for i, name := range t.Edges {
		if err := seen.Add(c.Field("edges").Index(i), name, "an edge named before"); err != nil {
			return err
		}
	}
	at := c.Field("share")
	switch t.Share.Kind {
	case Full, Proportional, Even, Dirichlet:
		return nil
	case Subset:
		if t.Share.Subset < 1 {
			return at.Field(Subset).Errorf("at least 1", "a task cannot run at %d edges", t.Share.Subset)
		}
		if n := len(t.Edges); n > 0 && t.Share.Subset > n {
			return at.Field(Subset).Errorf(fmt.Sprintf("1 to %d", n), "the task names only %d edges", n)
		}
		return nil
	case Explicit:
		return t.validateParts(c, at)
	}
	return at.Errorf(allowedShares, "%q is unknown", t.Share.Kind)
}

func (t TaskSpec) validateParts(c, at spec.Cursor) error {
	sum := 0.0
	for _, edge := range slices.Sorted(maps.Keys(t.Share.Parts)) {
		part := t.Share.Parts[edge]
		if !(part > 0 && part <= 1) {
			return at.Field(edge).Errorf("above 0, at most 1", "%v is not a part of an input", part)
		}
		if len(t.Edges) > 0 && !slices.Contains(t.Edges, edge) {
			return at.Field(edge).Errorf(strings.Join(t.Edges, ", "), "is not among the task's edges")
		}
		sum += part
	}
	for i, edge := range t.Edges {
		if _, ok := t.Share.Parts[edge]; !ok {
			return c.Field("edges").Index(i).Errorf("", "%q has no part of the share", spec.Clip(edge))
		}
	}
	if math.Abs(sum-1) > partsSlack {
		return at.Errorf("parts that add up to 1", "the parts add up to %.4g", sum)
	}
	return nil
}

func (t TaskSpec) validateInput(c spec.Cursor) error {
	if !(t.Encoding >= 1 && t.Encoding <= 1000) {
		return c.Field("encoding").Errorf("1 to 1000", "%v is not raw bytes per encoded byte", t.Encoding)
	}
	if t.Input.Frames != "" || t.Input.Video != "" {
		return nil
	}
	if t.Arrival.Kind == Replayed && !c.Has("input") && t.Input.Size.High == 0 {
		return nil // a trace may have the sizes, which is seen when it is read
	}
	at := c.Field("input")
	switch {
	case t.Input.Size.Kind == "" && t.Input.Size.High == 0 && !c.Has("input"):
		return at.Errorf(allowedInputs, "is missing")
	case t.Input.Size.Low <= 0 || t.Input.Size.High < t.Input.Size.Low:
		return at.Errorf(allowedInputs, "a frame of %v is none%s", t.Input.Size.Low, boundable(t.Input.Size.Kind))
	case float64(t.Input.Size.High)*t.Encoding > float64(maxPicture):
		return at.Errorf(fmt.Sprintf("pictures of at most %v raw", maxPicture),
			"a frame of %v at an encoding of %v is larger than any camera's%s", t.Input.Size.High, t.Encoding, boundable(t.Input.Size.Kind))
	}
	return nil
}

// validateVideo refuses what a video's frames, which come when they are shown, cannot have.
func (t TaskSpec) validateVideo(c spec.Cursor) error {
	if t.Arrival.Kind != Periodic && t.Arrival.Kind != Synchronised {
		return c.Field("arrival").Errorf(Periodic+" (each source begins at a place of its own) or "+Synchronised,
			"a video's frames come when they are shown, not by %s arrivals", t.Arrival.Kind)
	}
	if t.Share.Kind != Full {
		return c.Field("share").Errorf(Full, "a video's frames cannot be shared out")
	}
	return nil
}

// boundable is what to do about a distribution that reaches too far.
func boundable(kind string) string {
	switch kind {
	case spec.Normal, spec.Lognormal, spec.Exponential:
		return "; within: [low, high] bounds the distribution"
	}
	return ""
}

// Check refuses a workload that names an edge the topology does not have, or asks for more edges than it has. The topology is
// an expanded one.
func (w *Workload) Check(t *topologies.Topology) error {
	known := make([]string, len(t.Edges))
	for i, e := range t.Edges {
		known[i] = e.Name
	}
	exists := func(c spec.Cursor, name string) error {
		return c.OneOf(known, name, "topology "+t.Name+" has no edge")
	}
	for i, task := range w.Tasks {
		at := w.source.Field("tasks").Index(i)
		for j, name := range task.Edges {
			if err := exists(at.Field("edges").Index(j), name); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(task.Share.Parts)) {
			if err := exists(at.Field("share").Field(name), name); err != nil {
				return err
			}
		}
		if task.Share.Kind == Subset && task.Share.Subset > len(known) {
			return at.Field("share").Field(Subset).Errorf(fmt.Sprintf("1 to %d", len(known)), "topology %s has only %d edges", t.Name, len(known))
		}
	}
	for i, b := range w.Background {
		name, _, _ := topologies.SplitLink(b.Link)
		if err := exists(w.source.Field("background").Index(i).Field("link"), name); err != nil {
			return err
		}
	}
	return nil
}
