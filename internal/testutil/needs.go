package testutil

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func unmet(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SPLITBED_TEST_STRICT") == "1" {
		t.Fatalf("this test needs %s, and a strict run may not skip it", what)
	}
	t.Skipf("needs %s", what)
}

// NeedsRoot asks for effective user 0: namespaces, qdiscs and cgroups are made.
func NeedsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		unmet(t, "root")
	}
}

// NeedsDocker asks for root and a Docker daemon that answers on its socket.
func NeedsDocker(t testing.TB) {
	t.Helper()
	NeedsRoot(t)
	conn, err := net.Dial("unix", "/var/run/docker.sock")
	if err != nil {
		unmet(t, "a running Docker daemon")
		return
	}
	conn.Close()
}

// InGuest tells whether the test runs in the virtual machine that package vm boots, whose time has no noise.
func InGuest() bool { return os.Getenv("SPLITBED_TEST_GUEST") == "1" }

// NeedsNetem asks for a kernel with netem. The guest's has it and there the test must run; so elsewhere a strict run
// may skip it. missing is what a probe of the kernel has found: nil
// where netem is there.
func NeedsNetem(t testing.TB, missing error) {
	t.Helper()
	if missing == nil {
		return
	}
	if InGuest() {
		t.Fatal(missing)
	}
	t.Skipf("runs in the guest (make test-vm): %v", missing)
}

// NeedsVirtualTime asks for the guest, for what takes long on a host's clock and little in the guest's. Elsewhere even a strict run may
// skip it.
func NeedsVirtualTime(t testing.TB) {
	t.Helper()
	if !InGuest() {
		t.Skip("runs in the guest (make test-vm)")
	}
}

// NeedsEngine asks for the ONNX Runtime library. Where ONNXRUNTIME_LIB is not set it is looked for in
// the module's lib directory, where `make setup` puts it.
func NeedsEngine(t testing.TB) {
	t.Helper()
	if lib := Engine(t); os.Getenv("ONNXRUNTIME_LIB") == "" {
		t.Setenv("ONNXRUNTIME_LIB", lib)
	}
}

// Engine asks for the ONNX Runtime library as [NeedsEngine] does and returns its path; it leaves the environment alone.
func Engine(t testing.TB) string {
	t.Helper()
	if lib := os.Getenv("ONNXRUNTIME_LIB"); lib != "" {
		return lib
	}
	lib := filepath.Join(ModuleRoot(t), "lib", "libonnxruntime.so.1")
	if _, err := os.Stat(lib); err != nil {
		unmet(t, "libonnxruntime (run make setup)")
	}
	return lib
}

// NeedsGuest asks for what boots a virtual machine: the program and the kernel. Where `make setup-test` finds no kernel for this
// processor, which is so on all but x86-64, the test is skipped even in a strict run.
func NeedsGuest(t testing.TB, command string) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skipf("the guest is an x86-64 machine, this is %s", runtime.GOARCH)
	}
	NeedsCommand(t, command)
	if _, err := os.Stat(filepath.Join(ModuleRoot(t), "lib", "guest")); err != nil {
		unmet(t, "the guest's kernel in lib/guest (run make setup-test)")
	}
}

// ModuleRoot is the directory of go.mod.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the working directory")
	return ""
}
