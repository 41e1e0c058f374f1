package delayline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/clock"
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
	c, err := open(first.Setup)
	if err != nil {
		return errors.Join(err, answers.Encode(answer{Error: err.Error()}))
	}
	c.start()
	if err := answers.Encode(answer{At: clock.Now()}); err != nil {
		return err
	}
	obeyed := make(chan error, 1)
	go func() { obeyed <- c.serve(requests, answers) }()
	select {
	case err = <-obeyed:
	case <-c.ended:
		return c.failed()
	case <-ctx.Done():
	}
	return errors.Join(err, c.stop())
}

// open makes the threads of the descriptors that were inherited.
func open(config []wayConfig) (*crew, error) {
	var ways []*way
	for i, c := range config {
		for _, fd := range []int{c.In, c.Out} {
			if err := unix.SetNonblock(fd, true); err != nil {
				return nil, fmt.Errorf("device of %s: %w", c.Link, err)
			}
		}
		w := &way{index: i, pair: c.Pair, in: c.In, out: c.Out, law: newLaw(c.Seed)}
		w.count.Link = c.Link
		ways = append(ways, w)
	}
	return newCrew(ways, runtime.NumCPU())
}

// serve answers the harness until it closes the socket.
func (c *crew) serve(requests *json.Decoder, answers *json.Encoder) error {
	for {
		var q request
		err := requests.Decode(&q)
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		if err := answers.Encode(c.answer(q)); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

func (c *crew) answer(q request) answer {
	a := answer{At: clock.Now()}
	var err error
	if q.Report {
		var report Report
		report, err = c.report()
		a.Report = &report
	}
	if q.Reset {
		err = errors.Join(err, c.each((*line).reset))
	}
	if q.Set != nil {
		var setErr error
		a.At, setErr = c.set(*q.Set)
		err = errors.Join(err, setErr)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}
