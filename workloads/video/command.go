package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ErrNoFFmpeg is wrapped by the error about a program that is not installed.
var ErrNoFFmpeg = errors.New("videos need ffmpeg and ffprobe; install ffmpeg (the package of that name, in Debian and elsewhere)")

const (
	// commandTime bounds a program's run, and commandWait how long its output is waited for after that.
	commandTime = 5 * time.Minute
	commandWait = 5 * time.Second
	// mostSaid is how much of what a program says about a failure is kept.
	mostSaid = 1 << 10
)

// Check looks for the programs.
func Check() error {
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %w", ErrNoFFmpeg, err)
		}
	}
	return nil
}

// run runs a program, of whose output at most limit bytes are taken: more is an error.
func run(ctx context.Context, in io.Reader, out io.Writer, limit int64, program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoFFmpeg, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, commandTime, fmt.Errorf("%s took longer than %v", program, commandTime))
	defer cancel()
	stdout, stderr := &bounded{to: out, left: limit, full: cancel}, &said{}
	command := exec.CommandContext(ctx, path, args...)
	command.Stdin, command.Stdout, command.Stderr = in, stdout, stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = commandWait
	err = command.Run()
	switch {
	case stdout.err != nil:
		return fmt.Errorf("%s: %w", program, stdout.err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && stderr.Len() > 0:
		return fmt.Errorf("%s: %s", program, strings.Join(strings.Fields(stderr.String()), " "))
	case err != nil:
		return fmt.Errorf("%s: %w", program, err)
	}
	return nil
}

// bounded passes on so many bytes.
type bounded struct {
	to   io.Writer
	left int64
	err  error
	full func() // ends the program
}

var errTooMuch = errors.New("it writes more than the video's frames can have")

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.err = errTooMuch
	} else {
		_, b.err = b.to.Write(p)
	}
	if b.err != nil {
		b.full()
		return 0, b.err
	}
	return len(p), nil
}

// said keeps the beginning of what a program says and forgets the rest.
type said struct{ kept bytes.Buffer }

func (s *said) Write(p []byte) (int, error) {
	s.kept.Write(p[:min(len(p), mostSaid-s.kept.Len())]) // never fails
	return len(p), nil
}

func (s *said) Len() int       { return s.kept.Len() }
func (s *said) String() string { return s.kept.String() }
