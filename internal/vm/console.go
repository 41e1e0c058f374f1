package vm

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The guest's init says on the console, each on a line of its own and after the mark, that a program begins, with
// which code one has ended, what has failed that is not a program's doing, and that all is done.
const (
	mark     = "guest: "
	began    = mark + "begin "
	ended    = mark + "end "
	trouble  = mark + "trouble: "
	finished = mark + "finished"
)

// Began, Ended, Trouble and Finished are the lines of the guest's init.
func Began(program string) string           { return began + program }
func Ended(program string, code int) string { return fmt.Sprintf("%s%s %d", ended, program, code) }
func Trouble(err error) string              { return trouble + err.Error() }
func Finished() string                      { return finished }

// Report is what a guest said about its programs.
type Report struct {
	// Programs that have ended, in their order.
	Programs []Result
	// Troubles are what failed beside them.
	Troubles []string
	// Finished tells that the guest came to its end.
	Finished bool
}

// Result is how a program of a guest ended and what it wrote.
type Result struct {
	Name   string
	Code   int
	Output []string
}

// readConsole reads a guest's console to its end. Every line is passed on to each as it comes.
func readConsole(r io.Reader, each func(line string)) (Report, error) {
	var report Report
	var output []string
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" || err == nil {
			each(line)
			switch {
			case strings.HasPrefix(line, began):
				output = nil
			case strings.HasPrefix(line, ended):
				name, code, _ := strings.Cut(strings.TrimPrefix(line, ended), " ")
				n, err := strconv.Atoi(code)
				if err != nil {
					return report, fmt.Errorf("the guest's console says %q: %w", line, err)
				}
				report.Programs = append(report.Programs, Result{name, n, output})
			case strings.HasPrefix(line, trouble):
				report.Troubles = append(report.Troubles, strings.TrimPrefix(line, trouble))
			case line == finished:
				report.Finished = true
			default:
				output = append(output, line)
			}
		}
		if err == io.EOF {
			return report, nil
		}
		if err != nil {
			return report, err
		}
	}
}
