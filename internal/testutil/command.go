package testutil

import (
	"os/exec"
	"testing"
)

// NeedsCommand asks for a program on the PATH; `make test` installs those the tests ask for.
func NeedsCommand(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		unmet(t, "the program "+name)
	}
}
