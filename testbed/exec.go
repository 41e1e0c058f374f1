package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/splitbed/splitbed/scheduler"
)

const (
	// execTime is how long a program may take to make a schedule, and execOutput how many bytes it may write.
	execTime   = time.Minute
	execOutput = 64 << 20
	// execWait is how long its output is waited for once it was told to end.
	execWait = 5 * time.Second
)

// execute has a program make a schedule: it reads the instance as JSON on its standard input and writes a schedule to its
// standard output, see docs/scheduling.md. No shell comes between: command is the program and its arguments. It and what it
// started are killed when ctx ends or the time is up.
func execute(ctx context.Context, algorithm string, command []string, inst scheduler.Instance) (scheduler.Schedule, error) {
	schedule, err := runScheduler(ctx, command, inst)
	if err != nil {
		return scheduler.Schedule{}, fmt.Errorf("scheduler %q: %w", strings.Join(command, " "), err)
	}
	schedule.Algorithm = algorithm
	return schedule, nil
}

func runScheduler(ctx context.Context, command []string, inst scheduler.Instance) (scheduler.Schedule, error) {
	var stdin bytes.Buffer
	if err := scheduler.WriteInstance(&stdin, inst); err != nil {
		return scheduler.Schedule{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, execTime, fmt.Errorf("it took longer than %v", execTime))
	defer cancel()
	stdout, stderr := &limited{left: execOutput, full: cancel}, &limited{left: 4096}
	program := exec.CommandContext(ctx, command[0], command[1:]...)
	program.Stdin, program.Stdout, program.Stderr = &stdin, stdout, stderr
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program.Cancel = func() error { return syscall.Kill(-program.Process.Pid, syscall.SIGKILL) }
	program.WaitDelay = execWait
	err := program.Run()
	switch {
	case stdout.over:
		return scheduler.Schedule{}, fmt.Errorf("it wrote more than %d MB", execOutput>>20)
	case ctx.Err() != nil:
		return scheduler.Schedule{}, context.Cause(ctx)
	case err != nil:
		if said := strings.TrimSpace(stderr.kept.String()); said != "" {
			return scheduler.Schedule{}, fmt.Errorf("%w: %s", err, said)
		}
		return scheduler.Schedule{}, err
	}
	return scheduler.ReadSchedule(&stdout.kept, inst)
}

// limited keeps the first bytes of what a program writes. The buffer is a field of its own: embedded, it would offer a
// ReadFrom, which knows no limit and is what io.Copy prefers.
type limited struct {
	kept bytes.Buffer
	left int
	over bool
	full func() // called when there are more, if not nil
}

var errTooMuch = errors.New("too much output")

// Write keeps what there is room for. Beyond it, an output that matters is an error, and any other is forgotten.
func (l *limited) Write(p []byte) (int, error) {
	kept := p[:min(len(p), l.left)]
	l.left -= len(kept)
	l.kept.Write(kept) // never fails
	if len(kept) < len(p) && l.full != nil {
		l.over = true
		l.full()
		return len(kept), errTooMuch
	}
	return len(p), nil
}
