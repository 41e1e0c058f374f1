package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// record is a line of the log: what a finished point came to.
type record struct {
	Key  string    `json:"key"`
	Rows []Outcome `json:"rows"`
}

// pointLog is the append-only log of finished points. Its methods may be called concurrently.
type pointLog struct {
	mu   sync.Mutex
	file *os.File
	done map[string][]Outcome
}

// openLog opens or makes a log and reads what is in it. A last line that was torn by a kill is cut off, and lines that cannot be
// read are passed over; their points are worked on again. Only one process may have a log open.
func openLog(path string) (*pointLog, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("sweep log: %w", err)
	}
	l := &pointLog{file: file, done: map[string][]Outcome{}}
	if err := l.read(); err != nil {
		return nil, fmt.Errorf("sweep log %s: %w", path, errors.Join(err, file.Close()))
	}
	return l, nil
}

func (l *pointLog) read() error {
	if err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return errors.New("another sweep works in this directory; give this one another with --out")
		}
		return err
	}
	text, err := io.ReadAll(l.file)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	for line := range bytes.Lines(text[:whole]) {
		var r record
		if json.Unmarshal(line, &r) == nil && r.Key != "" {
			l.done[r.Key] = r.Rows
		}
	}
	if err := l.file.Truncate(int64(whole)); err != nil {
		return err
	}
	_, err = l.file.Seek(int64(whole), io.SeekStart)
	return err
}

// rows is what a point came to, if it is done.
func (l *pointLog) rows(key string) ([]Outcome, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows, ok := l.done[key]
	return rows, ok
}

// add writes a finished point down in one line, which a reader sees whole or takes for torn.
func (l *pointLog) add(key string, rows []Outcome) error {
	line, err := json.Marshal(record{key, rows})
	if err != nil {
		return fmt.Errorf("sweep log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("sweep log: %w", err)
	}
	l.done[key] = rows
	return nil
}

func (l *pointLog) close() error { return errors.Join(l.file.Sync(), l.file.Close()) }
