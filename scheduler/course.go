package scheduler

import (
	"fmt"
	"math"

	"github.com/splitbed/splitbed/internal/units"
)

// Course is a quantity over time: First from ever, and from the time of each step on what the step says. Steps ascend; of those of one
// time the last counts.
type Course[T any] struct {
	First T
	Steps []Step[T]
}

// Step is what a quantity becomes.
type Step[T any] struct {
	At units.Virtual
	To T
}

// Constant is a quantity that never changes.
func Constant[T any](v T) Course[T] { return Course[T]{First: v} }

// validate refuses values that are not allowed, and steps that are not in order.
func (c Course[T]) validate(check func(T) error) error {
	if err := check(c.First); err != nil {
		return err
	}
	for n, s := range c.Steps {
		if n > 0 && s.At < c.Steps[n-1].At {
			return fmt.Errorf("a change at %v comes after one at %v; they must ascend", s.At, c.Steps[n-1].At)
		}
		if err := check(s.To); err != nil {
			return fmt.Errorf("from %v on: %w", s.At, err)
		}
	}
	return nil
}

// pieces is a course in seconds: values[n] holds from ends[n-1] until ends[n], and the last one, whose end is infinite, for ever. Values
// that follow each other differ. It remembers where it was asked last, so that questions in the order of time are cheap.
type pieces struct {
	values, ends []float64
	at           int
}

// newPieces is a course, each value of it turned into a figure.
func newPieces[T any](c Course[T], figure func(T) float64) pieces {
	p := pieces{values: []float64{figure(c.First)}}
	for _, s := range c.Steps {
		if v := figure(s.To); v != p.values[len(p.values)-1] {
			p.values, p.ends = append(p.values, v), append(p.ends, s.At.Seconds())
		}
	}
	p.ends = append(p.ends, math.Inf(1))
	return p
}

// find is the piece that holds at a time.
func (p *pieces) find(t float64) int {
	for t >= p.ends[p.at] && p.at < len(p.ends)-1 {
		p.at++
	}
	for p.at > 0 && t < p.ends[p.at-1] {
		p.at--
	}
	return p.at
}

// value is what holds at a time.
func (p *pieces) value(t float64) float64 { return p.values[p.find(t)] }
