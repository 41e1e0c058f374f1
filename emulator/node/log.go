package node

import (
	"bytes"
	"io"
	"os"
)

// What an ExitError quotes of a log.
const (
	tailBytes = 4096
	tailLines = 12
)

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// logTail returns the last lines of what was written to the log from offset on; a run may share a log with an earlier one.
func logTail(path string, offset int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	start := max(offset, end-tailBytes)
	b, err := io.ReadAll(io.NewSectionReader(f, start, end-start))
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-tailLines):], []byte("\n")))
}
