package proc

import (
	"os"
	"os/exec"
	"testing"
)

func TestIdentityEndsWithTheProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	identity, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !Alive(identity) {
		t.Errorf("%s is running, Alive says no", identity)
	}
	if pid, err := Pid(identity); err != nil || pid != cmd.Process.Pid {
		t.Errorf("Pid(%q) = %d, %v; want %d", identity, pid, err, cmd.Process.Pid)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if Alive(identity) {
		t.Errorf("%s has ended, Alive says yes", identity)
	}
}

func TestAnotherStartTimeIsAnotherProcess(t *testing.T) {
	identity, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if Alive(identity + "0") {
		t.Errorf("%s0 is nobody's identity, Alive says yes", identity)
	}
	for _, bad := range []string{"", "x:1", "-4:1", ":"} {
		if Alive(bad) {
			t.Errorf("Alive(%q) = true", bad)
		}
	}
}
