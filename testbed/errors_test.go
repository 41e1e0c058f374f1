package testbed

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

func TestAFullDiskIsSaidOnce(t *testing.T) {
	full := func(file string) error { return fmt.Errorf("write %s: %w", file, syscall.ENOSPC) }
	other := errors.New("a node has died")
	both := fmt.Errorf("while tidying: %w, %w", full("c"), other)
	for name, c := range map[string]struct {
		errs []error
		want string
	}{
		"nothing":                    {[]error{nil, nil}, ""},
		"the last of several":        {[]error{full("a"), nil, full("b")}, "write b: no space left on device"},
		"within what was joined":     {[]error{errors.Join(full("a"), other), full("b")}, "a node has died\nwrite b: no space left on device"},
		"others stay":                {[]error{other, other}, "a node has died\na node has died"},
		"what says more stays whole": {[]error{both}, "while tidying: write c: no space left on device, a node has died"},
	} {
		got := ""
		if err := joinOnce(c.errs...); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
