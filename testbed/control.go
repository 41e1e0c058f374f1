package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/splitbed/splitbed/internal/shortpath"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/topologies"
)

// controlName is the socket in a run's directory over which other processes ask about its testbed and change it. Each connection
// carries one request and its answer, a line of JSON each.
const controlName = "testbed.sock"

// controlTime bounds a request, from either side.
const controlTime = 30 * time.Second

// stateTime bounds the wait for a testbed's state, which takes it no time: one that needs longer is stopped, or its host is drowned.
const stateTime = 3 * time.Second

// request is what another process wants: the testbed's state or, with a link, a change of it.
type request struct {
	Link   string   `json:"link,omitempty"`
	Change []string `json:"change,omitempty"` // see topologies.ParseChange
}

// reply answers a request.
type reply struct {
	State  *Standing       `json:"state,omitempty"`
	Change *results.Change `json:"change,omitempty"`
	Error  string          `json:"error,omitempty"`
	// Input says that the error is the asker's.
	Input bool `json:"input,omitempty"`
}

// Standing is a running testbed.
type Standing struct {
	Run        string    `json:"run"`
	Experiment string    `json:"experiment"`
	Phase      string    `json:"phase"`
	Since      time.Time `json:"since"`
	PID        int       `json:"pid"`
	Dir        string    `json:"dir"`
	// Nodes are there from the build on, until an event kills them.
	Nodes []StandingNode `json:"nodes"`
	Links []string       `json:"links"`
}

// StandingNode is a node of a running testbed.
type StandingNode struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	// NetNS is the path of its network namespace.
	NetNS string `json:"netns"`
}

// control answers requests from other processes.
type control struct {
	bed      *testbed
	listener net.Listener
	serving  sync.WaitGroup
	ctx      context.Context
	cancel   context.CancelFunc
}

// openControl opens the control socket of a testbed.
func openControl(bed *testbed) (*control, error) {
	c := &control{bed: bed}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	path := bed.dir.file(controlName)
	err := shortpath.Through(path, func(short string) error {
		l, err := net.Listen("unix", short)
		if err != nil {
			return err
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false) // the short path means another file by then
		c.listener = l
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	c.serving.Go(c.accept)
	return c, nil
}

// close ends what is going on and removes the socket.
func (c *control) close() error {
	c.cancel()
	err := c.listener.Close()
	c.serving.Wait()
	return errors.Join(err, os.Remove(c.bed.dir.file(controlName)))
}

func (c *control) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return // closed
		}
		c.serving.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(c.ctx, func() { conn.Close() })()
			if conn.SetDeadline(time.Now().Add(controlTime)) != nil {
				return
			}
			var r request
			if json.NewDecoder(conn).Decode(&r) != nil {
				return
			}
			_ = json.NewEncoder(conn).Encode(c.answer(r)) // who does not read the answer does not want it
		})
	}
}

func (c *control) answer(r request) reply {
	if r.Link == "" {
		state := c.bed.standing()
		return reply{State: &state}
	}
	change, err := c.bed.changeByHand(c.ctx, r)
	if err != nil {
		var input *InputError
		return reply{Error: err.Error(), Input: errors.As(err, &input)}
	}
	return reply{Change: &change}
}

// standing is the testbed as it is now.
func (t *testbed) standing() Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Standing{Run: t.plan.Run, Experiment: t.plan.Experiment.Name, Phase: string(t.current), Since: t.plan.Started,
		PID: os.Getpid(), Dir: t.dir.path, Nodes: []StandingNode{}, Links: t.plan.Topology.LinkNames()}
	for _, name := range t.plan.nodeNames() {
		if n := t.nodes[name]; n != nil && !t.heard.silent(name) {
			s.Nodes = append(s.Nodes, StandingNode{Name: name, PID: n.PID(), NetNS: n.NetNS()})
		}
	}
	return s
}

// changeByHand changes a link for another process.
func (t *testbed) changeByHand(ctx context.Context, r request) (results.Change, error) {
	change, err := topologies.ParseChange(r.Change)
	if err != nil {
		return results.Change{}, inputError(err)
	}
	if _, ok := t.plan.Topology.LinkNamed(r.Link); !ok {
		return results.Change{}, inputError(fmt.Errorf("there is no link %q; allowed: %s", r.Link, strings.Join(t.plan.Topology.LinkNames(), ", ")))
	}
	t.mu.Lock()
	began := t.began
	t.mu.Unlock()
	if !began {
		return results.Change{}, errNotReplaying
	}
	if err := t.checkChange(r.Link, change); err != nil {
		return results.Change{}, inputError(err)
	}
	return t.setLink(ctx, r.Link, change, true)
}

// Testbeds lists the testbeds that stand on this host, by their journals. One that does not answer is listed with what its journal
// says.
func Testbeds(ctx context.Context) ([]Standing, error) {
	all, err := journals()
	if err != nil {
		return nil, err
	}
	standing := []Standing{}
	for _, j := range all {
		if !j.alive() {
			continue
		}
		state := Standing{Run: j.owner.Run, Dir: j.owner.Dir, Since: j.owner.Started, Phase: "unknown", Nodes: []StandingNode{}, Links: []string{}}
		limited, cancel := context.WithTimeout(ctx, stateTime)
		if got, err := ask(limited, j.owner.Dir, request{}); err == nil && got.State != nil {
			state = *got.State
		}
		cancel()
		standing = append(standing, state)
	}
	return standing, nil
}

// FindTestbed finds a running testbed by its run's id, a part of it that no other has, or its directory; an empty name is the only
// one there is. The error is an *InputError where there is none or more than one.
func FindTestbed(ctx context.Context, name string) (Standing, error) {
	all, err := Testbeds(ctx)
	if err != nil {
		return Standing{}, err
	}
	dir, err := filepath.Abs(name)
	if err != nil {
		return Standing{}, err
	}
	var found []Standing
	for _, s := range all {
		if s.Run == name || s.Dir == dir {
			return s, nil
		}
		if strings.Contains(s.Run, name) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Standing{}, inputError(fmt.Errorf("no testbed %q is running; `splitbed ps` lists those that are", name))
	}
	return Standing{}, inputError(fmt.Errorf("%d running testbeds have %q in their ids; `splitbed ps` lists them", len(found), name))
}

// SetLink changes a link of a running testbed, as the words of topologies.ParseChange say, and returns when it has taken effect.
func SetLink(ctx context.Context, s Standing, link string, words []string) (results.Change, error) {
	got, err := ask(ctx, s.Dir, request{Link: link, Change: words})
	switch {
	case err != nil:
		return results.Change{}, fmt.Errorf("run %s does not answer: %w", s.Run, err)
	case got.Input:
		return results.Change{}, inputError(errors.New(got.Error))
	case got.Error != "":
		return results.Change{}, errors.New(got.Error)
	case got.Change == nil:
		return results.Change{}, fmt.Errorf("run %s did not say when the change took effect", s.Run)
	}
	return *got.Change, nil
}

// ask sends a request to the run in a directory.
func ask(ctx context.Context, dir string, r request) (answer reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	err = shortpath.Through(filepath.Join(dir, controlName), func(short string) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", short)
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		if err := json.NewEncoder(conn).Encode(r); err != nil {
			return err
		}
		return json.NewDecoder(conn).Decode(&answer)
	})
	return answer, err
}
