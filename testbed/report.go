package testbed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/results"
	"github.com/splitbed/splitbed/workloads/replay"
)

// Report rebuilds report.html of a run, named by its directory or its id, and returns its path. A run that was killed has logs
// instead of records: then these are made first, and its summary says that it is invalid.
func Report(name string) (string, error) {
	dir, err := foundRun(name)
	if err != nil {
		return "", inputError(err)
	}
	if _, err := os.Stat(dir.file(logsDir)); err == nil {
		return dir.file(reportFile), recoverRun(dir)
	}
	summary, err := results.ReadSummary(dir.file(summaryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", inputError(fmt.Errorf("%s is not the directory of a run: it has neither %s nor %s", dir.path, summaryFile, logsDir))
	}
	if err != nil {
		return "", err
	}
	var r records
	if r.frames, err = results.ReadFrames(dir.file(framesFile)); err != nil {
		return "", err
	}
	if r.samples, err = results.ReadSamples(dir.file(samplesFile)); err != nil {
		return "", err
	}
	return dir.file(reportFile), writeReport(dir, summary, r)
}

// recoverRun makes records of the logs that a run has left which was killed or could not write its records.
func recoverRun(dir *runDir) error {
	if err := notRunning(dir.path); err != nil {
		return err
	}
	var p Plan
	var t timeline
	if err := errors.Join(readJSON(dir.file(planFile), &p), readJSON(dir.file(timelineFile), &t),
		readJSON(dir.file(scheduleFile), &p.Schedule), readJSON(dir.file(hostFile), &p.Host)); err != nil {
		return fmt.Errorf("%s is not a run whose replay had begun: %w", dir.path, err)
	}
	text, err := os.ReadFile(dir.file(experimentFile))
	if err != nil {
		return err
	}
	if p.Experiment, err = ParseExperiment(dir.file(experimentFile), text); err != nil {
		return err
	}
	if p.Topology, err = p.Experiment.Topology.Expand(); err != nil {
		return err
	}
	// The plan is not the one this process has made.
	if p.Network == nil || len(p.Network.Nodes) != len(p.Topology.Edges)+1 || !(p.Dilation >= 1 && t.Dilation >= 1) {
		return fmt.Errorf("%s is not that of the run whose %s lies beside it", dir.file(planFile), experimentFile)
	}
	r, err := p.collect(dir.path, t)
	if err != nil {
		return err
	}
	checks := fidelity.Judge([]fidelity.Check{{Name: "replay", Subject: "run",
		Advice: "the run was killed: these are the records it had made by then"}})
	if _, err = p.conclude(dir, t, r, found{}, checks); err != nil {
		return err
	}
	// The sockets of a run that was killed.
	for _, name := range []string{replay.SocketName, controlName} {
		if err := os.Remove(dir.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// notRunning refuses the directory of a run that is still going on: its logs are not ours to remove.
func notRunning(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	all, err := journals()
	if err != nil {
		return err
	}
	for _, j := range all {
		if j.owner.Dir == path && j.alive() {
			return inputError(fmt.Errorf("run %s in %s is still going on", j.owner.Run, path))
		}
	}
	return nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}
