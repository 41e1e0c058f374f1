// Command init is process 1 of a guest: it mounts what a program on a host finds mounted, inserts modules, runs the
// script's programs one after the other and powers the machine off. See package vm.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/vm"
	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init is process 1 of a virtual machine and nothing else")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Println(vm.Trouble(err))
	}
	fmt.Println(vm.Finished())
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println(vm.Trouble(err)) // the kernel panics next, as process 1 ends
	}
}

func run() error {
	for _, m := range vm.Mounts {
		if err := os.MkdirAll(m.Point, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.Type, m.Point, m.Type, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.Point, err)
		}
	}
	// Hosts have /var/run as a link to /run.
	if err := errors.Join(os.MkdirAll("/var", 0o755), os.Symlink("/run", "/var/run")); err != nil {
		return err
	}
	text, err := os.ReadFile(vm.ScriptFile)
	if err != nil {
		return err
	}
	var script vm.Script
	if err := json.Unmarshal(text, &script); err != nil {
		return fmt.Errorf("%s: %w", vm.ScriptFile, err)
	}
	for _, file := range script.Modules {
		if err := insert(file); err != nil {
			return fmt.Errorf("insert module %s: %w", file, err)
		}
	}
	if err := favourPackets(); err != nil {
		return fmt.Errorf("ksoftirqd: %w", err)
	}
	for _, p := range script.Programs {
		fmt.Println(vm.Began(p.Name))
		cmd := exec.Command(p.Args[0], p.Args[1:]...)
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.Env, p.Dir, os.Stdout, os.Stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return err
		}
		fmt.Println(vm.Ended(p.Name, cmd.ProcessState.ExitCode()))
	}
	return nil
}

func insert(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// favourPackets lets the kernel's packet processing, where it has moved to ksoftirqd, run before all programs. On a host that is
// not overloaded it finds a processor that is free; here it would wait for the one there is.
func favourPackets() error {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(comm), "ksoftirqd/") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return err
		}
		return unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
	}
	return errors.New("there is no such thread")
}
