package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Command is the program that boots guests.
const Command = "qemu-system-x86_64"

// flags are what makes a guest keep virtual time. An instruction takes 2^0 ns; a guest that waits is not made to wait
// in the host's time; its clock and its random numbers start alike every time; there is one processor, because
// where instructions are counted QEMU 7.2 starves a second one.
var flags = []string{
	"-M", "pc", "-cpu", "max", "-smp", "1", "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
	"-rtc", "base=2026-01-01,clock=vm", "-seed", "1",
	"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
}

// kernelArguments leave out what costs instructions and is of no use in an emulated processor, and make a kernel that
// panics end the machine.
const kernelArguments = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on"

// Run boots a guest and waits until it has powered off. Every line of its console is passed to each. The files it is
// booted from are made in dir. The error tells that the guest did not come to its end or that something beside its
// programs failed; how those ended is in the report.
func Run(ctx context.Context, dir string, g Guest, each func(line string)) (Report, error) {
	initramfs := filepath.Join(dir, "initramfs")
	if err := writeFile(initramfs, g.initramfs); err != nil {
		return Report{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, Command, append(flags, "-m", strconv.Itoa(g.MemoryMB), "-kernel", g.Kernel.Image,
		"-initrd", initramfs, "-append", kernelArguments)...)
	errs := &tail{}
	cmd.Stderr = errs
	console, err := cmd.StdoutPipe()
	if err != nil {
		return Report{}, err
	}
	if err := cmd.Start(); err != nil {
		return Report{}, err
	}
	report, readErr := readConsole(console, each)
	if readErr != nil {
		cancel()
	}
	waitErr := cmd.Wait()
	// QEMU's own exit code tells nothing: it is 0 as well where the guest has panicked.
	if !report.Finished {
		err = fmt.Errorf("the guest did not come to its end after %d of %d programs: %w", len(report.Programs), len(g.Programs),
			errors.Join(context.Cause(ctx), readErr, waitErr, errs.err()))
	}
	for _, t := range report.Troubles {
		err = errors.Join(err, errors.New("in the guest: "+t))
	}
	return report, err
}

func writeFile(name string, content func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(content(f), f.Close())
}

// tail keeps the first kilobytes of what QEMU complains about.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b[:min(len(b), 4096-len(t.text))]...)
	return len(b), nil
}

func (t *tail) err() error {
	if len(t.text) == 0 {
		return nil
	}
	return fmt.Errorf("%s says: %s", Command, t.text)
}
