package spec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/splitbed/splitbed/internal/units"
)

// Error is the one way a spec is refused.
type Error struct {
	// File as the user named it, or a shipped file's name; empty for a value that came from no file.
	File string
	// Line and Column count from 1; 0 where there is no file.
	Line, Column int
	// Key is the path of the value, such as "edges[1].uplink.rate"; empty for the file as a whole.
	Key string
	// Problem says what is wrong, Allowed what may stand there instead (empty where that says nothing new).
	Problem, Allowed string
	// Err is the cause, where there is one: a missing file, for instance.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	if e.Allowed != "" {
		b.WriteString("; allowed: " + e.Allowed)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Wrap turns an error met while reading the value at c into an *Error that points there. An *Error
// from another file (a topology an experiment names) and one that already points somewhere stay as they are.
func (c Cursor) Wrap(err error) error {
	var placed *Error
	var unit *units.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &placed) && (placed.File != "" || placed.Key != ""):
		return err
	case errors.As(err, &unit):
		e := c.refuse(fmt.Sprintf("%q: %s", Clip(unit.Text), unit.Problem), unit.Allowed)
		e.Err = err
		return e
	case placed != nil:
		e := c.refuse(placed.Problem, placed.Allowed)
		e.Err = placed.Err
		return e
	}
	e := c.refuse(err.Error(), "")
	e.Err = err
	return e
}

// Errorf refuses the value at c. Allowed may be empty.
func (c Cursor) Errorf(allowed, format string, args ...any) error {
	return c.refuse(fmt.Sprintf(format, args...), allowed)
}

func (c Cursor) refuse(problem, allowed string) *Error {
	e := &Error{File: c.File(), Key: c.key, Problem: problem, Allowed: allowed}
	if c.near != nil {
		e.Line, e.Column = c.near.line, c.near.column
	}
	return e
}

// Clip shortens a text the user gave to what an error message can carry.
func Clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
