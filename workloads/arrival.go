package workloads

import (
	"fmt"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Arrival says when a task's frames are captured.
type Arrival struct {
	// Kind is one of the constants below, [OnOff] or [Replayed].
	Kind string
	// On and Off are the mean lengths of OnOff's bursts and of the pauses between them.
	On, Off units.Virtual
	// File holds the times of Replayed.
	File string
	// Recorded is what Resolve has read of it.
	Recorded *Recording
}

// The arrival processes of a source that are a word.
const (
	Periodic     = "periodic"
	Synchronised = "synchronised"
	Poisson      = "poisson"
)

func arrivals() spec.Choice {
	return spec.Choice{Periodic, Synchronised, Poisson, OnOff, Replayed}
}

const allowedArrivals = Periodic + ", " + Synchronised + ", " + Poisson + ", {onoff: [2s, 3s]} (mean burst and mean pause) or {trace: FILE}"

// shortestBurst bounds how often a source begins and ends.
const shortestBurst = units.Virtual(1e6)

// UnmarshalSpec reads a word, {onoff: [mean burst, mean pause]} or {trace: FILE}.
func (a *Arrival) UnmarshalSpec(c spec.Cursor) error {
	kind, bare := c.Scalar()
	keys := c.Keys()
	if len(keys) == 1 {
		kind = keys[0]
	} else if !bare {
		return c.Wrong(allowedArrivals)
	}
	if err := arrivals().CheckOr(c, kind, allowedArrivals); err != nil {
		return err
	}
	figures := kind == OnOff || kind == Replayed
	if figures == bare {
		return c.Errorf(allowedArrivals, "%s stands %s", kind, map[bool]string{true: "without its figures", false: "alone"}[figures])
	}
	*a = Arrival{Kind: kind}
	switch at := c.Field(kind); kind {
	case OnOff:
		var spans []units.Virtual
		if err := at.Decode(&spans); err != nil {
			return err
		}
		if len(spans) != 2 {
			return at.Errorf("[mean burst, mean pause] such as [2s, 3s]", "%d times are given", len(spans))
		}
		a.On, a.Off = spans[0], spans[1]
	case Replayed:
		file, ok := at.Scalar()
		if !ok || file == "" {
			return at.Wrong("{trace: FILE}")
		}
		path, err := at.Path(file)
		a.File = path
		return err
	}
	return nil
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (a Arrival) MarshalYAML() (any, error) {
	switch a.Kind {
	case OnOff:
		return map[string][]units.Virtual{OnOff: {a.On, a.Off}}, nil
	case Replayed:
		return map[string]string{Replayed: a.File}, nil
	}
	return a.Kind, nil
}

func (a Arrival) validate(c spec.Cursor) error {
	if err := arrivals().CheckOr(c, a.Kind, allowedArrivals); err != nil || a.Kind != OnOff {
		return err
	}
	for i, span := range []units.Virtual{a.On, a.Off} {
		if span < shortestBurst || span > maxSpan {
			return c.Field(OnOff).Index(i).Errorf(fmt.Sprintf("%v to %v", shortestBurst, maxSpan), "%v is no mean length", span)
		}
	}
	return nil
}

// active is the share of time in which frames come.
func (a Arrival) active() float64 {
	if a.Kind != OnOff {
		return 1
	}
	return float64(a.On) / (float64(a.On) + float64(a.Off))
}

// validateReplayed refuses what frames with recorded times cannot have.
func (t TaskSpec) validateReplayed(c spec.Cursor) error {
	if t.Share.Kind != Full {
		return c.Field("share").Errorf(Full, "recorded frames cannot be shared out")
	}
	return nil
}

// record reads a trace's times and sizes.
func (t *TaskSpec) record(c spec.Cursor, files spec.Files) error {
	if t.Arrival.Kind != Replayed {
		return nil
	}
	at := c.Field("arrival").Field(Replayed)
	recorded, err := spec.Once(files, t.Arrival.File, readRecording)
	switch given := t.Input.Frames != "" || t.Input.Size.High > 0; {
	case err != nil:
		return at.Wrap(err)
	case recorded.Sized() && given:
		return c.Field("input").Errorf("no input", "the trace %s has the frames' sizes", t.Arrival.File)
	case !recorded.Sized() && !given:
		return c.Field("input").Errorf(allowedInputs, "is missing, and the trace %s has no sizes", t.Arrival.File)
	}
	if fps := recorded.FPS(); fps > maxFPS {
		return at.Errorf("", "%s has %.0f frames a second; at most %d are taken", t.Arrival.File, fps, maxFPS)
	}
	t.Arrival.Recorded = recorded
	return nil
}
