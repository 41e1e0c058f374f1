package dynlib

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/splitbed/splitbed/internal/testutil"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLibrariesOfTheEngineAreAllFound(t *testing.T) {
	testutil.NeedsEngine(t)
	engine := os.Getenv("ONNXRUNTIME_LIB")
	interpreter, libs, err := Needed("/bin/sh", engine)
	check(t, err)
	if !filepath.IsAbs(interpreter) {
		t.Errorf("interpreter of /bin/sh: %q", interpreter)
	}
	for _, name := range []string{"libc.so.6", "libstdc++.so.6", "libm.so.6", "libgcc_s.so.1"} {
		if libs[name] == "" {
			t.Errorf("%s is missing among %v", name, libs)
		}
	}
	for name, path := range libs {
		e, err := readELF(path)
		check(t, err)
		for _, needed := range e.needed {
			if libs[needed] == "" && needed != filepath.Base(interpreter) {
				t.Errorf("%s needs %s, which was not found", name, needed)
			}
		}
	}
}

func TestLibraryConfIsReadWithItsIncludes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("ld.so.conf", "# first\ninclude conf.d/*.conf\n/opt/lib # last\n")
	write("conf.d/a.conf", "/a\n\n/b\n")
	write("conf.d/b.conf", "include "+dir+"/more\n")
	write("more", "/more\n")
	write("loop", "include loop\n")
	got, err := libraryConf(filepath.Join(dir, "ld.so.conf"), 0)
	if diff := cmp.Diff([]string{"/a", "/b", "/more", "/opt/lib"}, got); err != nil || diff != "" {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
	if _, err := libraryConf(filepath.Join(dir, "loop"), 0); err == nil || !strings.Contains(err.Error(), "includes itself") {
		t.Errorf("a loop: %v", err)
	}
}

func TestMissingLibraryIsNamed(t *testing.T) {
	e, err := readELF("/bin/sh")
	check(t, err)
	_, err = e.find("libabsent.so.1", []string{"/lib"})
	if err == nil || !strings.Contains(err.Error(), "libabsent.so.1") || !strings.Contains(err.Error(), "/bin/sh") {
		t.Errorf("error %v, want the library and who needs it", err)
	}
	if _, _, err := Needed("/etc/passwd"); err == nil {
		t.Error("a text file has libraries")
	}
}
