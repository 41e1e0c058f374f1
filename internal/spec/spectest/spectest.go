// Package spectest is what the tests of all specs share.
package spectest

import (
	"errors"
	"testing"

	"github.com/splitbed/splitbed/internal/spec"
)

// Refused checks that err is a *spec.Error and reads exactly as wanted: these messages are what a user has to go by.
func Refused(t testing.TB, err error, want string) {
	t.Helper()
	var e *spec.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v (%T), want a *spec.Error:\n%s", err, err, want)
		return
	}
	if got := err.Error(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// Placed checks that an error about a spec, if there is one, says where it is wrong.
func Placed(t testing.TB, err error) {
	t.Helper()
	var e *spec.Error
	if err != nil && (!errors.As(err, &e) || e.File == "" || e.Problem == "") {
		t.Fatalf("error %#v does not point into a file", err)
	}
}
