package testutil

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// MainWithBinary is a TestMain that builds the splitbed command of this checkout, stores its path and runs
// the tests. Where there is no Go, in the guest, SPLITBED_TEST_BINARY names the command.
func MainWithBinary(m *testing.M, path *string) {
	if *path = os.Getenv("SPLITBED_TEST_BINARY"); *path != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "splitbed-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*path = filepath.Join(dir, "splitbed")
	build := exec.Command("go", "build", "-o", *path, "github.com/splitbed/splitbed/cmd/splitbed")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "go build:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}
