package testbed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/internal/proc"
)

// StateDir is where the journals of runs live: $SPLITBED_STATE, else /var/lib/splitbed. It outlives a
// reboot, as containers do.
func StateDir() string {
	if dir := os.Getenv("SPLITBED_STATE"); dir != "" {
		return dir
	}
	return "/var/lib/splitbed"
}

const journalSuffix = ".journal"

// owner is the first line of a journal: the process that holds the run.
type owner struct {
	Run     string    `json:"run"`
	Process string    `json:"process"` // identity of the owning process, see proc.Identify
	Boot    string    `json:"boot"`
	Dir     string    `json:"dir"`
	Started time.Time `json:"started"`
}

// Journal lists what a run makes, each object before it is made, in a file of its own that is synced
// after every line: whatever ends the run, [Clean] finds there all there is to remove.
// It is safe for concurrent use.
type Journal struct {
	file *os.File
	path string
}

// openJournal creates the journal of a run in StateDir.
func openJournal(run, dir string) (*Journal, error) {
	state := StateDir()
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	path := filepath.Join(state, run+journalSuffix)
	// It gets its name when it says whose it is: a journal without an owner is a dead run's to Clean.
	unnamed := path + ".new"
	file, err := os.OpenFile(unnamed, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{file: file, path: path}
	process, err := proc.Identify(os.Getpid())
	if err == nil {
		err = j.append(owner{Run: run, Process: process, Boot: proc.BootID(), Dir: dir, Started: time.Now()})
	}
	if err == nil {
		err = os.Rename(unnamed, path)
	}
	if err != nil {
		file.Close()
		os.Remove(unnamed)
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}

// Add records an object that is about to be made.
func (j *Journal) Add(o object.Object) error {
	if err := j.append(o); err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	return nil
}

// append writes one line in one write call, which O_APPEND makes atomic among goroutines.
func (j *Journal) append(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

// remove ends the journal of a run that has removed what it knows of. Something may be left all the same,
// such as a container whose making was interrupted: it goes now, or the journal stays for Clean.
func (j *Journal) remove(ctx context.Context) error {
	written, err := readJournal(j.path)
	if err == nil {
		_, err = sweep(ctx, written.objects, false)
	}
	if err != nil {
		return errors.Join(err, j.file.Close())
	}
	return errors.Join(j.file.Close(), os.Remove(j.path))
}

// journalled is a journal as read back.
type journalled struct {
	path    string
	owner   owner
	objects []object.Object // in the order they were made
}

// alive tells whether the process that holds the run still lives.
func (j journalled) alive() bool {
	return j.owner.Boot == proc.BootID() && proc.Alive(j.owner.Process)
}

// journals reads every journal in StateDir. A torn last line, of a machine that lost power, is ignored.
func journals() ([]journalled, error) {
	entries, err := os.ReadDir(StateDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journals: %w", err)
	}
	var all []journalled
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), journalSuffix) {
			continue
		}
		j, err := readJournal(filepath.Join(StateDir(), e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its run has just ended
		}
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	return all, nil
}

func readJournal(path string) (journalled, error) {
	file, err := os.Open(path)
	if err != nil {
		return journalled{}, fmt.Errorf("journals: %w", err)
	}
	defer file.Close()
	j := journalled{path: path}
	lines := bufio.NewScanner(file)
	if lines.Scan() {
		// An owner that cannot be read is a run that died while it wrote its first line: nobody's.
		_ = json.Unmarshal(lines.Bytes(), &j.owner)
	}
	if j.owner.Run == "" {
		j.owner.Run = strings.TrimSuffix(filepath.Base(path), journalSuffix)
	}
	for lines.Scan() {
		var o object.Object
		if json.Unmarshal(lines.Bytes(), &o) == nil && o.Kind != "" {
			j.objects = append(j.objects, o)
		}
	}
	if err := lines.Err(); err != nil {
		return journalled{}, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}
