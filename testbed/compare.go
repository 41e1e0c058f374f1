package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/splitbed/splitbed/results"
)

// ReadRuns reads the summaries of runs, emulated or simulated, by directory or id, and with frames also their frames. A directory that
// is no run's, or of a run that has not ended, is an *InputError.
func ReadRuns(names []string, frames bool) ([]results.Compared, error) {
	var runs []results.Compared
	for _, name := range names {
		run, err := readRun(name, frames)
		if err != nil {
			return nil, inputError(err)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// foundRun is the directory of a run that is named by it, or by its id below runs/.
func foundRun(name string) (*runDir, error) {
	dir := &runDir{path: name}
	if _, err := os.Stat(name); err != nil && !filepath.IsAbs(name) {
		dir.path = DefaultOut(name)
	}
	switch info, err := os.Stat(dir.path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no run %s: neither that directory nor %s", name, DefaultOut(name))
	case err != nil:
		return nil, fmt.Errorf("run %s: %w", name, err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file; a run is a directory with %s in it", dir.path, summaryFile)
	}
	return dir, nil
}

func readRun(name string, frames bool) (results.Compared, error) {
	run := results.Compared{Name: name}
	dir, err := foundRun(name)
	if err != nil {
		return run, err
	}
	if run.Summary, err = results.ReadSummary(dir.file(summaryFile)); errors.Is(err, fs.ErrNotExist) {
		if _, logs := os.Stat(dir.file(logsDir)); logs == nil {
			return run, fmt.Errorf("run %s has no %s yet; when it was killed, `splitbed report %s` makes it from its logs", dir.path, summaryFile, name)
		}
		return run, fmt.Errorf("%s is not the directory of a run: it has no %s", dir.path, summaryFile)
	} else if err != nil {
		return run, err
	}
	if frames {
		run.Frames, err = results.ReadFrames(dir.file(framesFile))
	}
	return run, err
}
