package testbed

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/internal/proc"
)

func TestJournalIsReadBackWithoutItsTornLastLine(t *testing.T) {
	t.Setenv("SPLITBED_STATE", t.TempDir())
	j, err := openJournal("r1", "/runs/r1")
	if err != nil {
		t.Fatal(err)
	}
	want := []object.Object{{Kind: object.NetNS, Name: "sb-r1-gw"}, {Kind: object.Container, Name: "sb-r1-cloud"}}
	for _, o := range want {
		if err := j.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.file.WriteString(`{"kind":"netns","na`); err != nil {
		t.Fatal(err)
	}
	all, err := journals()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d journals, %v; want one", len(all), err)
	}
	if diff := cmp.Diff(want, all[0].objects); diff != "" {
		t.Errorf("objects (-written +read):\n%s", diff)
	}
	if !all[0].alive() {
		t.Error("the journal of this very process is called dead")
	}
	if err := j.remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, _ := journals(); len(all) != 0 {
		t.Errorf("%d journals after remove", len(all))
	}
}

func TestARunIsDeadWithItsProcessOrItsBoot(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	identity, err := proc.Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	j := journalled{owner: owner{Run: "r", Process: identity, Boot: proc.BootID()}}
	if !j.alive() {
		t.Error("a run whose process lives is called dead")
	}
	other := j
	other.owner.Boot = "another boot"
	if other.alive() {
		t.Error("a run of another boot is called alive")
	}
	cmd.Process.Kill()
	cmd.Wait()
	if j.alive() {
		t.Error("a run whose process ended is called alive")
	}
}

func TestCleanForgetsADeadRunOfWhichNothingIsLeft(t *testing.T) {
	state := t.TempDir()
	t.Setenv("SPLITBED_STATE", state)
	line, err := json.Marshal(owner{Run: "dead", Process: "1:0", Boot: proc.BootID()})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(state, "dead"+journalSuffix)
	if err := os.WriteFile(path, append(line, []byte("\n{\"kind\":\"netns\",\"name\":\"sb-dead-gw\"}\n")...), 0o644); err != nil {
		t.Fatal(err)
	}
	cleaned, err := Clean(context.Background(), false)
	if err != nil || len(cleaned.Removed) != 0 || cleaned.Kept != 0 {
		t.Errorf("%+v, %v; want nothing removed and nothing kept", cleaned, err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the journal of a run of which nothing is left: %v", err)
	}
}
