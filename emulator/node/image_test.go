package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/splitbed/splitbed/internal/testutil"
)

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
