package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/splitbed/splitbed/internal/testutil"
)

func TestLibrariesOfTheEngineAreAllFound(t *testing.T) {
	testutil.NeedsEngine(t)
	engine := os.Getenv("ONNXRUNTIME_LIB")
	interpreter, libs, err := libraries("/bin/sh", engine)
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
	if _, _, err := libraries("/etc/passwd"); err == nil {
		t.Error("a text file has libraries")
	}
}

func TestImageIsNamedByItsContent(t *testing.T) {
	dir := t.TempDir()
	hash := func(binary string) string {
		t.Helper()
		l, err := ImageSpec{Binary: binary}.layout()
		check(t, err)
		h, err := l.hash()
		check(t, err)
		return h
	}
	copied := filepath.Join(dir, "sh")
	b, err := os.ReadFile("/bin/sh")
	check(t, err)
	check(t, os.WriteFile(copied, b, 0o755))
	original := hash("/bin/sh")
	if got := hash(copied); got != original {
		t.Errorf("a copy has hash %s, its original %s", got, original)
	}
	check(t, os.WriteFile(copied, append(b, 0), 0o755))
	if got := hash(copied); got == original {
		t.Errorf("other content has the same hash %s", got)
	}
}

func TestImagesAreReusedAndOlderOnesRemoved(t *testing.T) {
	testutil.NeedsDocker(t)
	docker, err := connect(t.Context())
	check(t, err)
	defer docker.Close()
	dir := t.TempDir()
	b, err := os.ReadFile("/bin/sh")
	check(t, err)
	ensure := func(more byte) string {
		t.Helper()
		binary := filepath.Join(dir, "sh")
		check(t, os.WriteFile(binary, append(slices.Clone(b), more), 0o755))
		ref, err := ensureImage(t.Context(), docker, ImageSpec{Binary: binary})
		check(t, err)
		return ref
	}
	created := func(ref string) string {
		t.Helper()
		info, err := docker.ImageInspect(t.Context(), ref)
		check(t, err)
		return info.Created
	}
	inUse := newFixture(t, "docker")
	n := inUse.serve(t, "edge")

	first := ensure(1)
	at := created(first)
	if again := ensure(1); again != first || created(again) != at {
		t.Errorf("the same content made %s at %s, then %s at %s", first, at, again, created(again))
	}
	second := ensure(2)
	if _, err := docker.ImageInspect(t.Context(), first); !cerrdefs.IsNotFound(err) {
		t.Errorf("the older image %s: %v, want it gone", first, err)
	}
	created(inUse.rt.(*dockerRuntime).ref)
	stop(t, n)

	third := ensure(3) // removes the fixture's image, which no container uses now
	if _, err := docker.ImageInspect(t.Context(), second); !cerrdefs.IsNotFound(err) {
		t.Errorf("the older image %s: %v, want it gone", second, err)
	}
	if got := inUse.serve(t, "edge-2").ask(t, "links"); got != "1 <nil>" { // and Start makes it again
		t.Errorf("a node whose image was removed answers %q", got)
	}
	if _, err := docker.ImageInspect(t.Context(), third); !cerrdefs.IsNotFound(err) {
		t.Errorf("the image %s: %v, want it gone", third, err)
	}
}

func TestWithoutADaemonTheErrorSaysWhatToDo(t *testing.T) {
	for host, advice := range map[string]string{
		"unix://" + t.TempDir() + "/none.sock": "systemctl start docker",
		"tcp://192.0.2.1:2375":                 "unset it",
		"nonsense":                             "nonsense",
	} {
		t.Setenv("DOCKER_HOST", host)
		_, err := Docker(t.Context(), nil, ImageSpec{Binary: "/bin/sh"})
		if !errors.Is(err, ErrNoDocker) || !strings.Contains(err.Error(), advice) {
			t.Errorf("DOCKER_HOST=%s: error %v, want ErrNoDocker with %q", host, err, advice)
		}
	}
}
