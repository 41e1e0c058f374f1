package topologies

import (
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// Change is what becomes of a link during a run; what is nil stays as it is.
type Change struct {
	Rate   *units.Rate        `yaml:"rate,omitempty" json:"rate,omitempty"`
	Queue  *units.Virtual     `yaml:"queue,omitempty" json:"queue,omitempty"`
	Delay  *units.Virtual     `yaml:"delay,omitempty" json:"delay,omitempty"`
	Jitter *units.Virtual     `yaml:"jitter,omitempty" json:"jitter,omitempty"`
	Loss   *units.Probability `yaml:"loss,omitempty" json:"loss,omitempty"`
	// Down takes the link down, and false up again. What waits in its queue then is lost, and so is all that comes.
	Down *bool `yaml:"down,omitempty" json:"down,omitempty"`
}

// ParseChange reads a change as a command line has it: rate=5Mbps, delay=20ms, loss=1%, down, up.
func ParseChange(words []string) (Change, error) {
	var c Change
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		var err error
		switch {
		case word == "down" || word == "up":
			down := word == "down"
			c.Down = &down
		case !ok:
			return c, fmt.Errorf("%q is no change; allowed: rate=, queue=, delay=, jitter=, loss=, down, up", word)
		case key == "rate":
			c.Rate = new(units.Rate)
			err = c.Rate.UnmarshalText([]byte(value))
		case key == "queue":
			c.Queue = new(units.Virtual)
			err = c.Queue.UnmarshalText([]byte(value))
		case key == "delay":
			c.Delay = new(units.Virtual)
			err = c.Delay.UnmarshalText([]byte(value))
		case key == "jitter":
			c.Jitter = new(units.Virtual)
			err = c.Jitter.UnmarshalText([]byte(value))
		case key == "loss":
			c.Loss = new(units.Probability)
			err = c.Loss.UnmarshalText([]byte(value))
		default:
			return c, fmt.Errorf("%q cannot be changed; allowed: rate=, queue=, delay=, jitter=, loss=, down, up", key)
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", key, err)
		}
	}
	if c == (Change{}) {
		return c, fmt.Errorf("nothing is to be changed; allowed: rate=, queue=, delay=, jitter=, loss=, down, up")
	}
	return c, nil
}

// String lists what changes: "rate 5Mbps, down".
func (c Change) String() string {
	var words []string
	if c.Rate != nil {
		words = append(words, fmt.Sprintf("rate %v", *c.Rate))
	}
	if c.Queue != nil {
		words = append(words, fmt.Sprintf("queue %v", *c.Queue))
	}
	if c.Delay != nil {
		words = append(words, fmt.Sprintf("delay %v", *c.Delay))
	}
	if c.Jitter != nil {
		words = append(words, fmt.Sprintf("jitter %v", *c.Jitter))
	}
	if c.Loss != nil {
		words = append(words, fmt.Sprintf("loss %v", *c.Loss))
	}
	if c.Down != nil {
		words = append(words, map[bool]string{true: "down", false: "up"}[*c.Down])
	}
	return strings.Join(words, ", ")
}

// State is a link at some time of a run.
type State struct {
	Link
	Down bool
}

// After is the link after a change. A queue is memory: where only the rate changes it holds the same bytes.
func (s State) After(c Change) State {
	if c.Rate != nil {
		s.Link = s.Link.AtRate(*c.Rate)
	}
	if c.Queue != nil {
		s.Queue = *c.Queue
	}
	if c.Delay != nil {
		s.Delay = *c.Delay
	}
	if c.Jitter != nil {
		s.Jitter = *c.Jitter
	}
	if c.Loss != nil {
		s.Loss = *c.Loss
	}
	if c.Down != nil {
		s.Down = *c.Down
	}
	return s
}

// AtRate is the link at another rate, with a queue of as many bytes.
func (l Link) AtRate(r units.Rate) Link {
	if r > 0 {
		l.Queue = units.Virtual(float64(l.Queue) * float64(l.Rate) / float64(r))
	}
	l.Rate = r
	return l
}

// Check tells what is wrong with a change of a link that was s before, which stands at c.
func (s State) Check(c spec.Cursor, change Change) error {
	if change == (Change{}) {
		return c.Errorf("rate, queue, delay, jitter, loss, down", "nothing is to be changed")
	}
	if change.Rate != nil && s.Trace != nil {
		return c.Field("rate").Errorf("queue, delay, jitter, loss, down", "the link follows a trace, which alone sets its rate")
	}
	return s.After(change).Link.validate(c)
}
