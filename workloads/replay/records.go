package replay

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// EdgeFrame is what an edge knows of a frame. Times are readings of internal/clock (CLOCK_MONOTONIC, wall nanoseconds), 0 where
// the event did not happen.
type EdgeFrame struct {
	Task  string
	Edge  string
	Frame uint64
	Cut   int
	// Captured is when the frame was due, Fired when the timer went off; Fired − Captured is the timer's lateness.
	Captured, Fired int64
	// Started is when the head began to run, Ready when the tensor could be sent. At cut 0 there is no head: Started is 0 and Ready is
	// Fired.
	Started, Ready int64
	// Sent is when the socket had taken the last byte, Answered when the answer was back.
	Sent, Answered int64
	// HeadCPU is the compute thread's CPU time in the head, in nanoseconds. Threads ONNX Runtime runs beside it are not in it.
	HeadCPU int64
	// InputBytes is the encoded picture, WireBytes header and payload.
	InputBytes, WireBytes int
	// Class and Score are the answer, −1 and 0 if there was none.
	Class int32
	Score float32
	// Dropped frames found the send queue at its limit.
	Dropped bool
}

// CloudFrame is what the cloud knows of a frame, as in EdgeFrame.
type CloudFrame struct {
	Task     string
	Edge     string
	Frame    uint64
	Cut      int
	Received int64
	// TailStarted and TailEnded are 0 if the tail was skipped or had not run.
	TailStarted, TailEnded int64
	// TailCPU is the compute thread's CPU time in the tail, in nanoseconds.
	TailCPU int64
	Class   int32
	Score   float32
	// Skipped tails found the queue at its limit.
	Skipped bool
}

// FlowSample is what one end of a background flow had counted at a time; all counts are cumulative. What was Offered is counted
// where the flow begins, what was delivered where it ends; the counts of the other end are 0.
type FlowSample struct {
	ID   uint32
	Link string
	At   int64 // clock, wall nanoseconds
	// Bytes and Pieces were delivered: payload over TCP, and transfers; datagrams with their headers from Ethernet up.
	Bytes, Pieces          int64
	Offered, OfferedPieces int64
}

// EdgeLog is an edge's log.
type EdgeLog struct {
	Node   string
	Frames []EdgeFrame // by task in the order of the set-up, then by frame
	Flows  []FlowSample
}

// CloudLog is the cloud's log.
type CloudLog struct {
	Node   string
	Frames []CloudFrame // as in EdgeLog, the set-up being the cloud's
	Flows  []FlowSample
}

// ErrLog is wrapped by the errors about a log that cannot be read.
var ErrLog = errors.New("not a record log")

// ReadEdgeLog reads an edge's log. A last line that was torn when the node was killed is passed over.
func ReadEdgeLog(path string) (EdgeLog, error) {
	head, frames, flows, err := readLog(path, Edge)
	if err != nil {
		return EdgeLog{}, err
	}
	log := EdgeLog{Node: head.Node, Flows: flows}
	for _, f := range frames {
		class, score := f.answered()
		log.Frames = append(log.Frames, EdgeFrame{
			Task: f.task.Task, Edge: f.task.Edge, Frame: f.Frame, Cut: f.task.Cut,
			Captured: f.Captured, Fired: f.Fired, Started: f.Started, Ready: f.Ready, Sent: f.Sent, Answered: f.Answered,
			HeadCPU: f.HeadCPU, InputBytes: f.Input, WireBytes: f.Wire, Class: class, Score: score, Dropped: f.Dropped,
		})
	}
	return log, nil
}

// ReadCloudLog reads the cloud's log as ReadEdgeLog does.
func ReadCloudLog(path string) (CloudLog, error) {
	head, frames, flows, err := readLog(path, Cloud)
	if err != nil {
		return CloudLog{}, err
	}
	log := CloudLog{Node: head.Node, Flows: flows}
	for _, f := range frames {
		class, score := f.answered()
		log.Frames = append(log.Frames, CloudFrame{
			Task: f.task.Task, Edge: f.task.Edge, Frame: f.Frame, Cut: f.task.Cut,
			Received: f.Received, TailStarted: f.TailStarted, TailEnded: f.TailEnded, TailCPU: f.TailCPU,
			Class: class, Score: score, Skipped: f.Dropped,
		})
	}
	return log, nil
}

// logFrame is a frame's lines merged.
type logFrame struct {
	logLine
	task  logTask
	order int
}

func (f *logFrame) answered() (int32, float32) {
	if f.Answer == nil {
		return -1, 0
	}
	return f.Answer.Class, f.Answer.Score
}

func readLog(path string, role Role) (logHead, []*logFrame, []FlowSample, error) {
	file, err := os.Open(path)
	if err != nil {
		return logHead{}, nil, nil, fmt.Errorf("record log: %w", err)
	}
	defer file.Close()
	head, frames, flows, err := parseLog(file, role)
	if err != nil {
		return logHead{}, nil, nil, fmt.Errorf("record log %s: %w", path, err)
	}
	return head, frames, flows, nil
}

func parseLog(r io.Reader, role Role) (logHead, []*logFrame, []FlowSample, error) {
	lines := bufio.NewReader(r)
	first, err := lines.ReadBytes('\n')
	if err != nil && err != io.EOF {
		return logHead{}, nil, nil, err
	}
	var head logHead
	if err := json.Unmarshal(first, &head); err != nil {
		return logHead{}, nil, nil, fmt.Errorf("%w: %w", ErrLog, err)
	}
	if head.Role != role || head.Version != logVersion {
		return logHead{}, nil, nil, fmt.Errorf("%w of a node in role %q, version %d: it is of role %q, version %d", ErrLog, role, logVersion, head.Role, head.Version)
	}
	tasks := map[uint32]logFrame{}
	for i, t := range head.Streams {
		tasks[t.Stream] = logFrame{task: t, order: i}
	}
	links := map[uint32]string{}
	for _, f := range head.Flows {
		links[f.ID] = f.Link
	}
	type key struct {
		stream uint32
		frame  uint64
	}
	merged := map[key]*logFrame{}
	var frames []*logFrame
	var flows []FlowSample
	for number := 2; ; number++ {
		text, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break // text, if any, has no end: it was being written when the node died
		}
		if err != nil {
			return head, nil, nil, err
		}
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			return head, nil, nil, fmt.Errorf("%w: line %d: %w", ErrLog, number, err)
		}
		if line.Flow != nil {
			flows = append(flows, FlowSample{
				ID: line.Flow.ID, Link: links[line.Flow.ID], At: line.Flow.At, Bytes: line.Flow.Bytes, Pieces: line.Flow.Pieces,
				Offered: line.Flow.Offered, OfferedPieces: line.Flow.OfferedPieces})
			continue
		}
		f := merged[key{line.Stream, line.Frame}]
		if f == nil {
			blank, known := tasks[line.Stream]
			if !known {
				return head, nil, nil, fmt.Errorf("%w: line %d: stream %d is not in the log's head", ErrLog, number, line.Stream)
			}
			f = &blank
			merged[key{line.Stream, line.Frame}] = f
			frames = append(frames, f)
		}
		// Fields a line leaves out keep what earlier lines said.
		if err := json.Unmarshal(text, &f.logLine); err != nil {
			return head, nil, nil, fmt.Errorf("%w: line %d: %w", ErrLog, number, err)
		}
	}
	slices.SortFunc(frames, func(a, b *logFrame) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Frame, b.Frame))
	})
	return head, frames, flows, nil
}
