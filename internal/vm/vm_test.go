package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unpack reads an archive as the kernel does: names, modes and content, each field at a multiple of four bytes.
func unpack(t *testing.T, b []byte) map[string]string {
	t.Helper()
	entries := map[string]string{}
	for at := 0; ; {
		var mode, size, name uint32
		if at%4 != 0 || len(b) < at+110 || string(b[at:at+6]) != "070701" {
			t.Fatalf("no header at byte %d of %d", at, len(b))
		}
		for field, value := range map[int]*uint32{1: &mode, 6: &size, 11: &name} {
			if _, err := fmt.Sscanf(string(b[at+6+8*field:at+14+8*field]), "%08x", value); err != nil {
				t.Fatal(err)
			}
		}
		nameEnd := at + 110 + int(name)
		start := (nameEnd + 3) / 4 * 4
		end := start + int(size)
		text := strings.TrimSuffix(string(b[at+110:nameEnd]), "\x00")
		if text == trailer {
			if at = (end + 3) / 4 * 4; at != len(b) {
				t.Errorf("%d bytes behind the trailer", len(b)-at)
			}
			return entries
		}
		entries[text] = fmt.Sprintf("%o %s", mode, b[start:end])
		at = (end + 3) / 4 * 4
	}
}

func TestAnArchiveIsWhatTheKernelReads(t *testing.T) {
	var b bytes.Buffer
	a := &archive{w: &b}
	a.dir("a")
	a.file("a/one", 0o755, []byte("x"))
	a.file("four", 0o644, []byte("1234"))
	a.file("none", 0o644, nil)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "40755 ", "a/one": "100755 x", "four": "100644 1234", "none": "100644 "}
	if diff := cmp.Diff(want, unpack(t, b.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnArchiveThatCannotBeWrittenIsAnError(t *testing.T) {
	full := errors.New("full")
	r, w := io.Pipe()
	r.CloseWithError(full)
	a := &archive{w: w}
	a.file("x", 0o644, []byte("x"))
	if err := a.close(); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
}

func TestEveryDirectoryComesAfterItsParent(t *testing.T) {
	got := parents([]string{"/b/c/d/file", "/a-b/x", "/a/x", "/top"})
	for i, dir := range got {
		if parent := filepath.Dir(dir); parent != "/" && !slices.Contains(got[:i], parent) {
			t.Errorf("%s comes before its parent: %v", dir, got)
		}
	}
	if want := []string{"/a", "/a-b", "/b", "/b/c", "/b/c/d"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWhatAModuleDependsOn(t *testing.T) {
	for info, want := range map[string][]string{
		"name=sch_htb\x00depends=\x00":                       nil,
		"license=GPL\x00depends=a-b,c\x00vermagic=6.1\x00":   {"a_b", "c"},
		"alias=depends=x\x00":                                nil,
		"depends=stp,llc\x00depends=of another that follows": {"stp", "llc"},
	} {
		if got := parseDepends(info); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", info, got, want)
		}
	}
}

func TestModulesComeAfterWhatTheyDependOn(t *testing.T) {
	k := guestKernel(t)
	files, err := k.order("bridge", "sch-netem")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".ko"))
	}
	if want := []string{"llc", "stp", "bridge", "sch_netem"}; !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
	if _, err := k.order("sch_nothing"); err == nil || !strings.Contains(err.Error(), "sch_nothing") {
		t.Errorf("error %v, want one that names the module", err)
	}
}

func TestADirectoryWithoutAKernelIsAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenKernel(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want one that names %s", err, dir)
	}
}

func TestTheConsoleTellsHowProgramsEnded(t *testing.T) {
	text := strings.Join([]string{
		"[    0.1] booting", Began("one"), "hello", Ended("one", 0), Began("two words"), "--- FAIL: x", Ended("two", 1),
		Trouble(errors.New("no disk")), Finished(), "[    9.9] reboot: Power down"}, "\r\n")
	var seen int
	got, err := readConsole(strings.NewReader(text), func(string) { seen++ })
	want := Report{
		Programs: []Result{{"one", 0, []string{"hello"}}, {"two", 1, []string{"--- FAIL: x"}}},
		Troubles: []string{"no disk"},
		Finished: true,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || seen != 10 {
		t.Errorf("error %v, %d lines seen, (-want +got):\n%s", err, seen, diff)
	}
	if cut, _ := readConsole(strings.NewReader(text[:len(text)-60]), func(string) {}); cut.Finished {
		t.Error("a console that breaks off is finished")
	}
}

// A guest that does not come to its end must not look like one that passed, whatever QEMU's exit code.
func TestAGuestThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	k := guestKernel(t)
	noInit := filepath.Join(t.TempDir(), "init")
	if err := os.WriteFile(noInit, []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), t.TempDir(), Guest{Kernel: k, Init: noInit, MemoryMB: 256}, func(string) {})
	if err == nil || report.Finished {
		t.Errorf("report %+v, error %v; want an error", report, err)
	}
}
