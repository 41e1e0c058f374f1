package testbed

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/internal/units"
)

// The files of a run directory.
const (
	experimentFile = "experiment.yaml"
	scheduleFile   = "schedule.json"
	planFile       = "plan.json"
	hostFile       = "host.json"
	framesFile     = "frames.parquet"
	samplesFile    = "samples.parquet"
	flowsFile      = "flows.parquet"
	eventsFile     = "events.jsonl"
	summaryFile    = "summary.json"
	reportFile     = "report.html"

	// logsDir holds what the nodes record and say while the run lasts; it goes when the records are made.
	logsDir      = "logs"
	timelineFile = logsDir + "/timeline.json"
	samplesLog   = logsDir + "/samples.jsonl"
)

// newRunID names a run: its start and six random digits, so that no two runs of a host share a name.
func newRunID(now time.Time) string {
	var b [3]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(b[:])
}

// runDir is the directory of one run.
type runDir struct {
	path    string
	foreign bool       // somebody else made it: it stays when the run is discarded
	mu      sync.Mutex // guards events
	events  *os.File
}

// event is a line of events.jsonl: something that happened, and when.
type event struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	Subject string    `json:"subject,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	// At is the moment of the run, where it was one of the plan's.
	At *units.Virtual `json:"at,omitempty"`
}

// newRunDir makes the directory of a run. It must not exist yet, unless it is empty: a run never
// overwrites another's records.
func newRunDir(path string) (*runDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	entries, err := os.ReadDir(path)
	if len(entries) > 0 {
		return nil, inputError(fmt.Errorf("run directory %s is not empty; name another with --out", path))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, inputError(fmt.Errorf("run directory: %w", err))
	}
	d := &runDir{path: path, foreign: err == nil}
	if err := os.MkdirAll(filepath.Join(path, logsDir), 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("run directory: %w", err), d.discard())
	}
	if d.events, err = os.OpenFile(filepath.Join(path, eventsFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("run directory: %w", err), d.discard())
	}
	return d, nil
}

func (d *runDir) nodeLog(node string) string { return nodeLog(d.path, node) }

func (d *runDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *runDir) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return atomicfile.WriteBytes(d.file(name), append(b, '\n'))
}

// event appends a line to events.jsonl.
func (d *runDir) event(e event) error {
	e.Time = time.Now()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.events.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	return nil
}

func (d *runDir) close() error {
	if d.events == nil {
		return nil
	}
	return d.events.Close()
}

// discard removes a run directory in which nothing was recorded. One that was there before stays, empty.
func (d *runDir) discard() error {
	err := errors.Join(d.close(), os.RemoveAll(d.path))
	if d.foreign {
		err = errors.Join(err, os.Mkdir(d.path, 0o755))
	}
	return err
}

// writePlan writes down what a run is about to do.
func (d *runDir) writePlan(p *Plan) error {
	resolved := *p.Experiment
	resolved.Emulation.Dilation = p.Dilation
	experiment, err := resolved.YAML()
	if err != nil {
		return err
	}
	return inTurn(
		func() error { return atomicfile.WriteBytes(d.file(experimentFile), experiment) },
		func() error { return d.writeJSON(scheduleFile, p.Schedule) },
		func() error { return d.writeJSON(planFile, p) },
		func() error {
			if p.Network == nil {
				return nil // a simulation is the same on every host
			}
			return d.writeJSON(hostFile, p.Host)
		},
	)
}

// inTurn does one thing after the other until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
