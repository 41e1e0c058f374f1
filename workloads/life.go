package workloads

import (
	"math/rand/v2"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Start is when the tasks of an entry arrive, from the beginning of the window. The zero value has all of them there from
// the beginning, the warm-up included.
type Start struct {
	// Moment is drawn by each task for itself, where neither Every nor Poisson says otherwise.
	Moment spec.Distribution[units.Virtual]
	// Every is the time between one task and the next, the first of which comes at From.
	Every units.Virtual
	// Poisson is the mean number of tasks that come in a second, at random, the first after From.
	Poisson float64
	From    units.Virtual
}

const allowedStarts = "a time such as 3s, a distribution such as {uniform: [0s, 8s]}, {every: 100ms} or {poisson: 5} (tasks a second), " +
	"the last two also with from: 1s"

// UnmarshalSpec reads a time, a distribution of times, {every: period} or {poisson: tasks a second}.
func (s *Start) UnmarshalSpec(c spec.Cursor) error {
	*s = Start{}
	every, poisson := c.Has("every"), c.Has("poisson")
	if !every && !poisson {
		return c.Decode(&s.Moment)
	}
	var form struct {
		Every   units.Virtual `yaml:"every"`
		Poisson float64       `yaml:"poisson"`
		From    units.Virtual `yaml:"from"`
	}
	if err := c.Decode(&form); err != nil {
		return err
	}
	switch {
	case every && poisson:
		return c.Errorf(allowedStarts, "tasks come either every so often or at random")
	case every && (form.Every <= 0 || form.Every > maxSpan):
		return c.Field("every").Errorf("a time above 0s", "%v is no time between two tasks", form.Every)
	case poisson && !(form.Poisson > 0 && form.Poisson <= maxFPS*maxTasks):
		return c.Field("poisson").Errorf("tasks a second, above 0", "%v is no number of tasks a second", form.Poisson)
	}
	*s = Start{Every: form.Every, Poisson: form.Poisson, From: form.From}
	return nil
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (s Start) MarshalYAML() (any, error) {
	type every struct {
		Every units.Virtual `yaml:"every"`
		From  units.Virtual `yaml:"from,omitempty"`
	}
	type poisson struct {
		Poisson float64       `yaml:"poisson"`
		From    units.Virtual `yaml:"from,omitempty"`
	}
	switch {
	case s.Every > 0:
		return every{s.Every, s.From}, nil
	case s.Poisson > 0:
		return poisson{s.Poisson, s.From}, nil
	}
	return s.Moment.MarshalYAML()
}

// IsZero keeps the start that needs no word out of what is written.
func (s Start) IsZero() bool {
	return s.Every == 0 && s.Poisson == 0 && s.Moment.Constant() && s.Moment.Low == 0
}

// bounds are the earliest and the latest start of n tasks, as far as they are known before they are drawn.
func (s Start) bounds(n int) (first, last units.Virtual) {
	switch {
	case s.Every > 0:
		return s.From, s.nth(n - 1)
	case s.Poisson > 0:
		return s.From, s.From
	}
	return s.Moment.Low, s.Moment.High
}

// nth is when task i comes, counted from 0, where one comes every so often.
func (s Start) nth(i int) units.Virtual {
	return units.Virtual(min(float64(s.From)+float64(i)*float64(s.Every), float64(maxSpan)))
}

// draw lists when n tasks of an entry come. A start that is drawn never is 0: that would have the task there in the
// warm-up.
func (s Start) draw(n int, random *rand.Rand) []units.Virtual {
	starts := make([]units.Virtual, n)
	at := float64(s.From)
	for i := range starts {
		switch {
		case s.Every > 0:
			starts[i] = s.nth(i)
		case s.Poisson > 0:
			at = min(at+random.ExpFloat64()/s.Poisson*1e9, float64(maxSpan))
			starts[i] = max(1, units.Virtual(at))
		case s.Moment.Constant():
			starts[i] = s.Moment.Low
		default:
			starts[i] = max(1, units.Virtual(s.Moment.Draw(random.Float64())))
		}
	}
	return starts
}

// Life is how long each task stays from its start on; the zero value is until the end of the run.
type Life struct {
	Stay spec.Distribution[units.Virtual]
}

const allowedLives = "a time above 0s such as 4s, or a distribution such as {exponential: {mean: 4s}}"

// UnmarshalSpec reads a time or a distribution of times.
func (l *Life) UnmarshalSpec(c spec.Cursor) error {
	err := c.Decode(&l.Stay)
	if err == nil && l.IsZero() {
		err = c.Errorf(allowedLives, "0s is no life")
	}
	return err
}

// MarshalYAML writes the form UnmarshalSpec reads.
func (l Life) MarshalYAML() (any, error) { return l.Stay.MarshalYAML() }

// IsZero keeps the life that needs no word out of what is written.
func (l Life) IsZero() bool { return l.Stay.Constant() && l.Stay.Low == 0 }

// lives draws when the tasks of an entry come and go; a stop of 0 is the end of the run.
func (r *resolver) lives(t TaskSpec, n int) (starts, stops []units.Virtual) {
	random := r.random("life", t.Name, "") // apart from the other draws, which do not change with it
	starts, stops = t.Start.draw(n, random), make([]units.Virtual, n)
	for i := range stops {
		stops[i] = t.Stop
		if !t.Life.IsZero() {
			stops[i] = starts[i] + max(1, units.Virtual(t.Life.Stay.Draw(random.Float64())))
		}
	}
	return starts, stops
}

// validateLife checks when an entry's tasks come and go.
func (t TaskSpec) validateLife(c spec.Cursor) error {
	first, last := t.Start.bounds(max(1, t.Count))
	if first < 0 {
		last = first // to be refused
	}
	if t.Start.Poisson > 0 && t.Stop != 0 {
		return c.Field("stop").Errorf("life, with a start at random", "the last task may come after %v", t.Stop)
	}
	if err := validateLife(c, last, t.Stop); err != nil || t.Life.IsZero() {
		return err
	}
	if t.Stop != 0 {
		return c.Field("life").Errorf("life or stop", "the task stops at %v already", t.Stop)
	}
	if l := t.Life.Stay; l.Low <= 0 || l.High > maxSpan {
		return c.Field("life").Errorf(allowedLives, "%v is no life%s", l, boundable(l.Kind))
	}
	return nil
}
