package delayline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/emulator/shape"
)

// answerTime bounds the wait for the process's answers, which come at once unless it has been stopped or starves.
const answerTime = 5 * time.Second

// Command is the program that calls [Serve]: the splitbed command, or a test's own binary.
type Command struct {
	Binary string
	Args   []string // "delayline"
}

// Way is one direction of a link: the device its packets come from and the one in the next hop where they go.
type Way struct {
	Link    string
	In, Out *os.File
	// Pair numbers the two ends of the link, from 0: the ways up and down between them have the same.
	Pair int
	Seed uint64
}

// Line is a running delay line. Its methods may be called concurrently.
type Line struct {
	links  map[string]int
	cmd    *exec.Cmd
	said   tail
	exited chan struct{}

	mu       sync.Mutex // of the conversation
	control  net.Conn
	requests *json.Encoder
	answers  *json.Decoder
	broken   error // what ended the conversation

	state   sync.Mutex
	stopped bool
	err     error
}

// Start starts the process under a name that is journalled first. Nothing is delayed until [Line.Set] says so. The devices
// stay the caller's, who closes them: the process has its own descriptors. On error nothing is left.
func Start(ctx context.Context, c Command, name string, ways []Way, journal object.Journal) (*Line, error) {
	if err := journal.Add(object.Object{Kind: object.Process, Name: name}); err != nil {
		return nil, fmt.Errorf("journal the delay line: %w", err)
	}
	l := &Line{links: map[string]int{}, exited: make(chan struct{})}
	if err := l.start(c, name, ways); err != nil {
		return nil, fmt.Errorf("start the delay line: %w", err)
	}
	if err := l.setUp(ways); err != nil {
		return nil, errors.Join(fmt.Errorf("start the delay line: %w", err), l.Stop(context.WithoutCancel(ctx)))
	}
	return l, nil
}

func (l *Line) start(c Command, name string, ways []Way) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer ours.Close()
	defer theirs.Close()
	if l.control, err = net.FileConn(ours); err != nil {
		return err
	}
	l.requests, l.answers = json.NewEncoder(l.control), json.NewDecoder(l.control)
	l.cmd = exec.Command(c.Binary, c.Args...)
	l.cmd.Env = append(os.Environ(), object.Mark(name))
	l.cmd.Stdout, l.cmd.Stderr = &l.said, &l.said
	l.cmd.ExtraFiles = append([]*os.File{theirs}, devices(ways)...)
	// A session of its own: Ctrl-C on the terminal reaches the harness alone, which stops the line in order.
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := l.cmd.Start(); err != nil {
		return errors.Join(err, l.control.Close())
	}
	go l.wait()
	return nil
}

// devices lists the devices of all ways, each once.
func devices(ways []Way) []*os.File {
	var all []*os.File
	for _, w := range ways {
		for _, f := range []*os.File{w.In, w.Out} {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

func (l *Line) setUp(ways []Way) error {
	all := devices(ways)
	fd := func(f *os.File) int { return controlFD + 1 + slices.Index(all, f) }
	var config []wayConfig
	for i, w := range ways {
		l.links[w.Link] = i
		config = append(config, wayConfig{Link: w.Link, In: fd(w.In), Out: fd(w.Out), Pair: w.Pair, Seed: w.Seed})
	}
	_, err := l.ask(request{Setup: config})
	return err
}

func (l *Line) wait() {
	defer close(l.exited)
	err := l.cmd.Wait()
	l.state.Lock()
	defer l.state.Unlock()
	if l.stopped {
		return
	}
	status := fmt.Sprint(l.cmd.ProcessState)
	if l.cmd.ProcessState == nil {
		status = err.Error()
	}
	l.err = &EndedError{Status: status, Said: l.said.String()}
}

// EndedError says how the process ended although nobody had stopped it.
type EndedError struct {
	Status string // "signal: killed"
	Said   string // the last it wrote
}

func (e *EndedError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("the delay line ended by itself (%s)", e.Status)
	}
	return fmt.Sprintf("the delay line ended by itself (%s) and said: %s", e.Status, e.Said)
}

// ask sends a request and waits for its answer.
func (l *Line) ask(q request) (answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return answer{}, l.broken
	}
	var a answer
	err := l.control.SetDeadline(time.Now().Add(answerTime))
	if err == nil {
		err = l.requests.Encode(q)
	}
	if err == nil {
		err = l.answers.Decode(&a)
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("it did not answer within %v: was it stopped?", answerTime)
		}
		// A later answer could be taken for that of another request.
		l.broken = fmt.Errorf("the delay line (process %d): %w", l.PID(), err)
		return a, l.broken
	}
	if a.Error != "" {
		return a, fmt.Errorf("the delay line: %s", a.Error)
	}
	return a, nil
}

// PID is the process's id.
func (l *Line) PID() int { return l.cmd.Process.Pid }

// Set changes what happens to the packets of a link that come from now on. Those under way keep their times, and the others do not
// overtake them. It returns the time on the clock from which the change holds.
func (l *Line) Set(link string, d shape.Delay) (at int64, err error) {
	i, ok := l.links[link]
	if !ok {
		return 0, fmt.Errorf("%s does not pass the delay line", link)
	}
	a, err := l.ask(request{Set: &change{i, d}})
	return a.At, err
}

// Report reads what the line has done since Reset.
func (l *Line) Report() (Report, error) {
	a, err := l.ask(request{Report: true})
	if err != nil {
		return Report{}, err
	}
	if a.Report == nil {
		return Report{}, errors.New("the delay line sent no report")
	}
	return *a.Report, nil
}

// Reset begins anew to count.
func (l *Line) Reset() error {
	_, err := l.ask(request{Reset: true})
	return err
}

// Exited is closed when the process has ended.
func (l *Line) Exited() <-chan struct{} { return l.exited }

// Err is an [*EndedError] once the process has ended by itself; nil before that and after Stop.
func (l *Line) Err() error {
	l.state.Lock()
	defer l.state.Unlock()
	return l.err
}

// Stop kills the process and waits for its end. It may be called again.
func (l *Line) Stop(ctx context.Context) error {
	l.state.Lock()
	l.stopped = true
	l.state.Unlock()
	_ = l.cmd.Process.Kill() // its only error is that the process has ended already
	select {
	case <-l.exited:
	case <-ctx.Done():
		return fmt.Errorf("stop the delay line: %w", ctx.Err())
	}
	if err := l.control.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop the delay line: %w", err)
	}
	return nil
}

// tail keeps the last of what a process said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 2048

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
