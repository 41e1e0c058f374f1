package replay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// flushEvery is how long a record may wait to be written.
const flushEvery = 250 * time.Millisecond

// logHead is a log's first line: what the others refer to by number.
type logHead struct {
	Role    Role      `json:"role"`
	Node    string    `json:"node"`
	Streams []logTask `json:"streams"`
	Flows   []logFlow `json:"flows,omitempty"`
	Version int       `json:"version"`
}

const logVersion = 1

type logTask struct {
	Stream uint32 `json:"stream"`
	Task   string `json:"task"`
	Edge   string `json:"edge"`
	Cut    int    `json:"k"`
}

type logFlow struct {
	ID   uint32 `json:"id"`
	Link string `json:"link"`
}

// logLine is any other line: what became known of a frame (or of a flow). A frame has several lines, one when it is
// captured or received, one when it was sent, one when it is answered; what a line does not know it leaves out. So a
// node that is killed leaves the frames it had not finished too.
type logLine struct {
	Stream uint32 `json:"s"`
	Frame  uint64 `json:"f"`
	// Edge.
	Captured int64 `json:"captured,omitempty"`
	Fired    int64 `json:"fired,omitempty"`
	Input    int   `json:"input,omitempty"`
	Started  int64 `json:"started,omitempty"`
	Ready    int64 `json:"ready,omitempty"`
	HeadCPU  int64 `json:"head_cpu,omitempty"`
	Wire     int   `json:"wire,omitempty"`
	Sent     int64 `json:"sent,omitempty"`
	Answered int64 `json:"answered,omitempty"`
	// Cloud.
	Received    int64 `json:"received,omitempty"`
	TailStarted int64 `json:"tail_started,omitempty"`
	TailEnded   int64 `json:"tail_ended,omitempty"`
	TailCPU     int64 `json:"tail_cpu,omitempty"`
	// Both.
	Answer  *answer `json:"answer,omitempty"`
	Dropped bool    `json:"dropped,omitempty"`
	// Flow lines have nothing else.
	Flow *flowLine `json:"flow,omitempty"`
}

// flowLine is what a node has counted of a flow; the other end counts the rest.
type flowLine struct {
	ID            uint32 `json:"id"`
	At            int64  `json:"at"`
	Bytes         int64  `json:"bytes,omitempty"`
	Pieces        int64  `json:"pieces,omitempty"`
	Offered       int64  `json:"offered,omitempty"`
	OfferedPieces int64  `json:"offered_pieces,omitempty"`
}

// logger writes a node's records, one JSON object a line, in the background. Recording never waits for the disk.
type logger struct {
	lines    *mailbox[logLine]
	stop     chan struct{}
	finished chan error
}

// openLog makes the log and writes its head. broken is called, once, if a write fails later (a full disk).
func openLog(path string, head logHead, broken func(error)) (*logger, error) {
	head.Version = logVersion
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("record log: %w", err)
	}
	lines, err := newMailbox[logLine]()
	if err != nil {
		return nil, fmt.Errorf("record log: %w", errors.Join(err, file.Close()))
	}
	l := &logger{lines: lines, stop: make(chan struct{}), finished: make(chan error, 1)}
	buffer := bufio.NewWriter(file)
	if err = json.NewEncoder(buffer).Encode(head); err == nil {
		err = buffer.Flush()
	}
	if err != nil {
		lines.close()
		return nil, fmt.Errorf("record log: %w", errors.Join(err, file.Close()))
	}
	l.write(file, broken)
	return l, nil
}

// write starts writing to file, which it closes in the end.
func (l *logger) write(file io.WriteCloser, broken func(error)) {
	go func() {
		err := l.run(file, broken)
		l.finished <- errors.Join(err, file.Close())
	}()
}

func (l *logger) run(file io.Writer, broken func(error)) error {
	buffer := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffer)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	var failed error
	for stopping := false; !stopping; {
		select {
		case <-ticker.C:
		case <-l.stop:
			stopping = true
		}
		for _, line := range l.lines.take() {
			if failed == nil {
				failed = encoder.Encode(line)
			}
		}
		if failed == nil {
			failed = buffer.Flush()
		}
		if failed != nil && broken != nil {
			broken(fmt.Errorf("record log: %w", failed))
			broken = nil
		}
	}
	return failed
}

// record queues a line.
func (l *logger) record(line logLine) { l.lines.post(line) }

// close writes what is queued and closes the file. Nobody may record any more.
func (l *logger) close() error {
	close(l.stop)
	err := <-l.finished
	l.lines.close()
	if err != nil {
		return fmt.Errorf("record log: %w", err)
	}
	return nil
}
