package testbed

import "errors"

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
