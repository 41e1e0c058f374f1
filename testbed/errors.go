package testbed

import (
	"errors"
	"slices"
	"syscall"
)

// InputError wraps an error whose cause is what the user asked for: a bad file, a schedule that breaks
// a constraint, a budget the host cannot emulate. Nothing was started; the command exits with 2.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }

func (e *InputError) Unwrap() error { return e.Err }

func inputError(err error) error {
	if err == nil {
		return nil
	}
	return &InputError{err}
}

// ErrInterrupted is returned by a run whose context ended before its replay did. What was measured
// until then is in the run directory.
var ErrInterrupted = errors.New("interrupted")

// joinOnce joins errors, but of those that say that the disk is full only the last: it shows wherever something is written, and is
// one thing to mend.
func joinOnce(errs ...error) error {
	var leaves []error
	for _, err := range errs {
		leaves = append(leaves, split(err)...)
	}
	full := func(err error) bool { return errors.Is(err, syscall.ENOSPC) }
	var kept []error
	for i, err := range leaves {
		if !full(err) || !slices.ContainsFunc(leaves[i+1:], full) {
			kept = append(kept, err)
		}
	}
	return errors.Join(kept...)
}

// split takes apart what errors.Join has joined, and nothing that says more than its parts do.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if err == nil || !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var leaves []error
	for _, err := range joined.Unwrap() {
		leaves = append(leaves, split(err)...)
	}
	return leaves
}
