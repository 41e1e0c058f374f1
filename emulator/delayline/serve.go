package delayline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// controlFD is the process's end of the socket; the devices' descriptors follow it.
const controlFD = 3

// Serve is the delay line's process: it moves packets until the harness closes the socket, which it has inherited. It returns
// an error when packets could not be moved any more.
func Serve(ctx context.Context) error {
	control := os.NewFile(controlFD, "control")
	if control == nil {
		return errors.New("the delay line is started by splitbed, not by hand")
	}
	defer control.Close()
	debug.SetGCPercent(400) // packets lie in memory that is used again; what is left for the collector is little
	requests, answers := json.NewDecoder(control), json.NewEncoder(control)
	var first request
	if err := requests.Decode(&first); err != nil {
		return fmt.Errorf("the delay line is started by splitbed, not by hand: %w", err)
	}
	l, err := open(first.Setup)
	if err != nil {
		return errors.Join(err, answers.Encode(answer{Error: err.Error()}))
	}
	l.start()
	if err := answers.Encode(answer{At: l.now()}); err != nil {
		return err
	}
	obeyed := make(chan error, 1)
	go func() { obeyed <- l.serve(requests, answers) }()
	select {
	case err = <-obeyed:
	case <-l.ended:
		return errors.Join(errStopped, l.err)
	case <-ctx.Done():
	}
	return errors.Join(err, l.stop())
}

// open makes the line of the descriptors that were inherited.
func open(config []wayConfig) (*line, error) {
	var ways []*way
	for _, c := range config {
		for _, fd := range []int{c.In, c.Out} {
			if err := unix.SetNonblock(fd, true); err != nil {
				return nil, fmt.Errorf("device of %s: %w", c.Link, err)
			}
		}
		w := &way{in: c.In, out: c.Out, law: newLaw(c.Seed)}
		w.count.Link = c.Link
		ways = append(ways, w)
	}
	return newLine(ways)
}

// serve answers the harness until it closes the socket.
func (l *line) serve(requests *json.Decoder, answers *json.Encoder) error {
	for {
		var q request
		err := requests.Decode(&q)
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		var a answer
		if err := l.call(func() { a = l.answer(q) }); err != nil {
			return err
		}
		if err := answers.Encode(a); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// answer runs on the line's thread.
func (l *line) answer(q request) answer {
	a := answer{At: l.now()}
	if q.Report {
		report := l.report()
		a.Report = &report
	}
	if q.Reset {
		l.reset()
	}
	if q.Set != nil {
		if q.Set.Way < 0 || q.Set.Way >= len(l.ways) {
			a.Error = fmt.Sprintf("no way %d", q.Set.Way)
			return a
		}
		a.At = l.set(l.ways[q.Set.Way], q.Set.Delay)
	}
	return a
}
